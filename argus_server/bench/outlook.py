"""What outlooks cost a tick: what every tick pays, and what it pays more once somebody asks for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from argus.v1 import snapshot_pb2
from argus_server.bench import fleet
from argus_server.frame import FleetFrame
from argus_server.outlook import Outlooks
from argus_server.risk.table_file import load_tables
from argus_server.snapshot.builder import Provenance, SnapshotBuilder
from argus_server.snapshot.filters import Filter
from argus_server.snapshot.snapshot import Snapshot


def run(*, servers: int = 2_000, ticks: int = 20) -> dict[str, float]:
    """Times the parts of a tick that outlooks are in, and weighs their bytes.

    Args:
        servers: Servers of the fleet, each with the window of the shipped model.
        ticks: Ticks measured.

    Returns:
        Median milliseconds: `gather_ms` to choose metrics and gather their past, and `compare_ms` to find what has
        changed, both paid by every tick; `summary_ms` to encode the summary view, and `outlook_ms` to encode it with
        outlooks, paid once per tick for all readers that ask. Bytes per server: `frame_bytes` kept of the newest
        snapshot, `summary_bytes` and `outlook_bytes` of the two views on the wire.
    """
    shard, frame = fleet.shard(servers)
    past = shard.window.frame()
    cores = np.full(servers, np.nan, dtype=np.float32)
    outlooks = Outlooks(load_tables())
    builder = SnapshotBuilder(load_tables())
    asked, others = Filter(outlook=True), Filter()
    gather, compare, summary, outlook = [], [], [], []
    rows = np.arange(servers)
    made = _build(builder, frame)
    for tick in range(1, ticks + 1):
        # A new sample of every server changes every row.
        frame = replace(frame, last_sample_ms=frame.last_sample_ms + tick)
        risk, quantiles = frame.risk, frame.forecast.quantiles
        gather.append(_milliseconds(outlooks.gather, past, quantiles, risk, cores, frame.clock_ms))
        before, made = made, _build(builder, frame)
        compare.append(_milliseconds(made.outlook.same, rows, before.outlook, rows))
        summary.append(_milliseconds(made.entries, others))
        outlook.append(_milliseconds(made.entries, asked))
    kept = made.outlook
    return {
        "servers": servers,
        "gather_ms": float(np.median(gather)),
        "compare_ms": float(np.median(compare)),
        "summary_ms": float(np.median(summary)),
        "outlook_ms": float(np.median(outlook)),
        "frame_bytes": (
            kept.metrics.nbytes + kept.history.nbytes + kept.warning.nbytes + kept.critical.nbytes
        )
        / servers,
        "summary_bytes": sum(map(len, made.entries(others))) / servers,
        "outlook_bytes": sum(map(len, made.entries(asked))) / servers,
    }


def _build(builder: SnapshotBuilder, frame: FleetFrame) -> Snapshot:
    return builder.build(
        frame, Provenance("bench", snapshot_pb2.ModelInfo(kind="TFT"), ""), lambda: (frame.clock_ms, 0.0)
    )


def _milliseconds(work: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    work(*arguments)
    return 1000 * (time.perf_counter() - began)
