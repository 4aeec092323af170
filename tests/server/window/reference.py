"""A fleet window written for clarity: it keeps every sample and lets pandas do the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from argus.v1 import ingest_pb2
from argus_server.ingest.columns import Columns
from argus_server.metrics import METRICS

TOO_OLD = ingest_pb2.ROW_REJECTION_REASON_TOO_OLD
TOO_MANY_SERVERS = ingest_pb2.ROW_REJECTION_REASON_TOO_MANY_SERVERS
GAUGES = [metric for metric in METRICS if metric != "uptime_days"]


@dataclass
class Outcome:
    accepted: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    rejected: dict[int, int] = field(default_factory=dict)  # row -> reason


@dataclass
class Summary:
    values: np.ndarray  # [steps, metrics]
    current: np.ndarray  # [metrics]
    last_sample_ms: int
    state: int
    observed_steps: int


class ReferenceWindow:
    """What `FleetWindow` must do, row by row. Where `wall_ms` is None the clock is an event clock."""

    def __init__(self, steps: int, step_seconds: int, max_servers: int) -> None:
        self.steps, self.step_seconds, self.max_servers = steps, step_seconds, max_servers
        self.samples: dict[str, list[dict[str, float]]] = {}
        self.event_ms = 0

    def step(self, milliseconds: int) -> int:
        return milliseconds // (self.step_seconds * 1000)

    def head(self, samples: list[dict[str, float]]) -> int:
        return max(self.step(int(sample["ms"])) for sample in samples)

    def write(self, columns: Columns, valid: np.ndarray, wall_ms: int | None) -> Outcome:
        outcome = Outcome()
        heads = {name: self.head(samples) for name, samples in self.samples.items()}
        for row in np.flatnonzero(valid).tolist():
            name, ms = columns.server_names[row], int(columns.timestamp_ms[row])
            if wall_ms is not None and self.step(ms) <= self.step(wall_ms) - self.steps:
                outcome.rejected[row] = TOO_OLD
            elif name not in self.samples and len(self.samples) == self.max_servers:
                outcome.rejected[row] = TOO_MANY_SERVERS
            elif name in heads and self.step(ms) <= heads[name] - self.steps:
                outcome.rejected[row] = TOO_OLD
            elif any(sample["ms"] // 1000 == ms // 1000 for sample in self.samples.get(name, [])):
                outcome.duplicates.append(row)
            else:
                outcome.accepted.append(row)
                values = dict(zip(METRICS, columns.metrics[:, row].astype(float), strict=True))
                sample = {"ms": ms, "state": int(columns.states[row]), **values}
                self.samples.setdefault(name, []).append(sample)
                self.event_ms = max(self.event_ms, ms)
        return outcome

    def evict(self, now_ms: int, retention_ms: int) -> set[str]:
        evicted = {
            name
            for name, samples in self.samples.items()
            if max(sample["ms"] for sample in samples) < now_ms - retention_ms
        }
        for name in evicted:
            del self.samples[name]
        return evicted

    def table(self, name: str) -> pd.DataFrame:
        """Every sample of a server, oldest first."""
        frame = pd.DataFrame(self.samples[name]).sort_values("ms")
        return frame.assign(step=frame.ms // (self.step_seconds * 1000))

    def means(self, name: str) -> pd.DataFrame:
        """Its ring: a row per step, a column per metric."""
        samples = self.table(name)
        head = int(samples.step.max())
        groups = samples.groupby("step")
        means = groups[GAUGES].mean()
        means["uptime_days"] = groups["uptime_days"].last()
        return means.reindex(range(head - self.steps + 1, head + 1))[list(METRICS)]

    def origin(self, wall_ms: int | None) -> int:
        clock = self.step(self.event_ms if wall_ms is None else wall_ms)
        return min([clock, max((self.head(samples) for samples in self.samples.values()), default=clock)])

    def summary(self, name: str, origin: int, clock_ms: int) -> Summary:
        """All that a reader may see of a server."""
        samples, means = self.table(name), self.means(name)
        measured = samples[list(METRICS)].notna().any(axis=1)
        telling = samples.state[measured | (samples.state != 0)]
        recent = means[means.index >= self.step(clock_ms) - 3].ffill().to_numpy(np.float32)
        return Summary(
            values=means.reindex(range(origin - self.steps + 1, origin + 1)).to_numpy(np.float32),
            current=recent[-1] if len(recent) else np.full(len(METRICS), np.nan, np.float32),
            last_sample_ms=int(samples.ms[measured].max()) if measured.any() else 0,
            state=int(telling.iloc[-1]) if len(telling) else 0,
            observed_steps=int(means.notna().any(axis=1).sum()),
        )

    def observed_steps(self, name: str) -> int:
        return int(self.means(name).notna().any(axis=1).sum())
