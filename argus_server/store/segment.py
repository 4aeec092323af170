"""Segments: files that frames are appended to."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa

from argus_server.store.errors import DamagedFile
from argus_server.store.frames import Damage, Frame, encode_header, read_header, scan

SUFFIX: Final = ".seg"
_DIGITS: Final = 16
_MOST_PARTS: Final = 512  # well below the kernel's limit for one writev, which is 1,024


def segment_path(directory: Path, first_sequence: int) -> Path:
    """Where the segment that begins with a frame lies."""
    return directory / f"{first_sequence:0{_DIGITS}d}{SUFFIX}"


def segment_paths(directory: Path) -> list[Path]:
    """The segments of a directory, oldest first."""
    return sorted(path for path in directory.glob(f"*{SUFFIX}") if path.stem.isdigit())


def sync_directory(directory: Path) -> None:
    """Makes names of a directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(slots=True)
class Segment:
    """What is known of a segment without reading it.

    Attributes:
        path: Where it is.
        first: Sequence of its first frame.
        next: Sequence that follows its last frame.
        size: Bytes that hold sound frames, from the start of the file.
        rows: Rows of its frames.
        min_ms: Least timestamp; above `max_ms` while there are no rows.
        max_ms: Greatest timestamp.
        closed: Whether nothing will be appended to it.
        created_at: When it was begun, on a monotonic clock; 0 for one that was found.
    """

    path: Path
    first: int
    next: int
    size: int = 0
    rows: int = 0
    min_ms: int = 1 << 62
    max_ms: int = -1
    closed: bool = False
    created_at: float = field(default=0.0, compare=False)

    def grow(self, sequence: int, rows: int, bounds_ms: tuple[int, int]) -> None:
        """Counts one more frame."""
        self.next = max(self.next, sequence + 1)
        self.rows += rows
        if rows:
            self.min_ms = min(self.min_ms, bounds_ms[0])
            self.max_ms = max(self.max_ms, bounds_ms[1])


class SegmentFile:
    """A segment being written.

    Args:
        path: A name that no sound segment has.
        schema: Of its batches.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.size = 0
        self.spoiled = False
        self._header: bytes | None = encode_header(schema)
        # What an earlier attempt has left under this name holds no frame that was ever acknowledged.
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def append(self, parts: Sequence[bytes | memoryview], sync: bool) -> None:
        """Writes all of a frame or nothing.

        Raises:
            OSError: It cannot be written. What was written of it is cut off again; where even that fails, `spoiled` is
                set and nothing more may be appended to this segment.
        """
        whole = [self._header, *parts] if self._header is not None else list(parts)
        try:
            written = self._write(whole)
            if sync:
                os.fsync(self._file)
                if self._header is not None:
                    sync_directory(self.path.parent)
        except OSError as error:
            self._undo()
            # A kernel that has failed to sync may have dropped the pages: what it says of this file is not to be
            # trusted. One that is too long stays so.
            self.spoiled |= sync or error.errno == errno.EFBIG
            raise
        self._header = None
        self.size += written

    def close(self) -> None:
        """Ends the segment; removes it if nothing was ever appended."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if self._header is not None:
                with contextlib.suppress(OSError):
                    self.path.unlink()

    def _write(self, parts: Sequence[bytes | memoryview]) -> int:
        waiting = [memoryview(part) for part in parts if len(part)]
        total = sum(map(len, waiting))
        while waiting:
            written = os.writev(self._file, waiting[:_MOST_PARTS])
            while waiting and written >= len(waiting[0]):
                written -= len(waiting.pop(0))
            if written:
                waiting[0] = waiting[0][written:]
        return total

    def _undo(self) -> None:
        try:
            os.ftruncate(self._file, self.size)
        except OSError:
            self.spoiled = True


def segment_schema(path: Path, fallback: pa.Schema) -> tuple[pa.Schema, int]:
    """Schema of a segment and where its frames begin; what is expected of it if its header is damaged.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        try:
            return read_header(file)
        except DamagedFile:
            return fallback, len(encode_header(fallback))


def frames_of(segment: Segment, fallback: pa.Schema) -> Iterator[tuple[Frame, pa.Schema]]:
    """The sound frames of a segment, each with the schema of its batch.

    Args:
        segment: What was appended to it since is left out.
        fallback: Schema to assume where the header is damaged.

    Raises:
        OSError: It cannot be read.
    """
    schema, start = segment_schema(segment.path, fallback)
    with segment.path.open("rb") as file:
        for found in scan(file, start, segment.size):
            if isinstance(found, Frame) and found.sequence < segment.next:
                yield found, schema


@dataclass(frozen=True, slots=True)
class Inspection:
    """A segment as it was found.

    Attributes:
        segment: What it holds.
        damaged: Places inside it that hold no frame.
        torn_bytes: Bytes behind the last sound frame.
    """

    segment: Segment
    damaged: tuple[Damage, ...]
    torn_bytes: int


def inspect(path: Path, fallback: pa.Schema) -> Inspection:
    """Reads a segment and checks every frame.

    Raises:
        OSError: It cannot be read.
    """
    first = int(path.stem)
    segment = Segment(path, first, first, closed=True)
    damaged: list[Damage] = []
    torn = 0
    with path.open("rb") as file:
        try:
            _, start = read_header(file)
        except DamagedFile:
            start, size = len(encode_header(fallback)), os.fstat(file.fileno()).st_size
            if size < start:
                # The process ended between making the file and its first frame.
                return Inspection(segment, (), size)
            damaged.append(Damage(0, start, at_end=False))
        segment.size = start
        for found in scan(file, start):
            if isinstance(found, Frame):
                segment.grow(found.sequence, found.rows, (found.min_ms, found.max_ms))
                segment.size = found.offset + found.size
            elif found.at_end:
                torn = found.size
            else:
                damaged.append(found)
    return Inspection(segment, tuple(damaged), torn)
