"""What files a table consists of, and which of them a reader is to see.

    DIR/log/TABLE/<first>.seg                                   frames from number <first> on
    DIR/tables/TABLE/date=YYYY-MM-DD/<first>-<last>-<crc>.parquet
                                                                rows of one day from frames <first> to <last>
    DIR/tables/TABLE/_rolled                                    the first frame that is not in Parquet yet

A row is read from Parquet if its frame lies before `_rolled`, and from a segment if not: moving that one number is what
makes a roll take effect, all at once. A Parquet file that spans another one of the same day has taken its rows over and
hides it. So neither a roll nor a compaction ever shows a row twice or not at all, and one that was cut short is undone
by ignoring what it left. Files that are being read are removed only when nobody reads them any more.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from argus_server.store.segment import Segment, inspect, segment_paths, sync_directory
from argus_server.store.tables import DAY_MS, Table

_LOG: Final = logging.getLogger(__name__)

ROLLED_FILE: Final = "_rolled"  # readers of data sets skip names with an underscore
UNFINISHED: Final = ".tmp"

_PARTITION: Final = re.compile(r"date=(\d{4}-\d{2}-\d{2})")
_PART: Final = re.compile(r"(\d{16})-(\d{16})(?:-([0-9a-f]{8}))?\.parquet")


@dataclass(frozen=True, slots=True)
class Part:
    """A Parquet file: rows of one day.

    Attributes:
        path: Where it is.
        day: Day of all its rows.
        first: First frame its rows came from.
        last: Last one.
        size: Bytes.
        checksum: That of its footer; empty in the name of an older file.
    """

    path: Path
    day: date
    first: int
    last: int
    size: int
    checksum: str = ""

    def hides(self, other: Part) -> bool:
        """Whether the other one's rows are in this one."""
        return (
            self.day == other.day
            and (self.first, self.last) != (other.first, other.last)
            and self.first <= other.first
            and other.last <= self.last
        )


@dataclass(frozen=True, slots=True)
class View:
    """Files that together hold every row of a table, and each once.

    Attributes:
        parts: Parquet files.
        segments: Segments as they stood; what was appended since is not part of the view.
    """

    parts: tuple[Part, ...]
    segments: tuple[Segment, ...]


@dataclass(slots=True)
class Findings:
    """What opening a table has found amiss."""

    torn_bytes: int = 0
    damaged_places: int = 0


