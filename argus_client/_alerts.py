"""Alerts, silences and maintenance windows as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from argus.v1 import alert_pb2
from argus_client._enums import (
    AlertLevel,
    AlertState,
    AlertSubject,
    DayOfWeek,
    from_number,
    metric_name,
    metric_number,
    to_number,
)
from argus_client._errors import InvalidArgument
from argus_client._server_prediction import copy_fields


@dataclass(frozen=True, slots=True)
class AlertNote:
    """Something a person wrote about an alert. Untrusted text: escape it.

    Attributes:
        author: Who.
        written_at_ms: When, Unix milliseconds UTC.
        text: What.
    """

    author: str
    written_at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One alert. Times are Unix milliseconds UTC by the server's clock, 0 for none.

    Attributes:
        alert_id: Identifies it for ever.
        server_name: Untrusted text: escape it.
        profile: Kind of server, such as `"database"`.
        subject: What it is about.
        metric: Name of the metric; empty unless the subject is one.
        state: Where it is in its life.
        level: Its level on the ladder.
        risk_score: Risk, 0 to 100, that its subject alone makes.
        probability: That its threshold is crossed within the horizon, 0 to 1.
        minutes_to_breach: Until it is; 0 once it is, NaN when no crossing is expected.
        cause: The cause as a sentence for people.
        started_at_ms: When the condition began.
        fired_at_ms: When it began to fire, the last time.
        resolved_at_ms: When it resolved.
        resolution: Why.
        updated_at_ms: When its state or figures were written.
        fired_count: How often it has fired; above 1 when it was re-opened.
        acknowledged_by: Who is on it; empty for nobody.
        acknowledged_at_ms: Since when.
        silence_id: The silence that keeps it quiet; empty for none.
        maintenance_window_id: The maintenance window that does; empty for none.
        notes: Oldest first.
    """

    alert_id: str
    server_name: str
    profile: str
    subject: AlertSubject
    metric: str
    state: AlertState
    level: AlertLevel
    risk_score: float
    probability: float
    minutes_to_breach: float
    cause: str
    started_at_ms: int
    fired_at_ms: int
    resolved_at_ms: int
    resolution: str
    updated_at_ms: int
    fired_count: int
    acknowledged_by: str
    acknowledged_at_ms: int
    silence_id: str
    maintenance_window_id: str
    notes: tuple[AlertNote, ...]

    @property
    def muted(self) -> bool:
        """Whether a silence or a maintenance window keeps it quiet."""
        return bool(self.silence_id or self.maintenance_window_id)

    @staticmethod
    def from_proto(message: alert_pb2.AlertRecord) -> AlertRecord:
        """Reads a message."""
        return copy_fields(
            AlertRecord,
            message,
            subject=from_number(AlertSubject, message.subject),
            metric=metric_name(message.metric),
            state=from_number(AlertState, message.state),
            level=from_number(AlertLevel, message.level),
            notes=tuple(copy_fields(AlertNote, note) for note in message.notes),
        )


@dataclass(frozen=True, slots=True)
class AlertsUpdate:
    """What a watch of alerts yields.

    Attributes:
        active: All pending and firing alerts, by id.
        changed: Alerts that changed since the update before, resolved ones among them; all of them in the first.
    """

    active: Mapping[str, AlertRecord]
    changed: tuple[AlertRecord, ...]


