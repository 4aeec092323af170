"""Alerts of the fake server: whatever the test puts there, with people's actions as the contract has them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import grpc

from argus.v1 import alert_pb2, prediction_pb2, snapshot_pb2
from argus_client._calls import method_path

_NOW_MS: Final = 1_750_000_300_000
_RESOLVED: Final = snapshot_pb2.ALERT_STATE_RESOLVED
_POLL_SECONDS: Final = 0.02


class FakeAlerts:
    """The alert service. Its clock stands still; silences and windows are kept and do nothing.

    Args:
        heartbeat_seconds: Time between heartbeats of a watch.
    """

    def __init__(self, heartbeat_seconds: float) -> None:
        self.alerts: dict[str, alert_pb2.AlertRecord] = {}
        self.silences: dict[str, alert_pb2.Silence] = {}
        self.windows: dict[str, alert_pb2.MaintenanceWindow] = {}
        self._heartbeat_seconds = heartbeat_seconds
        self._changed = threading.Condition()
        self._log: list[alert_pb2.AlertPart] = []
        self._ends = 0
        self._goodbye = False

    def put(self, alerts: Iterable[alert_pb2.AlertRecord]) -> None:
        """Alerts that are new or have changed; watches are told."""
        with self._changed:
            told = alert_pb2.AlertPart(last=True)
            for alert in alerts:
                copy = told.alerts.add()
                copy.CopyFrom(alert)
                self.alerts[alert.alert_id] = copy
            self._log.append(told)
            self._changed.notify_all()

    def withdraw(self, alert_id: str) -> None:
        """A pending alert that goes without a trace."""
        with self._changed:
            del self.alerts[alert_id]
            self._log.append(alert_pb2.AlertPart(withdrawn=[alert_id], last=True))
            self._changed.notify_all()

    def end_streams(self, *, goodbye: bool) -> None:
        """Ends every watch, with a word or as a lost connection does."""
        with self._changed:
            self._ends += 1
            self._goodbye = goodbye
            self._changed.notify_all()

    def methods(self) -> list[tuple[str, Any, Callable[[Any, grpc.ServicerContext], Any]]]:
        """Path, request and answer of every unary method."""
        return [
            (method_path(alert_pb2, "AlertService", name), getattr(alert_pb2, f"{name}Request"), answer)
            for name, answer in (
                ("ListAlerts", self._list),
                ("AcknowledgeAlert", self._acknowledge),
                ("AddAlertNote", self._add_note),
                ("CreateSilence", self._create_silence),
                ("ExpireSilence", self._expire_silence),
                ("ListSilences", self._list_silences),
                ("PutMaintenanceWindow", self._put_window),
                ("DeleteMaintenanceWindow", self._delete_window),
                ("ListMaintenanceWindows", self._list_windows),
            )
        ]

    def watch(
        self, request: alert_pb2.WatchAlertsRequest, context: grpc.ServicerContext
    ) -> Iterator[alert_pb2.WatchAlertsResponse]:
        """Streams what is active, then what changes."""
        with self._changed:
            place, ends = len(self._log), self._ends
            active = [a for a in self.alerts.values() if a.state != _RESOLVED and _wanted(a, request.servers)]
        yield alert_pb2.WatchAlertsResponse(snapshot=alert_pb2.AlertPart(alerts=active, last=True))
        quiet = 0.0
        while context.is_active():
            with self._changed:
                self._changed.wait(_POLL_SECONDS)
                news, place = self._log[place:], len(self._log)
                ended, goodbye = self._ends != ends, self._goodbye
            if ended:
                if goodbye:
                    draining = prediction_pb2.Draining(reason="as the test wants it")
                    yield alert_pb2.WatchAlertsResponse(draining=draining)
                    return
                context.abort(grpc.StatusCode.UNAVAILABLE, "as the test wants it")
            for part in news:
                told = alert_pb2.AlertPart(
                    alerts=[a for a in part.alerts if _wanted(a, request.servers)],
                    withdrawn=part.withdrawn,
                    last=True,
                )
                if told.alerts or told.withdrawn:
                    yield alert_pb2.WatchAlertsResponse(change=told)
            quiet = 0.0 if news else quiet + _POLL_SECONDS
            if quiet >= self._heartbeat_seconds:
                quiet = 0.0
                yield alert_pb2.WatchAlertsResponse(
                    heartbeat=prediction_pb2.Heartbeat(server_time_ms=_NOW_MS)
                )

    def _list(self, request: alert_pb2.ListAlertsRequest, _: Any) -> alert_pb2.ListAlertsResponse:
        states = set(request.states) or {snapshot_pb2.ALERT_STATE_PENDING, snapshot_pb2.ALERT_STATE_FIRING}
        found: list[alert_pb2.AlertRecord] = [
            alert
            for alert in self.alerts.values()
            if alert.state in states
            and alert.level >= request.min_level
            and _wanted(alert, request.servers)
            and not (request.unacknowledged_only and alert.acknowledged_by)
            and not (request.unmuted_only and (alert.silence_id or alert.maintenance_window_id))
        ]
        found.sort(key=_urgency)
        return alert_pb2.ListAlertsResponse(alerts=found)

    def _find(self, alert_id: str, context: grpc.ServicerContext) -> alert_pb2.AlertRecord:
        if alert_id not in self.alerts:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no alert {alert_id!r}")
        copy = alert_pb2.AlertRecord()
        copy.CopyFrom(self.alerts[alert_id])
        return copy

    def _acknowledge(
        self, request: alert_pb2.AcknowledgeAlertRequest, context: grpc.ServicerContext
    ) -> alert_pb2.AcknowledgeAlertResponse:
        alert = self._find(request.alert_id, context)
        if alert.state == _RESOLVED:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"alert {request.alert_id} is resolved")
        alert.acknowledged_by, alert.acknowledged_at_ms = request.author, _NOW_MS
        self.put([alert])
        return alert_pb2.AcknowledgeAlertResponse(alert=alert)

    def _add_note(
        self, request: alert_pb2.AddAlertNoteRequest, context: grpc.ServicerContext
    ) -> alert_pb2.AddAlertNoteResponse:
        alert = self._find(request.alert_id, context)
        if request.request_id not in {note.request_id for note in alert.notes if note.request_id}:
            alert.notes.add(
                author=request.author, written_at_ms=_NOW_MS, text=request.text, request_id=request.request_id
            )
            self.put([alert])
        return alert_pb2.AddAlertNoteResponse(alert=alert)

    def _create_silence(
        self, request: alert_pb2.CreateSilenceRequest, _: Any
    ) -> alert_pb2.CreateSilenceResponse:
        starts = request.starts_at_ms or _NOW_MS
        silence = alert_pb2.Silence(
            silence_id=request.request_id or f"silence-{len(self.silences) + 1}",
            matcher=request.matcher,
            starts_at_ms=starts,
            ends_at_ms=starts + request.duration.ToMilliseconds(),
            author=request.author,
            comment=request.comment,
            active=starts <= _NOW_MS,
        )
        return alert_pb2.CreateSilenceResponse(silence=self.silences.setdefault(silence.silence_id, silence))

    def _expire_silence(
        self, request: alert_pb2.ExpireSilenceRequest, context: grpc.ServicerContext
    ) -> alert_pb2.ExpireSilenceResponse:
        silence = self.silences.get(request.silence_id)
        if silence is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no silence {request.silence_id!r}")
        silence.ends_at_ms, silence.active = min(silence.ends_at_ms, _NOW_MS), False
        return alert_pb2.ExpireSilenceResponse(silence=silence)

    def _list_silences(
        self, request: alert_pb2.ListSilencesRequest, _: Any
    ) -> alert_pb2.ListSilencesResponse:
        found = [
            silence
            for silence in self.silences.values()
            if request.include_expired or silence.ends_at_ms > _NOW_MS
        ]
        return alert_pb2.ListSilencesResponse(silences=found)

    def _put_window(
        self, request: alert_pb2.PutMaintenanceWindowRequest, _: Any
    ) -> alert_pb2.PutMaintenanceWindowResponse:
        window = alert_pb2.MaintenanceWindow()
        window.CopyFrom(request.window)
        window.window_id = window.window_id or f"window-{len(self.windows) + 1}"
        self.windows[window.window_id] = window
        return alert_pb2.PutMaintenanceWindowResponse(window=window)

    def _delete_window(
        self, request: alert_pb2.DeleteMaintenanceWindowRequest, context: grpc.ServicerContext
    ) -> alert_pb2.DeleteMaintenanceWindowResponse:
        if self.windows.pop(request.window_id, None) is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no maintenance window {request.window_id!r}")
        return alert_pb2.DeleteMaintenanceWindowResponse()

    def _list_windows(self, *_: Any) -> alert_pb2.ListMaintenanceWindowsResponse:
        return alert_pb2.ListMaintenanceWindowsResponse(windows=self.windows.values())


def _wanted(alert: alert_pb2.AlertRecord, servers: Iterable[str]) -> bool:
    names = set(servers)
    return not names or alert.server_name in names


def _urgency(alert: alert_pb2.AlertRecord) -> tuple[bool, bool, int]:
    return alert.state == _RESOLVED, alert.state == snapshot_pb2.ALERT_STATE_PENDING, -alert.level
