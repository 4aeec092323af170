"""Times of rows: a server has one row at a time, and no row lies years from the next.

Both are refused, never mended: of two rows at one time nobody can say which is right, and one mistaken date would
stretch a server's regular grid over decades.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]

MOST_GAP_DAYS: Final = 366
"""Days between two rows of a server, at most."""

_DAY_MS: Final = 86_400_000


def first_fault(codes: Int64Array, times: Int64Array) -> tuple[int, str] | None:
    """What is wrong with rows that are sorted by server and then by time.

    Args:
        codes: Number of each row's server, [rows].
        times: Unix milliseconds UTC, [rows].

    Returns:
        The later row of the first pair at fault, and what it does that it must not; None if all is well.
    """
    same = np.diff(codes) == 0
    steps = np.diff(times)
    repeated = np.flatnonzero(same & (steps == 0))
    if len(repeated):
        row = int(repeated[0]) + 1
        return row, (
            f"has a row at {_shown(times[row])} already ({len(repeated)} such rows); keep one row per server and time"
        )
    far = np.flatnonzero(same & (steps > MOST_GAP_DAYS * _DAY_MS))
    if len(far):
        row = int(far[0]) + 1
        return row, (
            f"has no row between {_shown(times[row - 1])} and {_shown(times[row])}, {steps[row - 1] // _DAY_MS:,} days "
            f"({MOST_GAP_DAYS} are allowed); mend the date that is mistaken, or give one side of the gap only"
        )
    return None


def _shown(time_ms: np.int64) -> str:
    return datetime.fromtimestamp(int(time_ms) / 1000, UTC).isoformat()


class TimeOrder:
    """Watches rows go by and notes the servers that must be looked at again, sorted.

    As long as a server's rows come one after the other, none can be at the time of another; then a data set larger
    than memory need not be sorted to know.

    Attributes:
        doubtful: Servers whose rows do not come in order, or with a gap too long.
    """

    def __init__(self) -> None:
        self.doubtful: set[str] = set()
        self._last: dict[str, int] = {}

    def watch(self, names: list[str], codes: Int64Array, times: Int64Array) -> None:
        """Take the next rows.

        Args:
            names: Names of servers.
            codes: Place of each row's server among them, [rows].
            times: Unix milliseconds UTC, [rows].
        """
        order = np.argsort(codes, kind="stable")
        codes, times = codes[order], times[order]
        begins = np.flatnonzero(np.diff(codes, prepend=-1))
        steps = np.diff(times, prepend=times[:1])
        # The first row of each server here follows its last one of before, if there was any.
        for begin in begins.tolist():
            before = self._last.get(names[codes[begin]])
            steps[begin] = 1 if before is None else times[begin] - before
        for at in np.flatnonzero((steps <= 0) | (steps > MOST_GAP_DAYS * _DAY_MS)).tolist():
            self.doubtful.add(names[codes[at]])
        for end in [*(begins[1:] - 1).tolist(), len(codes) - 1]:
            self._last[names[codes[end]]] = int(times[end])
