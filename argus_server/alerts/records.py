"""Alerts as messages: how they are made, told apart, put in order, and told to others."""

from __future__ import annotations

import hashlib
import math
from typing import Any, Final

from argus.v1 import alert_pb2, snapshot_pb2
from argus_server.alerts.readings import Figures
from argus_server.metrics import METRICS

PENDING: Final = snapshot_pb2.ALERT_STATE_PENDING
FIRING: Final = snapshot_pb2.ALERT_STATE_FIRING
RESOLVED: Final = snapshot_pb2.ALERT_STATE_RESOLVED

_ID_CHARACTERS: Final = 20
_STATE_ORDER: Final = {FIRING: 0, PENDING: 1, RESOLVED: 2}


def alert_id(server: str, subject: str, started_at_ms: int) -> str:
    """The id of an alert: the same in every run that sees the same beginning."""
    text = f"{started_at_ms}\n{subject}\n{server}"
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_CHARACTERS]


def write_figures(record: alert_pb2.AlertRecord, figures: Figures) -> None:
    """Lets an alert say what it knows now."""
    record.profile = figures.profile
    record.risk_score = figures.score
    record.probability = figures.probability
    record.minutes_to_breach = figures.minutes
    record.cause = figures.cause


def is_muted(record: alert_pb2.AlertRecord) -> bool:
    """Whether a silence or a maintenance window keeps an alert quiet."""
    return bool(record.silence_id or record.maintenance_window_id)


def urgency(record: alert_pb2.AlertRecord) -> tuple[int, int, int, str]:
    """Sort key: firing before pending before resolved, then by level, then the longest firing, the newest resolved."""
    since = record.fired_at_ms or record.started_at_ms
    order = -record.resolved_at_ms if record.state == RESOLVED else since
    return _STATE_ORDER[record.state], -record.level, order, record.alert_id


def active_alert(record: alert_pb2.AlertRecord) -> snapshot_pb2.ActiveAlert:
    """An alert as snapshots show it."""
    return snapshot_pb2.ActiveAlert(
        alert_id=record.alert_id,
        subject=record.subject,
        metric=record.metric,
        state=record.state,
        level=record.level,
        acknowledged_by=record.acknowledged_by,
        muted=is_muted(record),
    )


def level_name(level: int) -> str:
    """Name of an `argus.v1.AlertLevel`, such as "critical"."""
    return snapshot_pb2.AlertLevel.Name(level).removeprefix("ALERT_LEVEL_").lower()


def state_name(state: int) -> str:
    """Name of an `argus.v1.AlertState`, such as "firing"."""
    return snapshot_pb2.AlertState.Name(state).removeprefix("ALERT_STATE_").lower()


def subject_name(subject: int) -> str:
    """Name of an `argus.v1.AlertSubject`, such as "metric"."""
    return snapshot_pb2.AlertSubject.Name(subject).removeprefix("ALERT_SUBJECT_").lower()


def payload(record: alert_pb2.AlertRecord, event: str, at_ms: int, previous_level: int = 0) -> dict[str, Any]:
    """What a notification says, in types JSON has.

    Args:
        record: The alert.
        event: "firing", "level_changed" or "resolved".
        at_ms: When that happened, by the server's clock.
        previous_level: Level that was last notified; 0 for none.
    """
    minutes = record.minutes_to_breach
    return {
        "event": event,
        "at_ms": at_ms,
        "alert_id": record.alert_id,
        "server": record.server_name,
        "profile": record.profile,
        "subject": subject_name(record.subject),
        "metric": METRICS[record.metric - 1] if record.metric else "",
        "level": level_name(record.level),
        "previous_level": level_name(previous_level) if previous_level else "",
        "cause": record.cause,
        "probability": round(record.probability, 4),
        "minutes_to_breach": None if math.isnan(minutes) else round(minutes, 1),
        "risk_score": round(record.risk_score, 1),
        "started_at_ms": record.started_at_ms,
        "fired_at_ms": record.fired_at_ms,
        "resolved_at_ms": record.resolved_at_ms,
        "resolution": record.resolution,
        "acknowledged_by": record.acknowledged_by,
    }
