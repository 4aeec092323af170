"""What raising and ending alerts costs a tick: in a quiet fleet, when many begin to fire, and while they fire on."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from argus.v1 import metrics_pb2
from argus_server.alerts.desk import AlertDesk
from argus_server.clock import ManualClock
from argus_server.forecast.frame import Forecast, Source
from argus_server.frame import FleetFrame
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.outlook import OutlookFrame
from argus_server.risk.scoring import RiskInputs, score
from argus_server.risk.table_file import load_tables

_START_MS: Final = 1_700_000_000_000
_STEP_SECONDS: Final = 300
_TICK_MS: Final = 5_000
_HORIZON: Final = 96


def run(*, servers: int = 2_000, firing: int = 100, ticks: int = 200) -> dict[str, float]:
    """Times the alerts' part of a tick, the store on disk.

    Args:
        servers: Servers of the fleet.
        firing: How many of them get into trouble at once.
        ticks: Ticks of each steady phase.

    Returns:
        Median milliseconds of a tick, `quiet_ms` and `steady_ms` while those fire; of the one tick in which they
        begin to fire, `burst_ms` for the tick itself and `written_ms` until that is on disk.
    """
    tables = load_tables()
    quiet = _frame(servers)
    column = next(i for i, signal in enumerate(tables.signals) if signal.name == "memory")
    probabilities = quiet.risk.signal_alert_probabilities.copy()
    probabilities[:firing, column] = 1.0
    trouble = replace(quiet, risk=replace(quiet.risk, signal_alert_probabilities=probabilities))
    with TemporaryDirectory() as directory:
        desk = AlertDesk(tables, ManualClock(_START_MS), Path(directory))
        try:
            quiet_ms = _times(desk, quiet, _START_MS, ticks)
            now_ms = _START_MS + ticks * _TICK_MS
            desk.observe(replace(trouble, clock_ms=now_ms))
            desk.settle()
            now_ms += tables.alerts.signals[column].hold_ms
            began = time.perf_counter()
            desk.observe(replace(trouble, clock_ms=now_ms))
            burst_ms = 1000 * (time.perf_counter() - began)
            desk.settle()
            written_ms = 1000 * (time.perf_counter() - began)
            if desk.book.view.firing != firing:
                raise RuntimeError(f"{desk.book.view.firing} of {firing} alerts fire; the run is void")
            steady_ms = _times(desk, trouble, now_ms + _TICK_MS, ticks)
        finally:
            desk.shut()
    return {
        "quiet_ms": float(np.median(quiet_ms)),
        "steady_ms": float(np.median(steady_ms)),
        "burst_ms": burst_ms,
        "written_ms": written_ms,
    }


def _times(desk: AlertDesk, frame: FleetFrame, start_ms: int, ticks: int) -> list[float]:
    """Milliseconds of each of so many ticks with the same frame."""
    times = []
    for number in range(ticks):
        at = replace(frame, clock_ms=start_ms + number * _TICK_MS)
        began = time.perf_counter()
        desk.observe(at)
        times.append(1000 * (time.perf_counter() - began))
    return times


def _frame(servers: int) -> FleetFrame:
    """A calm fleet that measures memory only."""
    memory = METRIC_INDEX["mem_used_pct"]
    current = np.full((servers, len(METRICS)), np.nan, dtype=np.float32)
    current[:, memory] = 60.0
    quantiles = np.full((servers, len(METRICS), _HORIZON, 3), np.nan, dtype=np.float32)
    quantiles[:, memory] = (58.0, 60.0, 62.0)
    nobody = np.zeros(servers, dtype=np.bool_)
    profiles = np.zeros(servers, dtype=np.int8)
    return FleetFrame(
        server_names=tuple(f"web-{number:05d}" for number in range(servers)),
        profiles=profiles,
        states=np.full(servers, metrics_pb2.SERVER_STATE_HEALTHY, dtype=np.uint8),
        states_derived=nobody,
        last_sample_ms=np.full(servers, _START_MS, dtype=np.int64),
        observed_steps=np.full(servers, 288, dtype=np.int32),
        silent=nobody,
        current=current,
        forecast=Forecast(
            quantiles=quantiles,
            sources=np.full(servers, Source.TFT, dtype=np.uint8),
            origin_ms=_START_MS,
            step_seconds=_STEP_SECONDS,
            model_revision="",
        ),
        risk=score(
            RiskInputs(
                current=current,
                quantiles=quantiles,
                profiles=profiles,
                silent=nobody,
                silent_minutes=np.zeros(servers, dtype=np.float32),
                cores=np.full(servers, np.nan, dtype=np.float32),
                step_seconds=_STEP_SECONDS,
            ),
            load_tables(),
        ),
        outlook=OutlookFrame.empty(servers),
        clock_ms=_START_MS,
        required_steps=1,
        phase_seconds={},
    )
