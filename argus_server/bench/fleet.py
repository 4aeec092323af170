"""A warm fleet for benchmarks: realistic enough to cost what a real one costs."""

from __future__ import annotations

from typing import Final

import numpy as np

from argus_server.clock import EventClock
from argus_server.frame import FleetFrame
from argus_server.ingest.columns import Columns
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.model_control import ModelControl
from argus_server.risk.table_file import load_tables
from argus_server.settings import ServerSettings
from argus_server.shard import Shard
from argus_server.telemetry.metrics import ServerMetrics
from argus_server.window.fleet_window import FleetWindow

STEP_MS: Final = 300_000
START_MS: Final = 1_700_000_100_000

_PREFIXES: Final = ("ppdb", "ppweb", "ppml", "ppetl", "ppgen")


def names(servers: int) -> list[str]:
    """Names of several profiles."""
    return [f"{_PREFIXES[number % len(_PREFIXES)]}{number:04d}" for number in range(servers)]


def history(servers: int, steps: int, seed: int = 0) -> list[Columns]:
    """One `Columns` per step: daily waves with noise, every metric in its range."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, servers)
    base = rng.uniform(5, 60, (len(METRICS), servers))
    fleet = names(servers)
    out = []
    for step in range(steps):
        wave = 1 + 0.4 * np.sin(2 * np.pi * step / 288 + phase)
        values = np.clip(base * wave + rng.normal(0, 2, base.shape), 0, 100).astype(np.float32)
        values[METRIC_INDEX["uptime_days"]] = np.float32(1 + step / 288)
        out.append(
            Columns(
                timestamp_ms=np.full(servers, START_MS + step * STEP_MS, dtype=np.int64),
                server_names=fleet,
                states=np.zeros(servers, dtype=np.int32),
                metrics=values,
            )
        )
    return out


def shard(servers: int) -> tuple[Shard, FleetFrame]:
    """A real shard with a day of history, and its tick."""
    window = FleetWindow(EventClock(), max_servers=servers)
    for columns in history(servers, 288):
        window.write(columns, np.ones(servers, dtype=bool))
    models = ModelControl.open(ServerSettings.load({}), ServerMetrics())
    made = Shard(window, models, load_tables(), {}, 86_400.0)
    return made, made.tick(START_MS + 287 * STEP_MS)
