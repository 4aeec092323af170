"""Checkpoints: what a restart begins with, so that it need not replay a week.

    DIR/checkpoint/<number>/window-<n>.safetensors    servers of the window, some per file
    DIR/checkpoint/<number>/<name>.state              whatever else takes part
    DIR/checkpoint/<number>/manifest.json             position in the log, sources, checksum of every file

The window is copied while rows go on coming in. The position is noted before that, so everything before it is in the
copy; what came later may be or not, and replaying it changes nothing where it is, since a server and second counts
once. The directory gets its name only when all of it is on disk, and after everything it may contain has become durable
in the log. Two are kept: when one is damaged the other takes its place, with a longer replay.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import safetensors.numpy

from argus_server.store.errors import DamagedFile
from argus_server.store.segment import sync_directory
from argus_server.window.image import WindowImage

_LOG: Final = logging.getLogger(__name__)

KEPT: Final = 2

_FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_UNFINISHED: Final = ".tmp"
_STATE_SUFFIX: Final = ".state"
_IMAGES_PER_FILE: Final = 8


class Checkpointed(Protocol):
    """Something that wants to be as it was after a restart.

    Attributes:
        name: Names its file; letters, digits and dashes.
    """

    @property
    def name(self) -> str: ...

    def dump(self) -> bytes:
        """Its state. Called on a thread of the store, while others use it."""
        ...

    def load(self, data: bytes) -> None:
        """Becomes what `dump` gave, perhaps that of an older version; what it cannot use it ignores, and says so."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """Where things stood when a checkpoint was begun.

    Attributes:
        position: The first frame to replay.
        marks: Last committed sequence of every source.
        clock_ms: The server's clock, Unix milliseconds UTC.
        steps: Steps of the window.
        step_seconds: Length of one.
    """

    position: int
    marks: Mapping[str, int]
    clock_ms: int
    steps: int
    step_seconds: int


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A checkpoint on disk, checked.

    Attributes:
        path: Its directory.
        standing: Where things stood.
        created_ms: When it was written, Unix milliseconds UTC.
        size: Bytes.
        states: Other states, by name.
    """

    path: Path
    standing: Standing
    created_ms: int
    size: int
    states: Mapping[str, bytes] = field(repr=False)
    _windows: tuple[Mapping[str, Any], ...] = field(repr=False)

    def images(self) -> Iterable[WindowImage]:
        """The window's servers, read file by file.

        Raises:
            DamagedFile: A file is not what was written; what came before it is sound.
        """
        for entry in self._windows:
            arrays = safetensors.numpy.load(_checked(self.path, entry))
            for number, names in enumerate(entry["servers"]):
                prefix = f"{number}/"
                yield WindowImage(
                    tuple(names),
                    {
                        key.removeprefix(prefix): value
                        for key, value in arrays.items()
                        if key.startswith(prefix)
                    },
                )


