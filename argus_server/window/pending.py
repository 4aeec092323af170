"""`Pending`: the rows of a batch on their way into a window, fewer after every check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.ingest.columns import Columns
from argus_server.window.ring import Ints

UNKNOWN: Final = -1
"""Row of a server the window does not hold yet."""

_SECOND_BITS: Final = 38
"""Bits a Unix time in seconds needs up to the year 9999, the contract's last."""


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """Rows in columns, all int64 [rows].

    Attributes:
        positions: Index in the batch.
        timestamp_ms: Unix milliseconds UTC.
        seconds: The same in whole seconds.
        steps: The same in whole steps.
        rows: Row of the server in the window, or `UNKNOWN`.
    """

    positions: Ints
    timestamp_ms: Ints
    seconds: Ints
    steps: Ints
    rows: Ints

    @staticmethod
    def of(
        columns: Columns, valid: npt.NDArray[np.bool_], index: Mapping[str, int], step_seconds: int
    ) -> Pending:
        """The valid rows of a batch, with the rows their servers have in the window."""
        names, timestamp_ms = columns.server_names, columns.timestamp_ms
        if valid.all():
            positions = np.arange(len(columns))
        else:
            positions = np.flatnonzero(valid)
            names = [names[position] for position in positions.tolist()]
            timestamp_ms = timestamp_ms[positions]
        try:
            rows = np.fromiter(map(index.__getitem__, names), np.int64, len(names))
        except KeyError:
            rows = np.fromiter((index.get(name, UNKNOWN) for name in names), np.int64, len(names))
        seconds = timestamp_ms // 1000
        return Pending(positions, timestamp_ms, seconds, seconds // step_seconds, rows)

    def __len__(self) -> int:
        return len(self.positions)

    def where(self, keep: npt.NDArray[np.bool_]) -> Pending:
        """The rows to keep, in the same order."""
        return self if keep.all() else self._at(np.flatnonzero(keep))

    def with_rows(self, rows: Ints) -> Pending:
        """The same samples with other rows in the window."""
        return replace(self, rows=rows)

    def sorted(self) -> tuple[Pending, npt.NDArray[np.bool_]]:
        """By row and second; samples of one second stay in the order they came in.

        Returns:
            The sorted rows, and which of them repeat the row and second before them, bool [rows].
        """
        keys = (self.rows << _SECOND_BITS) | self.seconds
        repeated = np.zeros(len(self), np.bool_)
        if (keys[1:] > keys[:-1]).all():
            return self, repeated
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        np.equal(keys[1:], keys[:-1], out=repeated[1:])
        return self._at(order), repeated

    def _at(self, places: Ints) -> Pending:
        return Pending(
            self.positions[places],
            self.timestamp_ms[places],
            self.seconds[places],
            self.steps[places],
            self.rows[places],
        )
