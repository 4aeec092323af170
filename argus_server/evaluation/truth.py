"""What really happened: when each signal of a server was at or above its critical threshold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.metrics import METRICS, QUANTILES
from argus_server.risk import precedent
from argus_server.risk.signals import signal_values
from argus_server.risk.tables import RiskTables

FloatArray = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

EVENT_MINUTES: Final = 10.0
"""How long a signal is at or above its threshold for it to count as an event."""
MERGE_MINUTES: Final = 30.0
"""Events of a server that are closer than this are one."""


THRESHOLD: Final = "threshold"
"""Kind of an event of which nothing is known but that a threshold was crossed."""

# A future is known when at least this share of its steps was observed: asking it of crossings and of quiet
# futures alike keeps the base rate as it is.
_KNOWN_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Event:
    """Something that should have been foreseen.

    Attributes:
        first: Row at which a threshold is crossed; of a failure that crosses none, at which it fails.
        end: First row after it.
        kind: What happened, such as `threshold` or a failure mode.
        counts: Whether it counts for recall; one that does not still makes an alarm before it right.
    """

    first: int
    end: int
    kind: str
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Truth:
    """The signals of one server.

    Attributes:
        values: Signals, high being bad, [steps, signals]; NaN where not measured.
        over: Whether a signal is at or above its critical threshold, [steps, signals].
    """

    values: FloatArray
    over: Flags

    @classmethod
    def of(cls, values: FloatArray, profile: int, tables: RiskTables) -> Truth:
        """Turn metrics [steps, metrics] of a server into its signals, as risk scoring does.

        The number of cores is unknown, as it is to the server, so load has no threshold.
        """
        steps = len(values)
        nothing = np.full((steps, len(METRICS), 1, len(QUANTILES)), np.nan, dtype=np.float32)
        profiles = np.full(steps, profile, dtype=np.int8)
        cores = np.full(steps, np.nan, dtype=np.float32)
        found = [signal_values(signal, values, nothing, profiles, cores, 1) for signal in tables.signals]
        current = np.stack([one.current for one in found], axis=1)
        critical = np.stack([one.critical for one in found], axis=1)
        with np.errstate(invalid="ignore"):
            over = current >= critical
        return cls(current, over)

    def measured(self, signals: Sequence[int]) -> Flags:
        """Whether any of some signals is measured, [steps]."""
        result: Flags = np.any(~np.isnan(self.values[:, signals]), axis=1)
        return result

    def notable(self, origins: Rows, step_seconds: int) -> Flags:
        """Whether the newest value of a signal is beyond all of the last days or its threshold, [origins, signals].

        As `argus_server.risk.precedent` has it for a server's window.
        """
        days = round(precedent.PAST_SECONDS / step_seconds)
        result = self.over[origins - 1]
        for index, origin in enumerate(origins.tolist()):
            past = self.values[max(0, origin - days) : origin].T
            result[index] |= precedent.unprecedented(past[:, -1], past, step_seconds)
        return result

    def events(self, signals: Sequence[int], step_seconds: int) -> list[Event]:
        """Times at which one of some signals stays at or above its threshold long enough, close ones merged."""
        steps = max(1, round(EVENT_MINUTES * 60 / step_seconds))
        apart = MERGE_MINUTES * 60 / step_seconds
        merged: list[Event] = []
        for begin, end in runs(np.any(sustained(self.over[:, signals], steps), axis=1)):
            if merged and begin - merged[-1].end < apart:
                merged[-1] = Event(merged[-1].first, end, THRESHOLD)
            else:
                merged.append(Event(begin, end, THRESHOLD))
        return merged


def members_of_groups(tables: RiskTables) -> dict[str, list[int]]:
    """Each group's signals as indices into the tables' signals."""
    groups: dict[str, list[int]] = {}
    for index, signal in enumerate(tables.signals):
        groups.setdefault(signal.group, []).append(index)
    return groups


def sustained(over: Flags, steps: int) -> Flags:
    """Only those stretches along the first axis that last at least so many steps."""
    result = np.zeros_like(over)
    columns = over.reshape(len(over), -1)
    kept = result.reshape(len(over), -1)
    for column in range(columns.shape[1]):
        for begin, end in runs(columns[:, column]):
            if end - begin >= steps:
                kept[begin:end, column] = True
    return result


def runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """First and end of each stretch of true values, [steps]."""
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def outcomes(over: Flags, measured: Flags, origins: Rows, steps: int) -> tuple[Flags, Flags]:
    """Whether any of the next steps is over, and whether that is known.

    Args:
        over: [steps of history, ...].
        measured: The same shape.
        origins: First unseen rows, [origins].
        steps: How many rows from the origin on count; rows after the history's end are not measured.

    Returns:
        Two arrays [origins, ...]; known where enough of those rows was measured.
    """
    found = _within(over, origins, steps)
    seen = _within(measured, origins, steps)
    return found > 0, seen >= _KNOWN_SHARE * steps


def _within(flags: Flags, origins: Rows, steps: int) -> Rows:
    """How many flags are set in rows `origin` to `origin + steps`."""
    total = np.concatenate((np.zeros((1, *flags.shape[1:]), dtype=np.int64), flags.cumsum(axis=0)))
    last = len(flags)
    count: Rows = total[np.minimum(origins + steps, last)] - total[np.minimum(origins, last)]
    return count
