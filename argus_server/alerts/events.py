"""What happens to alerts, as it is told to whoever keeps history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol


class EventKind(StrEnum):
    """What happened."""

    PENDING = "pending"
    WITHDRAWN = "withdrawn"
    FIRED = "fired"
    REOPENED = "reopened"
    LEVEL_CHANGED = "level_changed"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    NOTE_ADDED = "note_added"
    SILENCED = "silenced"
    SILENCE_EXPIRED = "silence_expired"
    MAINTENANCE_PUT = "maintenance_put"
    MAINTENANCE_DELETED = "maintenance_deleted"
    MUTED = "muted"
    UNMUTED = "unmuted"
    NOTIFIED = "notified"
    NOTIFY_FAILED = "notify_failed"


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One thing that happened.

    Attributes:
        kind: What.
        at_ms: When, by the server's clock, Unix milliseconds UTC.
        alert_id: To which alert; empty for silences and maintenance windows.
        server_name: Of which server; empty likewise.
        subject: `argus.v1.AlertSubject` number; 0 likewise.
        metric: `argus.v1.Metric` number; 0 unless the subject is METRIC.
        level: `argus.v1.AlertLevel` number after it.
        probability: As the alert states it.
        author: Who did it; empty when the server did.
        detail: The cause, note, comment, target or reason.
        sequence: Number in the store, rising; 0 until it is stored.
    """

    kind: EventKind
    at_ms: int
    alert_id: str = ""
    server_name: str = ""
    subject: int = 0
    metric: int = 0
    level: int = 0
    probability: float = 0.0
    author: str = ""
    detail: str = ""
    sequence: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values without the sequence."""
        values = asdict(self)
        del values["sequence"]
        return {**values, "kind": str(self.kind)}

    @staticmethod
    def from_dict(sequence: int, values: dict[str, Any]) -> AlertEvent:
        """The other way round."""
        return AlertEvent(**{**values, "kind": EventKind(values["kind"])}, sequence=sequence)


class EventSink(Protocol):
    """Keeps the history of alerts.

    Events come in order of their sequence and at least once: those after the last call that returned come again
    after a crash, so a sink must pass over sequences that it has.
    """

    def append(self, events: Sequence[AlertEvent]) -> None:
        """Takes events; they count as kept when it returns. Called on the alerts' own thread."""
        ...
