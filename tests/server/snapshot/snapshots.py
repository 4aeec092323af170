"""Snapshots made by hand, for tests of what is done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from argus.v1 import snapshot_pb2
from argus_server.metrics import METRICS
from argus_server.outlook import OutlookFrame
from argus_server.profiles import profile_of
from argus_server.snapshot.snapshot import Snapshot, SnapshotColumns, SnapshotIndex

HORIZON = 96


def quantiles(servers: int, seed: int = 0) -> np.ndarray:
    """Sorted random quantiles, float32 [servers, metrics, horizon, 3]."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0, 100, (servers, len(METRICS), HORIZON, 3)).astype(np.float32), axis=-1)


def snapshot(
    scores: Mapping[str, float],
    revision: int = 1,
    changed: Sequence[str] | None = None,
    changed_at: Mapping[str, int] | None = None,
    series: np.ndarray | None = None,
    outlook: OutlookFrame | None = None,
    outlook_changed_at: Mapping[str, int] | None = None,
) -> Snapshot:
    """A snapshot of servers with these scores.

    Args:
        scores: Risk per server.
        revision: Its number.
        changed: Servers whose rows changed in this revision; all if not given.
        changed_at: When the other rows last changed; revision 0 if not given.
        series: float32 [servers, metrics, horizon, 3] in order of risk.
        outlook: In order of risk; of nothing known if not given.
        outlook_changed_at: When outlooks last changed; revision 0 if not given.
    """
    names = tuple(sorted(scores, key=lambda name: (-scores[name], name)))
    before = changed_at or {}
    return Snapshot(
        index=SnapshotIndex(
            revision=revision,
            names=names,
            scores=np.array([scores[name] for name in names], dtype=np.float32),
            profiles=np.array([profile_of(name) for name in names], dtype=np.int8),
            changed_at=np.array(
                [revision if changed is None or name in changed else before.get(name, 0) for name in names],
                dtype=np.int64,
            ),
            outlook_changed_at=np.array(
                [(outlook_changed_at or {}).get(name, 0) for name in names],
                dtype=np.int64,
            ),
        ),
        header=snapshot_pb2.SnapshotHeader(
            revision=revision, step_seconds=300, horizon_steps=HORIZON, instance_id="this-run"
        ),
        summary=snapshot_pb2.FleetSummary(total_servers=len(names), top_risks=names[:20]),
        environment=snapshot_pb2.Environment(incident_probability_8h=0.5),
        bases=[
            snapshot_pb2.ServerPrediction(server_name=name, risk_score=scores[name]).SerializeToString()
            for name in names
        ],
        data_age_seconds=np.arange(len(names), dtype=np.float32),
        columns=SnapshotColumns(
            levels=np.ones(len(names), dtype=np.uint8),
            sources=np.ones(len(names), dtype=np.uint8),
            probability_30m=np.zeros(len(names), dtype=np.float32),
            probability_8h=np.zeros(len(names), dtype=np.float32),
            breach_metrics=np.zeros(len(names), dtype=np.uint8),
            breach_minutes=np.full(len(names), np.nan, dtype=np.float32),
        ),
        quantiles=quantiles(len(names)) if series is None else series,
        outlook=outlook or OutlookFrame.empty(len(names)),
    )
