"""How much of what ticks find is recorded, and which servers have something new to record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from argus_server.frame import FleetFrame
from argus_server.history import rows


@dataclass(frozen=True, slots=True)
class RecordingPolicy:
    """How much is recorded.

    Attributes:
        risk_points: A risk score that has moved by more is recorded.
        risk_probability: A probability that has moved by more is recorded.
        risk_least_seconds: But a server is recorded no more often than this.
        risk_most_seconds: And no less often, moved or not.
        fleet_seconds: The fleet is recorded once in each of these.
        forecast_seconds: Forecasts are recorded once in each of these.
    """

    risk_points: float = 2.0
    risk_probability: float = 0.05
    risk_least_seconds: int = 30
    risk_most_seconds: int = 300
    fleet_seconds: int = 60
    forecast_seconds: int = 900


POLICY: Final = RecordingPolicy()


class RiskChanges:
    """Remembers how each server stood when it was last recorded.

    Args:
        policy: What counts as a change.
    """

    COLUMNS: Final = (
        *("timestamp", "server_name", "risk_score", "probability_30m", "probability_8h"),
        *("priority", "source"),
    )
    """What `restore` needs of the risk table."""

    def __init__(self, policy: RecordingPolicy = POLICY) -> None:
        self._dead_bands = np.array(
            [policy.risk_points, policy.risk_probability, policy.risk_probability], dtype=np.float32
        )
        self._least_ms = 1000 * policy.risk_least_seconds
        self._most_ms = 1000 * policy.risk_most_seconds
        self._names: tuple[str, ...] = ()
        self._at_ms = np.empty(0, dtype=np.int64)  # -1: never recorded
        self._values = np.empty((0, 3), dtype=np.float32)  # score, probability within 30 minutes and 8 hours
        self._kinds = np.empty((0, 2), dtype=np.int64)  # priority, forecast source

    def due(self, frame: FleetFrame) -> npt.NDArray[np.int64]:
        """Rows of a frame to record, [servers]; they count as recorded from now on."""
        self._follow(frame.server_names)
        risk = frame.risk
        values = np.stack((risk.scores, risk.probability_30m, risk.probability_8h), axis=1)
        kinds = np.stack((risk.priorities, frame.forecast.sources), axis=1).astype(np.int64)
        away_ms = frame.clock_ms - self._at_ms
        moved = (np.abs(values - self._values) > self._dead_bands).any(axis=1)
        moved |= (kinds != self._kinds).any(axis=1)
        # A clock that was set back must not silence a server until it has caught up.
        overdue = (self._at_ms < 0) | (away_ms >= self._most_ms) | (away_ms < 0)
        found = np.flatnonzero(overdue | (moved & (away_ms >= self._least_ms)))
        self._at_ms[found] = frame.clock_ms
        self._values[found], self._kinds[found] = values[found], kinds[found]
        return found

    def restore(self, batch: pa.RecordBatch) -> None:
        """Takes rows of the risk table, with the columns `COLUMNS`, for what was recorded last."""
        names = batch.column("server_name").to_pylist()
        self._follow(tuple(dict.fromkeys((*self._names, *names))))
        place = {name: index for index, name in enumerate(self._names)}
        times = batch.column("timestamp").cast(pa.int64()).to_pylist()
        values = np.stack([batch.column(name).to_numpy() for name in self.COLUMNS[2:5]], axis=1)
        kinds = zip(batch.column("priority").to_pylist(), batch.column("source").to_pylist(), strict=True)
        for name, at_ms, value, (priority, source) in zip(names, times, values, kinds, strict=True):
            if at_ms > self._at_ms[row := place[name]]:
                self._at_ms[row], self._values[row] = at_ms, value
                self._kinds[row] = rows.priority_number(priority), rows.source_number(source)

    def _follow(self, names: tuple[str, ...]) -> None:
        """Makes the arrays those of these servers; what is known of others is forgotten."""
        if names == self._names:
            return
        place = {name: index for index, name in enumerate(self._names)}
        known = np.array([place.get(name, -1) for name in names], dtype=np.int64)
        at_ms = np.full(len(names), -1, dtype=np.int64)
        values = np.zeros((len(names), 3), dtype=np.float32)
        kinds = np.zeros((len(names), 2), dtype=np.int64)
        kept = known >= 0
        at_ms[kept] = self._at_ms[known[kept]]
        values[kept], kinds[kept] = self._values[known[kept]], self._kinds[known[kept]]
        self._names, self._at_ms, self._values, self._kinds = names, at_ms, values, kinds
