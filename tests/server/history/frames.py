"""Ticks made by hand: frames that were really scored, and the snapshots built of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from argus.v1 import snapshot_pb2
from argus_server.forecast.frame import Forecast, Source
from argus_server.frame import FleetFrame
from argus_server.outlook import OutlookFrame
from argus_server.risk.scoring import score
from argus_server.risk.table_file import load_tables
from argus_server.snapshot.builder import Provenance, SnapshotBuilder
from argus_server.snapshot.snapshot import Snapshot
from tests.server.risk.fleets import random_fleet

TABLES = load_tables()
STEP_MS = 300_000
PROVENANCE = Provenance("run", snapshot_pb2.ModelInfo(revision="tiny@1"), "")


def frame(
    names: Sequence[str], clock_ms: int, seed: int = 0, scores: Sequence[float] | None = None
) -> FleetFrame:
    """A tick of servers of every kind; or, with `scores`, of servers that differ in their scores alone."""
    inputs = random_fleet(seed, len(names))
    risk = score(inputs, TABLES)
    rows = len(names)
    if scores is not None:
        inputs = replace(inputs, silent=np.zeros(rows, dtype=bool))
        calm = np.zeros(rows, dtype=np.float32)
        risk = replace(
            risk,
            scores=np.array(scores, dtype=np.float32),
            priorities=np.ones(rows, dtype=np.uint8),
            probability_30m=calm,
            probability_8h=calm,
        )
    sources = np.where(inputs.silent, Source.STALE, Source.TFT).astype(np.uint8)
    return FleetFrame(
        server_names=tuple(names),
        profiles=inputs.profiles,
        states=np.full(rows, 2, dtype=np.uint8),
        states_derived=np.zeros(rows, dtype=bool),
        last_sample_ms=np.full(rows, clock_ms, dtype=np.int64),
        observed_steps=np.full(rows, 288, dtype=np.int32),
        silent=inputs.silent,
        current=inputs.current,
        forecast=Forecast(inputs.quantiles, sources, clock_ms // STEP_MS * STEP_MS - STEP_MS, 300, "tiny@1"),
        risk=risk,
        outlook=OutlookFrame.empty(rows),
        clock_ms=clock_ms,
        required_steps=24,
        phase_seconds={},
    )


def snapshot(tick: FleetFrame) -> Snapshot:
    """What is published of a tick."""
    return SnapshotBuilder(TABLES).build(tick, PROVENANCE, lambda: (tick.clock_ms, 0.0))
