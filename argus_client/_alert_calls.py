"""Every unary call about alerts: request in, result out. What is made gets its id here, so that a call may be sent
again without making it twice."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final

from argus.v1 import alert_pb2
from argus_client._alerts import AlertMatcher, AlertRecord, MaintenanceWindow, Silence
from argus_client._calls import UnaryCall, method_path, parse
from argus_client._enums import AlertLevel, AlertState, to_number
from argus_client._errors import InvalidArgument

WATCH_ALERTS: Final = method_path(alert_pb2, "AlertService", "WatchAlerts")


def list_alerts(
    states: Sequence[AlertState | str],
    servers: Sequence[str],
    min_level: AlertLevel | str | None,
    unacknowledged_only: bool,
    unmuted_only: bool,
    max_resolved: int,
) -> UnaryCall[tuple[AlertRecord, ...]]:
    """Asks for alerts."""
    for name, value in (("states", states), ("servers", servers)):
        if isinstance(value, str):
            raise InvalidArgument(f"{name} is the text {value!r}; it must be a list, such as [{value!r}].")
    try:
        request = alert_pb2.ListAlertsRequest(
            states=[to_number(AlertState(state)) for state in states],
            servers=servers,
            min_level=to_number(AlertLevel(min_level or AlertLevel.UNSPECIFIED)),
            unacknowledged_only=unacknowledged_only,
            unmuted_only=unmuted_only,
            max_resolved=max_resolved,
        )
    except ValueError as error:
        raise InvalidArgument(
            f"{error}; states are {', '.join(list(AlertState)[1:])}, levels {', '.join(list(AlertLevel)[1:])}, "
            "and max_resolved is 0 or more."
        ) from error
    return UnaryCall(
        _path("ListAlerts"),
        request.SerializeToString(),
        lambda data: tuple(
            AlertRecord.from_proto(alert) for alert in parse(alert_pb2.ListAlertsResponse, data).alerts
        ),
    )


def acknowledge_alert(alert_id: str, author: str) -> UnaryCall[AlertRecord]:
    """Says who is on an alert."""
    return UnaryCall(
        _path("AcknowledgeAlert"),
        alert_pb2.AcknowledgeAlertRequest(alert_id=alert_id, author=author).SerializeToString(),
        lambda data: AlertRecord.from_proto(parse(alert_pb2.AcknowledgeAlertResponse, data).alert),
    )


def add_alert_note(alert_id: str, author: str, text: str) -> UnaryCall[AlertRecord]:
    """Adds a note."""
    return UnaryCall(
        _path("AddAlertNote"),
        alert_pb2.AddAlertNoteRequest(
            alert_id=alert_id, author=author, text=text, request_id=uuid.uuid4().hex
        ).SerializeToString(),
        lambda data: AlertRecord.from_proto(parse(alert_pb2.AddAlertNoteResponse, data).alert),
    )


def create_silence(
    matcher: AlertMatcher, duration_seconds: float, author: str, comment: str, starts_at_ms: int
) -> UnaryCall[Silence]:
    """Makes a silence."""
    if not 0 < duration_seconds <= 366 * 86_400:
        raise InvalidArgument(
            f"duration is {duration_seconds}; it must be above 0 and at most 366 days, in seconds."
        )
    request = alert_pb2.CreateSilenceRequest(
        matcher=matcher.to_proto(),
        author=author,
        comment=comment,
        starts_at_ms=starts_at_ms,
        request_id=uuid.uuid4().hex,
    )
    request.duration.FromNanoseconds(round(duration_seconds * 1e9))
    return UnaryCall(
        _path("CreateSilence"),
        request.SerializeToString(),
        lambda data: Silence.from_proto(parse(alert_pb2.CreateSilenceResponse, data).silence),
    )


def expire_silence(silence_id: str, author: str) -> UnaryCall[Silence]:
    """Ends a silence."""
    return UnaryCall(
        _path("ExpireSilence"),
        alert_pb2.ExpireSilenceRequest(silence_id=silence_id, author=author).SerializeToString(),
        lambda data: Silence.from_proto(parse(alert_pb2.ExpireSilenceResponse, data).silence),
    )


def list_silences(include_expired: bool) -> UnaryCall[tuple[Silence, ...]]:
    """Asks for silences."""
    return UnaryCall(
        _path("ListSilences"),
        alert_pb2.ListSilencesRequest(include_expired=include_expired).SerializeToString(),
        lambda data: tuple(
            Silence.from_proto(silence) for silence in parse(alert_pb2.ListSilencesResponse, data).silences
        ),
    )


def put_maintenance_window(window: MaintenanceWindow) -> UnaryCall[MaintenanceWindow]:
    """Makes or replaces a maintenance window."""
    message = window.to_proto()
    message.window_id = message.window_id or uuid.uuid4().hex
    return UnaryCall(
        _path("PutMaintenanceWindow"),
        alert_pb2.PutMaintenanceWindowRequest(window=message).SerializeToString(),
        lambda data: MaintenanceWindow.from_proto(parse(alert_pb2.PutMaintenanceWindowResponse, data).window),
    )


def delete_maintenance_window(window_id: str, author: str) -> UnaryCall[None]:
    """Removes a maintenance window."""
    return UnaryCall(
        _path("DeleteMaintenanceWindow"),
        alert_pb2.DeleteMaintenanceWindowRequest(window_id=window_id, author=author).SerializeToString(),
        lambda data: None,
        # Once more would say that there is none.
        idempotent=False,
    )


def list_maintenance_windows() -> UnaryCall[tuple[MaintenanceWindow, ...]]:
    """Asks for maintenance windows."""
    return UnaryCall(
        _path("ListMaintenanceWindows"),
        b"",
        lambda data: tuple(
            MaintenanceWindow.from_proto(window)
            for window in parse(alert_pb2.ListMaintenanceWindowsResponse, data).windows
        ),
    )


def _path(method: str) -> str:
    return method_path(alert_pb2, "AlertService", method)
