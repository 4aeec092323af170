"""Files of contract rows as a source: Parquet, Arrow or CSV, in order of time, at any speed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus_client.adapters.columns import SERVER_NAME, STATE, TIMESTAMP, ColumnReader
from argus_client.adapters.pace import paced
from argus_client.adapters.source import Stop, in_batches
from argus_client.adapters.tables import FileFormatError, TableFile
from argus_client.samples import METRICS, Samples

_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """What a file holds and what of it is replayed.

    Attributes:
        format: `parquet`, `arrow` or `csv`.
        rows: rows that will be replayed.
        server_names: servers that will be replayed, sorted.
        first_ms, last_ms: earliest and latest time of these servers; None without rows.
        in_order: whether their rows lie in order of time, then server; others are sorted on the way.
        ignored_columns: columns that are not of the contract.
        missing_columns: contract columns that the file lacks; they are sent as not measured.
    """

    format: str
    rows: int
    server_names: tuple[str, ...]
    first_ms: int | None
    last_ms: int | None
    in_order: bool
    ignored_columns: tuple[str, ...]
    missing_columns: tuple[str, ...]


class ReplaySource:
    """Rows of one file, ordered by time, then by server, so that event time only moves forward.

    A file in that order is streamed. Any other is read once for every `window_rows` rows, each time for the
    next window of time, so that memory stays bounded.

    Args:
        path: Parquet, Arrow IPC (file or stream) or CSV with a header; columns in any order.
        servers: replay only the first so many servers by name.
        rows: replay only the first so many rows.
        batch_rows: rows of a batch at most.
        speed: 0 = as fast as they are taken; 1 = as fast as they were recorded; 300 = 300 times that.
        window_rows: rows of an unordered file that are held and sorted at once.
        monotonic: clock of the pace; another than the default is for tests.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        servers: int | None = None,
        rows: int | None = None,
        batch_rows: int = 1000,
        speed: float = 0.0,
        window_rows: int = 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, value, least in (
            ("servers", servers, 1),
            ("rows", rows, 1),
            ("batch_rows", batch_rows, 1),
            ("speed", speed, 0),
            ("window_rows", window_rows, 1),
        ):
            if value is not None and not value >= least:
                raise ValueError(f"{name} must be {least} or more; got {value}.")
        self._path = Path(path)
        self._servers = servers
        self._rows = rows
        self._batch_rows = batch_rows
        self._speed = speed
        self._window_rows = window_rows
        self._monotonic = monotonic

    @property
    def name(self) -> str:
        """`replay:` and the file's name."""
        return f"replay:{self._path.name}"

    def inspect(self) -> ReplaySummary:
        """Read times and names of the whole file, once, and check that it can be replayed.

        Raises:
            FileNotFoundError: there is no such file.
            FileFormatError: it is damaged or does not hold contract rows.
            MissingExtraError: pyarrow is not installed.
        """
        contract = {TIMESTAMP, SERVER_NAME, STATE, *METRICS}
        columns = self._table.columns
        order = self._order
        return ReplaySummary(
            format=self._table.format,
            rows=order.rows if self._rows is None else min(self._rows, order.rows),
            server_names=tuple(self._ranks),
            first_ms=order.first_ms,
            last_ms=order.last_ms,
            in_order=order.in_order,
            ignored_columns=tuple(name for name in columns if name not in contract),
            missing_columns=tuple(name for name in (STATE, *METRICS) if name not in columns),
        )

    def batches(self, stop: Stop) -> Iterator[Samples]:
        """Rows in batches of at most `batch_rows`, until the end of the file or until `stop` is set.

        Raises:
            FileNotFoundError, FileFormatError, MissingExtraError: as `inspect`, or at the first bad cell.
        """
        rows = self._streamed() if self._order.in_order else self._sorted()
        for samples in paced(self._limited(rows), self._speed, stop, monotonic=self._monotonic):
            for batch in in_batches(samples, self._batch_rows):
                if stop.is_set():
                    return
                yield batch

    @cached_property
    def _table(self) -> TableFile:
        table = TableFile(self._path)
        for column in (TIMESTAMP, SERVER_NAME):
            if column not in table.columns:
                raise FileFormatError(
                    table.path, f"is missing; the file has {', '.join(table.columns)}.", column=column
                )
        if not set(METRICS) & set(table.columns):
            raise FileFormatError(table.path, f"has no metric column; known are {', '.join(METRICS)}.")
        return table

    @cached_property
    def _reader(self) -> ColumnReader:
        return ColumnReader(self._path)

    @cached_property
    def _ranks(self) -> dict[str, int]:
        """Place by name of each server to replay."""
        names: set[str] = set()
        for first_row, batch in self._table.batches([SERVER_NAME]):
            names.update(self._reader.server_names(batch.column(0), first_row)[1])
        return {name: rank for rank, name in enumerate(sorted(names)[: self._servers])}

    @cached_property
    def _order(self) -> _Order:
        order = _Order()
        for first_row, batch in self._table.batches([TIMESTAMP, SERVER_NAME]):
            stamps, ranks = self._keys(batch, first_row)
            kept = ranks >= 0
            order.add(stamps[kept], ranks[kept])
        return order

    def _keys(self, batch: Any, first_row: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Time of each row, and the rank of its server: -1 = not to be replayed."""
        stamps = self._reader.timestamp_ms(batch.column(TIMESTAMP), first_row)
        indices, names = self._reader.server_names(batch.column(SERVER_NAME), first_row)
        ranks = np.array([self._ranks.get(name, -1) for name in names], np.int64)
        return stamps, ranks[indices]

    def _pieces(self, first_ms: float, end_ms: float) -> Iterator[tuple[Samples, NDArray[np.int64]]]:
        """Rows of a window of time in file order, with the rank of each row's server."""
        names = np.array(list(self._ranks), np.object_)
        columns = [name for name in self._table.columns if name in {TIMESTAMP, SERVER_NAME, STATE, *METRICS}]
        for first_row, batch in self._table.batches(columns):
            stamps, ranks = self._keys(batch, first_row)
            kept = np.flatnonzero((ranks >= 0) & (stamps >= first_ms) & (stamps < end_ms))
            if not len(kept):
                continue
            state = np.zeros(len(stamps), np.int8)
            if STATE in columns:
                state = self._reader.state(batch.column(STATE), first_row)
            metrics = self._reader.metrics(batch, first_row)
            ranks = ranks[kept]
            yield Samples(stamps[kept], names[ranks], state[kept], metrics[kept]), ranks

    def _streamed(self) -> Iterator[Samples]:
        for samples, _ in self._pieces(-np.inf, np.inf):
            yield samples

    def _sorted(self) -> Iterator[Samples]:
        for first_ms, end_ms in self._order.windows(self._window_rows):
            pieces = list(self._pieces(first_ms, end_ms))
            samples = Samples.concat([piece for piece, _ in pieces])
            ranks = np.concatenate([rank for _, rank in pieces])
            order = np.lexsort((ranks, samples.timestamp_ms))
            yield Samples(
                samples.timestamp_ms[order],
                samples.server_name[order],
                samples.state[order],
                samples.metrics[order],
            )

    def _limited(self, chunks: Iterator[Samples]) -> Iterator[Samples]:
        left = self.inspect().rows
        for samples in chunks:
            yield samples.rows(0, left)
            left -= min(left, len(samples))
            if not left:
                return


class _Order:
    """What is learnt about the order of rows by seeing them once: enough to cut them into windows of time."""

    def __init__(self) -> None:
        self.rows = 0
        self.in_order = True
        self.first_ms: int | None = None
        self.last_ms: int | None = None
        self._last_key: tuple[int, int] | None = None
        self._per_minute: Counter[int] = Counter()

    def add(self, stamps: NDArray[np.int64], ranks: NDArray[np.int64]) -> None:
        """See the next rows of the file."""
        if not len(stamps):
            return
        first = (int(stamps[0]), int(ranks[0]))
        step = np.diff(stamps)
        forward = bool(((step > 0) | ((step == 0) & (np.diff(ranks) >= 0))).all())
        self.in_order &= forward and (self._last_key is None or self._last_key <= first)
        self._last_key = (int(stamps[-1]), int(ranks[-1]))
        low, high = int(stamps.min()), int(stamps.max())
        self.first_ms = low if self.first_ms is None else min(self.first_ms, low)
        self.last_ms = high if self.last_ms is None else max(self.last_ms, high)
        self.rows += len(stamps)
        minutes, counts = np.unique(stamps // _MINUTE_MS, return_counts=True)
        self._per_minute.update(dict(zip(minutes.tolist(), counts.tolist(), strict=True)))

    def windows(self, rows: int) -> Iterator[tuple[float, float]]:
        """Adjoining windows (first, end) in milliseconds, of whole minutes and about `rows` rows at most."""
        first_ms, held = -np.inf, 0
        for minute in sorted(self._per_minute):
            count = self._per_minute[minute]
            if held and held + count > rows:
                yield first_ms, minute * _MINUTE_MS
                first_ms, held = minute * _MINUTE_MS, 0
            held += count
        yield first_ms, np.inf
