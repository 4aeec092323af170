"""What alerts look at in one tick: one value per server and subject, taken from the fleet's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from argus.v1 import snapshot_pb2
from argus_server.frame import FleetFrame
from argus_server.profiles import PROFILES
from argus_server.risk.causes import duration_text, threshold_phrase
from argus_server.risk.tables import RiskTables

# An alert that fires is worth somebody's while, however far its threshold is.
LEAST_LEVEL = snapshot_pb2.ALERT_LEVEL_DEGRADING


@dataclass(frozen=True, slots=True)
class Subject:
    """What a column of readings is about.

    Attributes:
        key: Name that stays the same when tables change: that of the signal, or "risk" or "silence" behind a
            colon, which no signal can be called.
        kind: `argus.v1.AlertSubject` number.
        metric: `argus.v1.Metric` number; 0 unless the kind is METRIC.
    """

    key: str
    kind: int
    metric: int


@dataclass(frozen=True, slots=True)
class Readings:
    """One tick, [servers, subjects] unless stated.

    Attributes:
        now_ms: The clock of the tick, Unix milliseconds UTC.
        names: Servers, one per row.
        values: What the fire and clear values of a rule are compared with, float32.
        levels: `argus.v1.AlertLevel` numbers that an alert would have, uint8.
        known: False where the server is silent and so nothing can be said of a subject, bool.
    """

    now_ms: int
    names: tuple[str, ...]
    values: npt.NDArray[np.float32]
    levels: npt.NDArray[np.uint8]
    known: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figures:
    """What an alert says of itself, besides its state."""

    score: float
    probability: float
    minutes: float
    cause: str
    profile: str


def subjects_of(tables: RiskTables) -> tuple[Subject, ...]:
    """One per column: the signals in table order, risk, silence."""
    return (
        *(
            Subject(signal.name, snapshot_pb2.ALERT_SUBJECT_METRIC, signal.metric + 1)
            for signal in tables.signals
        ),
        Subject(":risk", snapshot_pb2.ALERT_SUBJECT_RISK, 0),
        Subject(":silence", snapshot_pb2.ALERT_SUBJECT_SILENCE, 0),
    )


def readings_of(frame: FleetFrame, tables: RiskTables) -> Readings:
    """The readings of a frame."""
    risk, silent = frame.risk, frame.silent
    scores = np.column_stack((risk.signal_scores, risk.scores, risk.scores))
    known = np.repeat(~silent[:, None], scores.shape[1], axis=1)
    known[:, -1] = True
    return Readings(
        now_ms=frame.clock_ms,
        names=frame.server_names,
        values=np.column_stack((risk.signal_alert_probabilities, risk.scores, silent)).astype(np.float32),
        levels=np.maximum(tables.ladder.levels(scores), LEAST_LEVEL),
        known=known,
    )


def figures_of(frame: FleetFrame, tables: RiskTables, row: int, column: int) -> Figures:
    """What the alert of a row and column says of itself."""
    risk = frame.risk
    signals = len(tables.signals)
    profile = PROFILES[frame.profiles[row]]
    if column == signals + 1:
        minutes = max(frame.clock_ms - int(frame.last_sample_ms[row]), 0) / 60_000
        return Figures(float(risk.scores[row]), 1.0, 0.0, f"no data for {duration_text(minutes)}", profile)
    if column == signals:
        return Figures(
            float(risk.scores[row]),
            float(risk.probability_8h[row]),
            float(risk.breach_minutes[row]),
            "; ".join(risk.cause_texts[row]) or f"risk {risk.scores[row]:.0f} of 100",
            profile,
        )
    minutes, probability = (
        float(column_of[row, column]) for column_of in (risk.signal_minutes, risk.signal_probabilities)
    )
    cause = threshold_phrase(
        tables.signals[column],
        current=float(risk.signal_current[row, column]),
        critical=float(risk.signal_critical[row, column]),
        minutes=minutes,
        probability=probability,
        per_core=bool(risk.signal_per_core[row, column]),
        horizon_minutes=frame.forecast.quantiles.shape[2] * frame.forecast.step_seconds / 60,
    )
    return Figures(float(risk.signal_scores[row, column]), probability, minutes, cause, profile)