@dataclass(frozen=True, slots=True)
class AlertMatcher:
    """Which alerts are meant: all of an empty one.

    Attributes:
        servers: Names, with `*`, `?` and `[ab]` as in file names; empty for all.
        metrics: Names of metrics.
        subjects: Subjects beside those metrics; all when both are empty.
    """

    servers: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    subjects: tuple[AlertSubject, ...] = ()

    @staticmethod
    def from_proto(message: alert_pb2.AlertMatcher) -> AlertMatcher:
        """Reads a message."""
        return AlertMatcher(
            tuple(message.servers),
            tuple(map(metric_name, message.metrics)),
            tuple(from_number(AlertSubject, number) for number in message.subjects),
        )

    def to_proto(self) -> alert_pb2.AlertMatcher:
        """Writes a message.

        Raises:
            InvalidArgument: There is no such metric or subject, or a list is a single text.
        """
        for name, value in (
            ("servers", self.servers),
            ("metrics", self.metrics),
            ("subjects", self.subjects),
        ):
            if isinstance(value, str):
                raise InvalidArgument(
                    f"{name} is the text {value!r}; it must be a list, such as [{value!r}]."
                )
        try:
            return alert_pb2.AlertMatcher(
                servers=self.servers,
                metrics=[metric_number(name) for name in self.metrics],
                subjects=[to_number(AlertSubject(subject)) for subject in self.subjects],
            )
        except ValueError as error:
            raise InvalidArgument(str(error)) from error


@dataclass(frozen=True, slots=True)
class Silence:
    """Keeps alerts quiet for a span of time. Times are Unix milliseconds UTC.

    Attributes:
        silence_id: Identifies it.
        matcher: Which alerts.
        starts_at_ms: When it begins.
        ends_at_ms: When it ends.
        author: Who made it.
        comment: Why.
        active: Whether it keeps alerts quiet now.
    """

    silence_id: str
    matcher: AlertMatcher
    starts_at_ms: int
    ends_at_ms: int
    author: str
    comment: str
    active: bool

    @staticmethod
    def from_proto(message: alert_pb2.Silence) -> Silence:
        """Reads a message."""
        return copy_fields(Silence, message, matcher=AlertMatcher.from_proto(message.matcher))


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Keeps alerts quiet on certain days at a certain time, week after week.

    Attributes:
        days: Days on which it begins.
        start_time: Time of day at which it begins, `HH:MM`.
        duration_seconds: How long it lasts each time, at most 7 days.
        author: Who made it.
        matcher: Which alerts.
        time_zone: IANA name, such as `"Europe/Berlin"`.
        comment: Why.
        expires_at_ms: When it ends for good, Unix milliseconds UTC; 0 for never.
        window_id: Identifies it; empty for one that is new.
        active: Whether it keeps alerts quiet now. Set by the server.
        next_start_ms: When it begins next; 0 when it never will. Set by the server.
    """

    days: tuple[DayOfWeek, ...]
    start_time: str
    duration_seconds: float
    author: str
    matcher: AlertMatcher = AlertMatcher()
    time_zone: str = "UTC"
    comment: str = ""
    expires_at_ms: int = 0
    window_id: str = ""
    active: bool = False
    next_start_ms: int = 0

    @staticmethod
    def from_proto(message: alert_pb2.MaintenanceWindow) -> MaintenanceWindow:
        """Reads a message."""
        return copy_fields(
            MaintenanceWindow,
            message,
            days=tuple(from_number(DayOfWeek, number) for number in message.days),
            duration_seconds=message.duration.ToTimedelta().total_seconds(),
            matcher=AlertMatcher.from_proto(message.matcher),
        )

    def to_proto(self) -> alert_pb2.MaintenanceWindow:
        """Writes a message.

        Raises:
            InvalidArgument: There is no such day, metric or subject.
        """
        try:
            days = [to_number(DayOfWeek(day)) for day in self.days]
        except ValueError as error:
            known = ", ".join(list(DayOfWeek)[1:])
            raise InvalidArgument(f"{error}; there are {known}.") from error
        message = alert_pb2.MaintenanceWindow(
            window_id=self.window_id,
            matcher=self.matcher.to_proto(),
            days=days,
            start_time=self.start_time,
            time_zone=self.time_zone,
            expires_at_ms=self.expires_at_ms,
            author=self.author,
            comment=self.comment,
        )
        message.duration.FromNanoseconds(round(self.duration_seconds * 1e9))
        return message
