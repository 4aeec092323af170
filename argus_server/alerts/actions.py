"""What people do to alerts. Each method may be called again with the same request and does nothing then."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

from argus.v1 import alert_pb2
from argus_server.alerts.book import AlertBook, Entry, copy_of
from argus_server.alerts.events import AlertEvent, EventKind
from argus_server.alerts.muting import standing
from argus_server.alerts.records import RESOLVED
from argus_server.alerts.store import AlertStore
from argus_server.errors import FailedPrecondition, InvalidArgument, NotFound

MAX_SILENCE: Final = timedelta(days=366)
MAX_NOTES: Final = 1000
MAX_MUTES: Final = 10_000


class AlertActions:
    """Changes a book on behalf of people. Requests keep to the constraints of the contract already.

    Args:
        book: What is changed.
        store: Where alerts are that the book has let go of.
    """

    def __init__(self, book: AlertBook, store: AlertStore) -> None:
        self._book = book
        self._store = store

    def acknowledge(self, request: alert_pb2.AcknowledgeAlertRequest, now_ms: int) -> alert_pb2.AlertRecord:
        """Notes who is on an alert.

        Raises:
            NotFound: There is no such alert.
            FailedPrecondition: It is resolved.
        """
        with self._book.lock:
            entry = self._find(request.alert_id)
            record = entry.record
            if record.state == RESOLVED:
                raise FailedPrecondition(
                    f"alert {request.alert_id} of {record.server_name!r} is resolved, and only pending or firing "
                    "alerts can be acknowledged; a note can be added to any"
                )
            if record.acknowledged_by != request.author:
                record.acknowledged_by, record.acknowledged_at_ms = request.author, now_ms
                self._book.touch(entry, EventKind.ACKNOWLEDGED, now_ms, author=request.author)
                self._book.settle()
            return copy_of(record)

    def add_note(self, request: alert_pb2.AddAlertNoteRequest, now_ms: int) -> alert_pb2.AlertRecord:
        """Adds a note.

        Raises:
            NotFound: There is no such alert.
            FailedPrecondition: It has as many notes as an alert may have.
        """
        with self._book.lock:
            entry = self._find(request.alert_id)
            record = entry.record
            if request.request_id and any(note.request_id == request.request_id for note in record.notes):
                return copy_of(record)
            if len(record.notes) >= MAX_NOTES:
                raise FailedPrecondition(
                    f"alert {request.alert_id} has {MAX_NOTES} notes, the most there may be"
                )
            record.notes.add(
                author=request.author, written_at_ms=now_ms, text=request.text, request_id=request.request_id
            )
            self._book.touch(entry, EventKind.NOTE_ADDED, now_ms, author=request.author, detail=request.text)
            self._book.settle()
            return copy_of(record)

    def create_silence(self, request: alert_pb2.CreateSilenceRequest, now_ms: int) -> alert_pb2.Silence:
        """Makes a silence.

        Raises:
            InvalidArgument: It would last too long or no time, or its matcher cannot be used.
            FailedPrecondition: There are as many as there may be.
        """
        duration = request.duration.ToTimedelta()
        if not timedelta(0) < duration <= MAX_SILENCE:
            raise InvalidArgument(
                f"a silence lasts more than 0 and at most {MAX_SILENCE.days} days, not {duration}",
                field="duration",
            )
        with self._book.lock:
            identity = request.request_id or uuid.uuid4().hex
            if (found := self._book.mutes.silence(identity)) is not None:
                return standing(found, now_ms)
            self._check_room()
            starts = request.starts_at_ms or now_ms
            silence = alert_pb2.Silence(
                silence_id=identity,
                matcher=request.matcher,
                starts_at_ms=starts,
                ends_at_ms=starts + round(1000 * duration.total_seconds()),
                author=request.author,
                comment=request.comment,
            )
            self._put_silence(silence, EventKind.SILENCED, request.author, now_ms)
            return standing(silence, now_ms)

    def expire_silence(self, request: alert_pb2.ExpireSilenceRequest, now_ms: int) -> alert_pb2.Silence:
        """Ends a silence.

        Raises:
            NotFound: There is none of that id.
        """
        with self._book.lock:
            found = self._book.mutes.silence(request.silence_id)
            if found is None:
                raise NotFound(f"there is no silence {request.silence_id!r}; list them to see their ids")
            if found.ends_at_ms <= now_ms:
                return standing(found, now_ms)
            ended = alert_pb2.Silence()
            ended.CopyFrom(found)
            ended.ends_at_ms = now_ms
            ended.starts_at_ms = min(ended.starts_at_ms, now_ms)
            self._put_silence(ended, EventKind.SILENCE_EXPIRED, request.author, now_ms)
            return standing(ended, now_ms)

    def put_window(self, window: alert_pb2.MaintenanceWindow, now_ms: int) -> alert_pb2.MaintenanceWindow:
        """Makes or replaces a maintenance window.

        Raises:
            InvalidArgument: It cannot be used.
            FailedPrecondition: There are as many as there may be.
        """
        window = _copy_of_window(window)
        window.window_id = window.window_id or uuid.uuid4().hex
        window.time_zone = window.time_zone or "UTC"
        with self._book.lock:
            if self._book.mutes.window(window.window_id) != window:
                self._check_room()
                self._book.mutes.put_window(window)
                self._book.dirty.commit.windows[window.window_id] = window
                self._book.dirty.commit.deleted_windows.discard(window.window_id)
                self._note(EventKind.MAINTENANCE_PUT, now_ms, window.author, window.window_id, window.comment)
            return next(one for one in self._book.mutes.windows(now_ms) if one.window_id == window.window_id)

    def delete_window(self, request: alert_pb2.DeleteMaintenanceWindowRequest, now_ms: int) -> None:
        """Removes a maintenance window.

        Raises:
            NotFound: There is none of that id.
        """
        with self._book.lock:
            if self._book.mutes.window(request.window_id) is None:
                raise NotFound(
                    f"there is no maintenance window {request.window_id!r}; list them to see their ids"
                )
            self._book.mutes.remove_window(request.window_id)
            self._book.dirty.commit.windows.pop(request.window_id, None)
            self._book.dirty.commit.deleted_windows.add(request.window_id)
            self._note(EventKind.MAINTENANCE_DELETED, now_ms, request.author, request.window_id, "")

    def _find(self, identity: str) -> Entry:
        entry = self._book.find(identity)
        if entry is None:
            stored = self._store.alert(identity)
            if stored is None:
                raise NotFound(
                    f"there is no alert {identity!r}; list alerts, with resolved ones, to see their ids"
                )
            entry = self._book.shelved(stored)
        return entry

    def _put_silence(self, silence: alert_pb2.Silence, kind: EventKind, author: str, now_ms: int) -> None:
        self._book.mutes.put_silence(silence)
        self._book.dirty.commit.silences[silence.silence_id] = silence
        self._note(kind, now_ms, author, silence.silence_id, silence.comment)

    def _note(self, kind: EventKind, now_ms: int, author: str, identity: str, comment: str) -> None:
        detail = f"{identity}: {comment}" if comment else identity
        self._book.note(AlertEvent(kind, now_ms, author=author, detail=detail))
        self._book.now_ms = max(self._book.now_ms, now_ms)
        self._book.remute()
        self._book.settle()

    def _check_room(self) -> None:
        if len(self._book.mutes) >= MAX_MUTES:
            raise FailedPrecondition(
                f"there are {MAX_MUTES} silences and maintenance windows, the most there may be; those that are "
                "over go when their retention ends, and one with a pattern can stand for many"
            )


def _copy_of_window(window: alert_pb2.MaintenanceWindow) -> alert_pb2.MaintenanceWindow:
    copy = alert_pb2.MaintenanceWindow()
    copy.CopyFrom(window)
    copy.active, copy.next_start_ms = False, 0
    return copy
