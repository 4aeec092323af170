"""The models a server may use, and the one it uses: load beside, check, swap, roll back."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from argus_server.forecast import artifact
from argus_server.forecast.artifact import ArtifactError, ArtifactReason
from argus_server.forecast.device import DeviceProfile
from argus_server.forecast.forecaster import Forecaster


@dataclass(frozen=True, slots=True)
class ArtifactEntry:
    """An artifact found under the roots; listing reads its description only, it does not vouch for it.

    Attributes:
        path: Its directory.
        name: Its name; the directory's when its description cannot be read.
        revision: Its revision; empty when its description cannot be read.
        in_use: Whether the current forecaster serves it.
    """

    path: Path
    name: str
    revision: str
    in_use: bool


class ModelRegistry:
    """Holds the current forecaster. All methods may be called from any thread.

    A failed load changes nothing: the forecaster in use stays in use.

    Args:
        roots: Directories that are artifacts or hold artifacts; nothing outside them is ever loaded.
        profile: Processor the forecasters run on.
        step_seconds: Step of the server's windows; artifacts with another one are refused. None accepts any.
        max_context_steps: Steps the server's windows keep; artifacts that look further back are refused. None
            accepts any.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        profile: DeviceProfile,
        *,
        step_seconds: int | None = None,
        max_context_steps: int | None = None,
    ) -> None:
        self._roots = tuple(root.resolve() for root in roots)
        self._profile = profile
        self._step_seconds = step_seconds
        self._max_context_steps = max_context_steps
        # Loads are serial; readers never wait, they take the reference that is there.
        self._loading = threading.Lock()
        self._current = Forecaster(None, profile)
        self._previous: Forecaster | None = None

    @property
    def current(self) -> Forecaster:
        """The forecaster in use; it serves FALLBACK only until a model was loaded."""
        return self._current

    def artifacts(self) -> list[ArtifactEntry]:
        """Artifacts under the roots, by path."""
        found = {
            config.parent
            for root in self._roots
            for config in (root / artifact.CONFIG_FILE, *root.glob(f"*/{artifact.CONFIG_FILE}"))
            if config.is_file() and not config.parent.name.startswith(".")
        }
        return [self._entry(path) for path in sorted(found)]

    def reload(self, path: Path) -> Forecaster:
        """Load an artifact beside the current model, check it, and swap it in.

        Raises:
            ArtifactError: It is outside the roots or fails a check; the current model stays in use.
        """
        resolved = path.resolve()
        if not any(resolved == root or root in resolved.parents for root in self._roots):
            raise ArtifactError(
                ArtifactReason.OUTSIDE_ROOTS,
                f"{path} is not under {', '.join(map(str, self._roots)) or 'any model directory'}",
            )
        with self._loading:
            model = artifact.load(
                resolved, step_seconds=self._step_seconds, max_context_steps=self._max_context_steps
            )
            forecaster = Forecaster(model, self._profile)
            self._previous, self._current = self._current, forecaster
            return forecaster

    def roll_back(self) -> Forecaster:
        """Swap the current forecaster with the one before it; rolling back twice undoes it.

        Raises:
            LookupError: There was no model before this one.
        """
        with self._loading:
            if self._previous is None or self._previous.model is None:
                raise LookupError("there is no earlier model to roll back to")
            self._previous, self._current = self._current, self._previous
            return self._current

    def _entry(self, path: Path) -> ArtifactEntry:
        model = self._current.model
        try:
            config = json.loads((path / artifact.CONFIG_FILE).read_text(encoding="utf-8"))
            name = str(config["name"])
            revision = artifact.revision_of(name, str(config["weights_sha256"]))
        except (OSError, ValueError, KeyError, TypeError):
            return ArtifactEntry(path, path.name, "", False)
        return ArtifactEntry(path, name, revision, model is not None and model.revision == revision)
