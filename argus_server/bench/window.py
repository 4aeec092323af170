"""How fast batches become step means: decode, validate and write, without the wire."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import numpy as np

from argus.v1 import metrics_pb2
from argus_server.clock import EventClock
from argus_server.ingest.columns import decode
from argus_server.ingest.validation import validate
from argus_server.metrics import METRICS
from argus_server.window.fleet_window import FleetWindow

_START_MS: Final = 1_700_000_100_000


def run(
    *,
    servers: int = 1_000,
    batch_rows: int = 1_000,
    batches: int = 200,
    cadence_seconds: int = 5,
    backfill: bool = False,
    seed: int = 0,
) -> dict[str, float]:
    """Times the way of a parsed MetricBatch into a window.

    Args:
        servers: Servers that send.
        batch_rows: Rows per batch.
        batches: Batches timed; as many again come first, untimed, so that servers are known.
        cadence_seconds: Time between two samples of a server.
        backfill: Batches run through the time of one server after the other, instead of through the servers.
        seed: Of the metrics.

    Returns:
        `rows_per_second`, and the median microseconds per batch of the whole and of each phase:
        `batch_us`, `decode_us`, `validate_us`, `write_us`; `bytes_per_server` of memory.
    """
    clock = EventClock()
    window = FleetWindow(clock, max_servers=servers)
    timings = np.empty((batches, 3), np.int64)  # [batches, phases] in nanoseconds
    stream = _batches(servers, batch_rows, cadence_seconds, backfill, seed)
    for number in range(-batches, batches):
        batch = next(stream)
        began = time.perf_counter_ns()
        columns = decode(batch)
        decoded = time.perf_counter_ns()
        valid = validate(columns, known_names=window.known_names).valid
        validated = time.perf_counter_ns()
        result = window.write(columns, valid)
        written = time.perf_counter_ns()
        if result.accepted != batch_rows:
            raise RuntimeError(f"the window took {result.accepted} of {batch_rows} rows; the run is void")
        if number >= 0:
            timings[number] = decoded - began, validated - decoded, written - validated
    decode_us, validate_us, write_us = np.median(timings, axis=0) / 1000
    batch_us = float(np.median(timings.sum(axis=1))) / 1000
    return {
        "rows_per_second": batch_rows / batch_us * 1e6,
        "batch_us": batch_us,
        "decode_us": float(decode_us),
        "validate_us": float(validate_us),
        "write_us": float(write_us),
        "bytes_per_server": float(window.bytes_per_server),
    }


def _batches(
    servers: int, rows: int, cadence_seconds: int, backfill: bool, seed: int
) -> Iterator[metrics_pb2.MetricBatch]:
    """Every server's samples at the cadence, without end; a server and second never twice."""
    rng = np.random.default_rng(seed)
    names = [f"ppweb{number:04d}" for number in range(servers)]
    metrics = rng.uniform(0, 100, (len(METRICS), rows)).astype(np.float32)
    columns = dict(zip(METRICS, metrics.tolist(), strict=True))
    for first in range(0, 1 << 62, rows):
        samples = np.arange(first, first + rows)
        if backfill:
            # As many samples of each server per batch as fit, batch after batch of the same servers.
            share = max(rows // servers, 1)
            owners = (samples - first) // share % servers
            ticks = first // rows * share + (samples - first) % share
        else:
            owners, ticks = samples % servers, samples // servers
        batch = metrics_pb2.MetricBatch(
            timestamp=(_START_MS + ticks * cadence_seconds * 1000).tolist(),
            server_name=[names[owner] for owner in owners],
            state=[metrics_pb2.SERVER_STATE_HEALTHY] * rows,
            **columns,
        )
        yield metrics_pb2.MetricBatch.FromString(batch.SerializeToString())