class Catalog:
    """Files of one table. Thread-safe.

    Args:
        root: The data directory.
        table: Whose files.
        writable: Whether to make directories and to clean up; not while somebody else may write.

    Raises:
        OSError: The directory cannot be read, or not be made.
    """

    def __init__(self, root: Path, table: Table, writable: bool = True) -> None:
        self.table = table
        self.log_directory = root / "log" / table.name
        self.directory = root / "tables" / table.name
        self.findings = Findings()
        self._lock = threading.RLock()
        self._pins: Counter[Path] = Counter()
        self._doomed: set[Path] = set()
        if writable:
            self.log_directory.mkdir(parents=True, exist_ok=True)
            self.directory.mkdir(parents=True, exist_ok=True)
        self._rolled = self._read_rolled()
        self._segments = self._find_segments(writable)
        self._parts = self._find_parts(writable)
        self._next = max([self._rolled, *(segment.next for segment in self._segments)])

    @property
    def rolled(self) -> int:
        """The first frame that is not in Parquet yet."""
        return self._rolled

    @property
    def next_sequence(self) -> int:
        """Number of the next frame: everything before it is durable."""
        with self._lock:
            return self._next

    def skip_to(self, sequence: int) -> None:
        """Numbers frames from here on, if that is further than they have come."""
        with self._lock:
            self._next = max(self._next, sequence)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Parquet files, by day and frames."""
        with self._lock:
            return tuple(self._parts)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Segments as they stand, oldest first."""
        with self._lock:
            return tuple(replace(segment) for segment in self._segments)

    # Segments.

    def begin(self, segment: Segment) -> None:
        """A new segment is being written."""
        with self._lock:
            self._segments.append(segment)

    def grow(self, size: int, sequence: int, rows: int, bounds_ms: tuple[int, int]) -> None:
        """A frame has become durable in the newest segment."""
        with self._lock:
            segment = self._segments[-1]
            segment.grow(sequence, rows, bounds_ms)
            segment.size = size
            self._next = sequence + 1

    def close(self) -> None:
        """Nothing more is written to the newest segment."""
        with self._lock:
            segment = self._segments[-1]
            segment.closed = True
            if segment.next == segment.first:
                self._segments.pop()

    def unrolled(self) -> Segment | None:
        """The oldest closed segment that is not in Parquet yet."""
        with self._lock:
            return next((s for s in self._segments if s.closed and s.first >= self._rolled), None)

    def release(self, covered: int) -> int:
        """Removes segments that are in Parquet and that no restart needs; returns how many.

        Args:
            covered: The first frame that a restart would replay.
        """
        with self._lock:
            needed = min(self._rolled, covered) if self.table.replayed else self._rolled
            gone = [segment for segment in self._segments if segment.closed and segment.next <= needed]
            self._segments = [segment for segment in self._segments if segment not in gone]
            self._remove(segment.path for segment in gone)
            return len(gone)

    # Parquet.

    def part_path(self, day: int, first: int, last: int) -> Path:
        """Where the rows of a day, counted from 1970-01-01, and some frames go; a checksum is added to the name."""
        partition = self.directory / f"date={_date(day).isoformat()}"
        partition.mkdir(exist_ok=True)
        return partition / f"{first:016d}-{last:016d}.parquet"

    def commit_roll(self, segment: Segment, paths: Iterable[Path]) -> None:
        """Makes readers turn from a segment to the files made of it.

        Raises:
            OSError: It cannot be noted; readers go on with the segment.
        """
        made = [part for path in paths if (part := _part(path)) is not None]
        unfinished = self.directory / f"{ROLLED_FILE}{UNFINISHED}"
        with unfinished.open("w") as file:
            file.write(f"{segment.next}\n")
            file.flush()
            os.fsync(file.fileno())
        with self._lock:
            os.replace(unfinished, self.directory / ROLLED_FILE)
            self._rolled = segment.next
            self._parts = sorted([*self._parts, *made], key=_by_day)
        sync_directory(self.directory)

    def replace_parts(self, old: Iterable[Part], new: Path) -> None:
        """Makes readers turn from some files to the one that was made of them."""
        gone = list(old)
        made = _part(new)
        with self._lock:
            kept = [part for part in self._parts if part not in gone]
            self._parts = sorted([*kept, *([made] if made else [])], key=_by_day)
            self._remove(part.path for part in gone)

    def drop_parts(self, parts: Iterable[Part]) -> None:
        """Removes files for good."""
        gone = list(parts)
        with self._lock:
            self._parts = [part for part in self._parts if part not in gone]
            self._remove(part.path for part in gone)

    @contextmanager
    def view(self, start_ms: int, end_ms: int) -> Iterator[View]:
        """The files that hold rows of a time span; they stay for as long as the block lasts."""
        days = (_date(start_ms // DAY_MS), _date(-(-end_ms // DAY_MS)))
        with self._lock:
            seen = View(
                tuple(part for part in self._parts if days[0] <= part.day < days[1]),
                tuple(
                    replace(segment)
                    for segment in self._segments
                    if segment.first >= self._rolled
                    and segment.min_ms < end_ms
                    and segment.max_ms >= start_ms
                ),
            )
            paths = [part.path for part in seen.parts] + [segment.path for segment in seen.segments]
            self._pins.update(paths)
        try:
            yield seen
        finally:
            with self._lock:
                self._pins.subtract(paths)
                self._pins += Counter()
                ready = [path for path in paths if path in self._doomed and not self._pins[path]]
                self._doomed.difference_update(ready)
                _unlink(ready)

    def _remove(self, paths: Iterable[Path]) -> None:
        paths = list(paths)
        self._doomed.update(path for path in paths if self._pins[path])
        _unlink(path for path in paths if not self._pins[path])

    # What is there at the start.

    def _read_rolled(self) -> int:
        try:
            return int((self.directory / ROLLED_FILE).read_text())
        except FileNotFoundError:
            pass
        except ValueError:
            _LOG.error("%s is damaged; the files beside it are trusted", self.directory / ROLLED_FILE)
        parts = self._listed_parts()
        # Segments are named by their first frame.
        oldest = min((int(path.stem) for path in segment_paths(self.log_directory)), default=1 << 62)
        # What is still in segments can be made anew; what is not must have been rolled to its end.
        return max((part.last + 1 for part in parts if part.first < oldest), default=0)

    def _listed_parts(self) -> list[Part]:
        return [part for path in self.directory.glob("date=*/*") if (part := _part(path)) is not None]

    def _find_parts(self, clean: bool) -> list[Part]:
        found = [part for part in self._listed_parts() if part.last < self._rolled]
        parts = [part for part in found if not any(other.hides(part) for other in found)]
        if clean:
            kept = {part.path for part in parts}
            files = list(self.directory.glob("date=*/*"))
            _unlink(path for path in files if path not in kept and _is_ours(path))
        return sorted(parts, key=_by_day)

    def _find_segments(self, clean: bool) -> list[Segment]:
        paths = segment_paths(self.log_directory)
        segments = []
        for path in paths:
            found = inspect(path, self.table.schema)
            for damage in found.damaged:
                self.findings.damaged_places += 1
                _LOG.error(
                    "%s is damaged: %d bytes from %d on hold no sound frame; %s; what follows is used",
                    *(path, damage.size, damage.offset, self._cost(found.segment)),
                )
            if found.torn_bytes and path != paths[-1]:
                self.findings.damaged_places += 1
                _LOG.error(
                    "%s is damaged: its last %d bytes hold no sound frame; %s",
                    *(path, found.torn_bytes, self._cost(found.segment)),
                )
            elif found.torn_bytes:
                self.findings.torn_bytes += found.torn_bytes
                _LOG.warning("%s ended in %d bytes of an unfinished frame", path, found.torn_bytes)
                if clean:
                    os.truncate(path, found.segment.size)
            if found.segment.next > found.segment.first:
                segments.append(found.segment)
            elif clean:
                path.unlink()
        for earlier, later in pairwise(segments):
            # A frame whose sync failed was written again to the next segment, and the disk may hold both.
            earlier.next = min(earlier.next, later.first)
        return segments

    def _cost(self, segment: Segment) -> str:
        """What damage to a segment means."""
        if segment.next > self._rolled:
            return "their rows are lost"
        return "no row is lost, as Parquet was made of them before; only a replay into the windows lacks them"


def _by_day(part: Part) -> tuple[date, int]:
    return part.day, part.first


def _date(day: int) -> date:
    """The day so many days after 1970-01-01, kept within what a date can be."""
    return datetime.fromtimestamp(min(max(day, 0), 2_932_896) * 86_400, UTC).date()


def _part(path: Path) -> Part | None:
    partition, name = _PARTITION.fullmatch(path.parent.name), _PART.fullmatch(path.name)
    if partition is None or name is None:
        return None
    day, size = date.fromisoformat(partition[1]), path.stat().st_size
    return Part(path, day, int(name[1]), int(name[2]), size, name[3] or "")


def _is_ours(path: Path) -> bool:
    return path.name.endswith(UNFINISHED) or _PART.fullmatch(path.name) is not None


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _LOG.error("%s is no longer needed and cannot be removed: %s", path, error.strerror)
        else:
            with contextlib.suppress(OSError):  # other files are in it
                if _PARTITION.fullmatch(path.parent.name):
                    path.parent.rmdir()
