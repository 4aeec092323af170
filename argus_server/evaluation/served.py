"""Alerts as a server raises them, by its own state machines and with the rules of its own tables."""

from __future__ import annotations

import numpy as np

from argus_server.alerts.lifecycle import Lifecycle, Step
from argus_server.alerts.readings import LEAST_LEVEL, Readings
from argus_server.evaluation.rolling import ServerForecasts
from argus_server.evaluation.truth import Flags
from argus_server.risk.crossings import Crossings
from argus_server.risk.tables import RiskTables


def alerts(
    forecasts: ServerForecasts, found: Crossings, notable: Flags, tables: RiskTables
) -> dict[str, Flags]:
    """Whether an alert about a signal of each group is firing once each forecast is made: group to [origins].

    Alerts on the risk score, which name no metric, and on silence, which foretell nothing, are left out.

    Args:
        forecasts: Of one server, in order of time, at the cadence that it is judged at.
        found: Its crossings, with the calibration it is served with.
        notable: Whether the newest value of a signal is beyond all of the last days, or its threshold is crossed,
            [origins, signals].
        tables: Signals and the rules of their alerts.
    """
    origins, signals = forecasts.origins, len(tables.signals)
    # Risk and silence stay at 0, which raises nothing.
    values = np.zeros((len(origins), 1, len(tables.alerts.by_subject)), dtype=np.float32)
    counts = notable | [not rule.only_unprecedented for rule in tables.alerts.signals]
    values[:, 0, :signals] = np.where(
        counts, found.alert_probability(tables, forecasts.step_seconds), np.float32(0.0)
    )
    levels = np.full(values.shape[1:], LEAST_LEVEL, dtype=np.uint8)
    known = np.ones(values.shape[1:], dtype=np.bool_)
    times = forecasts.start_ms + origins * forecasts.step_seconds * 1000

    lifecycle = Lifecycle(tables.alerts)
    on = np.zeros(values.shape[2], dtype=np.bool_)
    firing = np.zeros((len(origins), signals), dtype=np.bool_)
    for index, now_ms in enumerate(times.tolist()):
        readings = Readings(now_ms, (forecasts.name,), values[index], levels, known)
        for change in lifecycle.step(readings):
            if change.step in (Step.FIRED, Step.RESOLVED):
                on[change.column] = change.step is Step.FIRED
        firing[index] = on[:signals]
    result: dict[str, Flags] = {
        signal.group: np.zeros(len(origins), dtype=np.bool_) for signal in tables.signals
    }
    for column, signal in enumerate(tables.signals):
        result[signal.group] |= firing[:, column]
    return result
