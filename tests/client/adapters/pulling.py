"""Reading a source as the runner does, and telling what it brought."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.spec import AdapterSpec, SourceContext
from argus_client.adapters.pull import Cursor, PullSource

NOW_MS = 1_738_324_800_000
"""2025-01-31T12:00:00Z."""


@dataclass
class Harness:
    """Makes sources, and hears what they say.

    Args:
        spec: What kind of source.

    Attributes:
        built: All sources of a test, which are closed behind it, also when it fails.
        warnings: The lines for whoever runs the adapter.
        refused: Rows the source could not read, by problem.
        now_ms: What its clock shows.
    """

    built: ClassVar[list[PullSource]] = []

    spec: AdapterSpec
    overlap_seconds: float = 120.0
    now_ms: int = NOW_MS
    base_dir: Path = Path()
    warnings: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def build(self, values: Mapping[str, object], mapping: Mapping[str, object] | None = None) -> PullSource:
        """A source of a `[source]` table."""
        context = SourceContext(
            overlap_seconds=self.overlap_seconds,
            mapping=MappingConfig.from_table(mapping or {}, self.spec.presets, self.spec.preset),
            base_dir=self.base_dir,
            now_ms=lambda: self.now_ms,
            warn=self.warnings.append,
            refuse=self._refuse,
        )
        assert self.spec.build is not None
        self.built.append(self.spec.build(values, context))
        return self.built[-1]

    def _refuse(self, problem: str, rows: int, example: str) -> None:
        self.refused[problem] += rows


async def close_built() -> None:
    """Closes every source that was built."""
    while Harness.built:
        await Harness.built.pop().close()


def through_disk(cursor: Cursor) -> Cursor:
    """The cursor as it comes back from a file."""
    loaded: dict[str, object] = json.loads(json.dumps(dict(cursor)))
    return loaded


async def read_all(
    source: PullSource, cursor: Cursor, *, limit: int = 10, column: str = "n", pages: int = 1000
) -> tuple[list[Any], Cursor]:
    """Values of a field of every record up to the last page, and the cursor after it."""
    values: list[Any] = []
    for _ in range(pages):
        page = await source.fetch(through_disk(cursor), limit)
        cursor = page.cursor
        found = page.records.column(column)
        values += [] if found is None else list(found)
        if page.is_last:
            return values, cursor
    raise AssertionError(f"no end after {pages} pages")
