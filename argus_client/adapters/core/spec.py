"""`AdapterSpec`: what a source module says about itself, and what it is given to build a source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.pull import PullSource
from argus_client.adapters.push import PushSource
from argus_client.adapters.source import wall_ms


def _unheard(notice: str) -> None:
    """Takes a notice nobody listens to."""


def _uncounted(problem: str, rows: int, example: str) -> None:
    """Takes a count nobody keeps."""


def _unnoted(event: str, times: int) -> None:
    """Takes a count nobody keeps."""


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source may need beside its own table of the configuration.

    Attributes:
        name: Name of the adapter, `[adapter] name`.
        overlap_seconds: How far before the newest time seen a source goes on once it has caught up.
        mapping: Which fields are wanted: to fetch no others, and to know the field of the time.
        base_dir: Where relative paths of the configuration start: the directory of its file.
        config_path: The file itself; None when there is none. Secrets in it deserve a look at who may read it.
        now_ms: Clock, Unix milliseconds UTC.
        warn: Takes one line for whoever runs the adapter.
        refuse: Counts rows that the source could not even read, as `(problem, rows, example)`: `("not_json", 1, "{")`.
            The problem is a word for a metric's label; the example is shown to people, shortened and never a secret.
            Where a first run brings rows that are refused and none that can be mapped, it ends as with a wrong
            configuration; see `Page.problem` for input that is not made of rows.
        count: Counts what happens at the source, for the metrics: `(event, times)`, as `("points_ignored", 7)`.
    """

    name: str = "adapter"
    overlap_seconds: float = 120.0
    mapping: MappingConfig = field(default_factory=MappingConfig)
    base_dir: Path = Path()
    config_path: Path | None = None
    now_ms: Callable[[], int] = wall_ms
    warn: Callable[[str], None] = _unheard
    refuse: Callable[[str, int, str], None] = _uncounted
    count: Callable[[str, int], None] = _unnoted


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """One kind of source. A module `argus_client/adapters/NAME.py` exports it as `SPEC`.

    Attributes:
        name: What it is called on the command line.
        summary: One line for `argus adapter list`.
        template: The commented TOML that `argus adapter init NAME` writes. It loads and validates as it is.
        build: Makes a source that is asked, from the `[source]` table.
        serve: Makes a source that is sent to; exactly one of `build` and `serve` is set.
        presets: Mappings by name, for `[mapping] preset = "NAME"`: TOML text of what stands below `[mapping]`.
        preset: The one that holds when the configuration names none; empty is that of the contract's own names.
        identity: What of the `[source]` table says where rows come from, without secrets. A cursor is refused when this
            has changed. None takes the whole table but for keys that look like secrets.
        convert: Makes the TOML text of a configuration from that of another program, for `init NAME --from FILE`.

    Raises:
        ValueError: neither or both of `build` and `serve` are set, or the preset is not one of the presets.
    """

    name: str
    summary: str
    template: str
    build: Callable[[Mapping[str, object], SourceContext], PullSource] | None = None
    serve: Callable[[Mapping[str, object], SourceContext], PushSource] | None = None
    presets: Mapping[str, str] = field(default_factory=dict)
    preset: str = ""
    identity: Callable[[Mapping[str, object]], object] | None = None
    convert: Callable[[Mapping[str, object]], str] | None = None

    def __post_init__(self) -> None:
        if (self.build is None) == (self.serve is None):
            raise ValueError(f"AdapterSpec {self.name!r} must have exactly one of build and serve.")
        if self.preset and self.preset not in self.presets:
            raise ValueError(f"AdapterSpec {self.name!r} names the preset {self.preset!r}, which it lacks.")
