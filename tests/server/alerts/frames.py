"""Fleet frames made by hand: how likely each server's memory crosses its threshold, and who is silent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from argus_server.forecast.frame import Forecast, Source
from argus_server.frame import FleetFrame
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.outlook import OutlookFrame
from argus_server.profiles import profile_of
from argus_server.risk.alert_rules import AlertRule
from argus_server.risk.scoring import RiskInputs, score
from argus_server.risk.table_file import load_tables
from argus_server.risk.tables import RiskTables

RULE = AlertRule(0.8, 0.4, hold_minutes=5, clear_hold_minutes=30)
"""Of every signal, so that what is tested does not change with what is shipped."""


def _tables() -> RiskTables:
    shipped = load_tables()
    return replace(shipped, alerts=replace(shipped.alerts, signals=(RULE,) * len(shipped.signals)))


TABLES = _tables()
MEMORY = next(column for column, signal in enumerate(TABLES.signals) if signal.name == "memory")
START_MS = 1_700_000_000_000
MINUTE_MS = 60_000
HORIZON = 96


def frame(
    now_ms: int,
    memory: Mapping[str, float],
    *,
    silent: Collection[str] = (),
    level_score: float = 62.0,
    risk: float | None = None,
) -> FleetFrame:
    """One tick.

    Args:
        now_ms: Its clock.
        memory: Probability by server that its memory crosses the threshold.
        silent: Servers that stopped sending an hour ago.
        level_score: Score that stands for the alert's level.
        risk: Score of every server as a whole; the computed one, which is low, if not given.
    """
    names = tuple(memory)
    count = len(names)
    current = np.full((count, len(METRICS)), np.nan, dtype=np.float32)
    current[:, METRIC_INDEX["mem_used_pct"]] = 60.0
    quantiles = np.full((count, len(METRICS), HORIZON, 3), np.nan, dtype=np.float32)
    quantiles[:, METRIC_INDEX["mem_used_pct"]] = (58.0, 60.0, 62.0)
    quiet = np.array([name in silent for name in names], dtype=np.bool_)
    profiles = np.array([profile_of(name) for name in names], dtype=np.int8)
    scored = score(
        RiskInputs(
            current=current,
            quantiles=quantiles,
            profiles=profiles,
            silent=quiet,
            silent_minutes=np.where(quiet, 60.0, 0.0).astype(np.float32),
            cores=np.full(count, np.nan, dtype=np.float32),
            step_seconds=300,
        ),
        TABLES,
    )
    probabilities = scored.signal_alert_probabilities.copy()
    probabilities[:, MEMORY] = list(memory.values())
    scores = scored.signal_scores.copy()
    scores[:, MEMORY] = level_score
    minutes = scored.signal_minutes.copy()
    minutes[:, MEMORY] = 42.0
    scored = replace(
        scored,
        signal_probabilities=probabilities,
        signal_alert_probabilities=probabilities,
        signal_scores=scores,
        signal_minutes=minutes,
    )
    if risk is not None:
        scored = replace(scored, scores=np.full(count, risk, dtype=np.float32))
    return FleetFrame(
        server_names=names,
        profiles=profiles,
        states=np.full(count, 2, dtype=np.uint8),
        states_derived=np.ones(count, dtype=np.bool_),
        last_sample_ms=np.where(quiet, now_ms - 60 * MINUTE_MS, now_ms),
        observed_steps=np.full(count, 288, dtype=np.int32),
        silent=quiet,
        current=current,
        forecast=Forecast(
            quantiles=quantiles,
            sources=np.full(count, Source.TFT, dtype=np.uint8),
            origin_ms=now_ms,
            step_seconds=300,
            model_revision="",
        ),
        risk=scored,
        outlook=OutlookFrame.empty(count),
        clock_ms=now_ms,
        required_steps=24,
        phase_seconds={},
    )
