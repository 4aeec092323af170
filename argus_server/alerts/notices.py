"""Who is to be told of an alert, and what: decided here, delivered by `notify`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from argus.v1 import alert_pb2, snapshot_pb2
from argus_server.alerts.entries import Entry, TargetNeeds
from argus_server.alerts.records import FIRING, RESOLVED, is_muted, payload

Notification = tuple[str, dict[str, Any]]
"""Name of a target, and what it is sent."""


class Notices:
    """Decides about notifications.

    Args:
        targets: Who is to be told.

    Attributes:
        targets: The same.
    """

    def __init__(self, targets: Iterable[TargetNeeds]) -> None:
        self.targets = tuple(targets)

    def due(self, entry: Entry, others: Iterable[Entry], now_ms: int) -> list[Notification] | None:
        """What to send because of an alert: of what was not told yet and may be told now. None if there is nothing.

        The entry then counts as notified.

        Args:
            entry: The alert.
            others: All alerts of its server.
            now_ms: The time to state.
        """
        record, before = entry.record, entry.notified_level
        if not self.targets:
            return None
        if record.state == RESOLVED and before:
            # What was told to be wrong is told to be over, silence or not: nothing stays open elsewhere.
            event, level = "resolved", 0
        elif record.state == FIRING and record.level != before and not _kept_quiet(record, others):
            event, level = ("level_changed" if before else "firing"), record.level
        else:
            return None
        entry.notified_level = level
        falls = event == "level_changed" and level < before
        told = payload(record, event, now_ms, before)
        return [(target.name, told) for target in self.targets if target.falls or not falls]

    def over(self, record: alert_pb2.AlertRecord, notified_level: int) -> list[Notification]:
        """What to send of an alert that has ended while nobody looked."""
        if not notified_level:
            return []
        told = payload(record, "resolved", record.updated_at_ms, notified_level)
        return [(target.name, told) for target in self.targets]


def _kept_quiet(record: alert_pb2.AlertRecord, others: Iterable[Entry]) -> bool:
    """Whether an alert is muted; the risk score also is while a metric of the server has an alert of its own."""
    if is_muted(record):
        return True
    return record.subject == snapshot_pb2.ALERT_SUBJECT_RISK and any(
        other.record.state == FIRING and other.record.subject == snapshot_pb2.ALERT_SUBJECT_METRIC
        for other in others
    )