class Checkpoints:
    """The checkpoints of a data directory.

    Args:
        directory: Where they are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, standing: Standing, images: Iterable[WindowImage], states: Mapping[str, bytes]) -> Path:
        """Writes a checkpoint that does not count yet.

        Args:
            standing: Noted before the first image was made.
            images: The window.
            states: Other states by name.

        Returns:
            What to give to `publish` once everything that was copied is durable.

        Raises:
            OSError: It cannot be written; nothing is left of it.
        """
        self._directory.mkdir(exist_ok=True)
        number = max((int(path.name) for path in self._paths()), default=0) + 1
        path = self._directory / f"{number:010d}{_UNFINISHED}"
        shutil.rmtree(path, ignore_errors=True)
        try:
            path.mkdir()
            self._fill(path, standing, images, states)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return path

    def publish(self, path: Path) -> None:
        """Makes a written checkpoint the newest, and removes those that are no longer kept.

        Raises:
            OSError: It cannot be named; the older ones stay.
        """
        os.rename(path, path.with_suffix(""))
        sync_directory(self._directory)
        for old in self._paths()[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def found(self) -> list[Checkpoint]:
        """Those that are sound but for their window files, newest first; a damaged one is named in the log."""
        sound = []
        for path in reversed(self._paths()):
            try:
                sound.append(_open(path))
            except (OSError, DamagedFile, ValueError, KeyError, TypeError) as error:
                _LOG.error("checkpoint %s cannot be used: %s", path, error)
        return sound

    def kept(self) -> list[Path]:
        """The newest, sound or not; older ones are being removed."""
        return self._paths()[-KEPT:]

    def oldest_position(self) -> int:
        """The first frame that a restart may want to replay, whichever checkpoint it begins with."""
        positions = []
        for path in self._paths():
            try:
                positions.append(int(_manifest(path)["position"]))
            except (OSError, DamagedFile, ValueError, KeyError, TypeError):
                return 0
        # A single one has nothing to fall back on but the log.
        return min(positions) if len(positions) >= KEPT else 0

    def clean(self) -> None:
        """Removes what a writer that was killed has left."""
        for path in self._directory.glob(f"*{_UNFINISHED}"):
            shutil.rmtree(path, ignore_errors=True)

    def discard(self, path: Path) -> None:
        """Removes a written checkpoint that is not to be published."""
        shutil.rmtree(path, ignore_errors=True)

    def _paths(self) -> list[Path]:
        """Directories of checkpoints, oldest first."""
        return sorted(path for path in self._directory.glob("*") if path.name.isdigit())

    def _fill(
        self, path: Path, standing: Standing, images: Iterable[WindowImage], states: Mapping[str, bytes]
    ) -> None:
        windows: list[dict[str, Any]] = []
        group: list[WindowImage] = []
        for image in images:
            group.append(image)
            if len(group) == _IMAGES_PER_FILE:
                windows.append(_write_images(path, len(windows), group))
                group = []
        if group:
            windows.append(_write_images(path, len(windows), group))
        others = {name: _write(path / f"{name}{_STATE_SUFFIX}", data) for name, data in states.items()}
        manifest = {
            "format_version": _FORMAT,
            "created_ms": time.time_ns() // 1_000_000,
            "position": standing.position,
            "clock_ms": standing.clock_ms,
            "steps": standing.steps,
            "step_seconds": standing.step_seconds,
            "sources": dict(standing.marks),
            "windows": windows,
            "states": others,
        }
        text = json.dumps(manifest)
        _write(path / _MANIFEST, f"{zlib.crc32(text.encode()):08x}\n{text}\n".encode())
        sync_directory(path)


def _write_images(path: Path, number: int, images: list[WindowImage]) -> dict[str, Any]:
    arrays = {f"{n}/{name}": array for n, image in enumerate(images) for name, array in image.arrays.items()}
    entry = _write(path / f"window-{number:05d}.safetensors", safetensors.numpy.save(arrays))
    return {**entry, "servers": [list(image.names) for image in images]}


def _write(path: Path, data: bytes) -> dict[str, Any]:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return {"file": path.name, "bytes": len(data), "crc32": zlib.crc32(data)}


def _checked(path: Path, entry: Mapping[str, Any]) -> bytes:
    """A file of a checkpoint, if it is as it was written."""
    data = (path / str(entry["file"])).read_bytes()
    if len(data) != entry["bytes"] or zlib.crc32(data) != entry["crc32"]:
        raise DamagedFile(f"{path / str(entry['file'])} is damaged: its checksum is not that of the manifest")
    return data


def _manifest(path: Path) -> dict[str, Any]:
    checksum, _, text = (path / _MANIFEST).read_text().rstrip("\n").partition("\n")
    if f"{zlib.crc32(text.encode()):08x}" != checksum:
        raise DamagedFile("its manifest is damaged")
    manifest: dict[str, Any] = json.loads(text)
    return manifest


def _open(path: Path) -> Checkpoint:
    manifest = _manifest(path)
    if manifest["format_version"] != _FORMAT:
        raise DamagedFile(f"it has format {manifest['format_version']}, and only {_FORMAT} can be read")
    states, windows = manifest["states"], manifest["windows"]
    return Checkpoint(
        path=path,
        standing=Standing(
            position=int(manifest["position"]),
            marks={str(source): int(sequence) for source, sequence in manifest["sources"].items()},
            clock_ms=int(manifest["clock_ms"]),
            steps=int(manifest["steps"]),
            step_seconds=int(manifest["step_seconds"]),
        ),
        created_ms=int(manifest["created_ms"]),
        size=sum(int(entry["bytes"]) for entry in (*states.values(), *windows)),
        states={name: _checked(path, entry) for name, entry in states.items()},
        _windows=tuple(windows),
    )
