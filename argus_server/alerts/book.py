"""Every alert there is: what the lifecycles say of it, what people did to it, and who is to be told.

The book is written by ticks (`observe`, on the inference thread) and by people (through `AlertActions`, on any
thread), one at a time. What has changed collects in one `Commit`, which whoever owns the store takes out and writes.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

from argus.v1 import alert_pb2
from argus_server.alerts.entries import AlertView, Changes, Dirty, Entry, TargetNeeds, copy_of
from argus_server.alerts.events import AlertEvent, EventKind
from argus_server.alerts.lifecycle import Lifecycle, Step, Transition
from argus_server.alerts.muting import Mutes
from argus_server.alerts.notices import Notices
from argus_server.alerts.readings import Subject, figures_of, readings_of, subjects_of
from argus_server.alerts.records import (
    FIRING,
    PENDING,
    RESOLVED,
    active_alert,
    alert_id,
    is_muted,
    payload,
    urgency,
    write_figures,
)
from argus_server.alerts.store import AlertStore, Commit, StoredAlert
from argus_server.frame import FleetFrame
from argus_server.risk.tables import RiskTables

_PRUNE_EVERY_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000


class AlertBook:
    """The book.

    Args:
        tables: Rules, ladder and signals.
        store: Where alerts, silences and windows of former runs are; read once.
        targets: Who is to be told; the caller delivers.
        retention_ms: How long what is over is kept.
        settled: The time to forget by, given what the clock says; the same if not given.

    Attributes:
        view: What snapshots show.
        now_ms: The clock of the last tick or action, Unix milliseconds UTC.
        on_change: Told what has changed, on whichever thread changed it; set once, before the first tick.
        lock: Held by whoever reads or writes what follows.
        mutes: Silences and maintenance windows.
        dirty: What has changed since the last commit was taken.
    """

    def __init__(
        self,
        tables: RiskTables,
        store: AlertStore,
        targets: Iterable[TargetNeeds],
        retention_ms: int,
        settled: Callable[[int], int] = int,
    ) -> None:
        self._tables = tables
        self._store = store
        self._notices = Notices(targets)
        self._retention_ms = retention_ms
        self._settled = settled
        self._subjects = subjects_of(tables)
        self._lifecycle = Lifecycle(tables.alerts)
        self.mutes = Mutes()
        self._entries: dict[str, dict[int, Entry]] = {}
        self._by_id: dict[str, Entry] = {}
        self.dirty = Dirty()
        self._touched: set[str] = set()
        self._told: dict[str, alert_pb2.AlertRecord] = {}
        self._withdrawn: list[str] = []
        self.lock = threading.RLock()
        self.now_ms = 0
        self._pruned_ms = 0
        self._first = True
        self.view = AlertView({})
        self.on_change: Callable[[Changes], object] = lambda changes: None
        self._restore()

    # Ticks.

    def observe(self, frame: FleetFrame) -> AlertView:
        """Moves all alerts on by one tick."""
        readings = readings_of(frame, self._tables)
        with self.lock:
            if frame.clock_ms <= 0:
                return self.view
            self.now_ms = frame.clock_ms
            for transition in self._lifecycle.step(readings):
                self._apply(transition, frame)
            self.remute()
            settled_ms = self._settled(self.now_ms)
            # Either way round: a clock that was set back must not put it off until it has caught up.
            if abs(settled_ms - self._pruned_ms) >= _PRUNE_EVERY_MS:
                self._prune(settled_ms)
            self.settle()
            return self.view

    def take(self) -> Commit:
        """Everything that has changed since the last call, for the store."""
        with self.lock:
            dirty, self.dirty = self.dirty, Dirty()
            commit = dirty.commit
            for identity in dirty.alerts:
                if (entry := self._by_id.get(identity)) is not None:
                    commit.alerts[identity] = self.stored(entry)
            return commit

    def give_back(self, commit: Commit) -> None:
        """Takes back changes that could not be written: they come first in the next ones."""
        with self.lock:
            self.dirty.put_before(commit)

    # Reading.

    def active(self, servers: Iterable[str] = ()) -> list[alert_pb2.AlertRecord]:
        """Copies of all pending and firing alerts, of some servers or of all, most urgent first."""
        wanted = frozenset(servers)
        with self.lock:
            found = [
                copy_of(entry.record)
                for server, entries in self._entries.items()
                if not wanted or server in wanted
                for entry in entries.values()
                if entry.record.state != RESOLVED
            ]
        return sorted(found, key=urgency)

    @property
    def target_names(self) -> tuple[str, ...]:
        """Who is to be told."""
        return tuple(target.name for target in self._notices.targets)

    def counts(self) -> Counter[tuple[int, int]]:
        """How many active alerts there are, by state and level."""
        with self.lock:
            return Counter(
                (entry.record.state, entry.record.level)
                for entry in self._by_id.values()
                if entry.record.state != RESOLVED
            )

    def standing(self) -> list[dict[str, Any]]:
        """Notifications of all alerts that fire, were notified and are not kept quiet, as of now."""
        with self.lock:
            return [
                payload(entry.record, "firing", entry.record.updated_at_ms)
                for entry in self._by_id.values()
                if entry.record.state == FIRING and entry.notified_level and not is_muted(entry.record)
            ]

    def silences(self, now_ms: int, *, include_expired: bool) -> list[alert_pb2.Silence]:
        """Silences as they stand."""
        with self.lock:
            return self.mutes.silences(now_ms, include_expired=include_expired)

    def windows(self, now_ms: int) -> list[alert_pb2.MaintenanceWindow]:
        """Maintenance windows as they stand."""
        with self.lock:
            return self.mutes.windows(now_ms)

    # For those who act on the book, with the lock held.

    def find(self, identity: str) -> Entry | None:
        """An alert that is active or may yet be re-opened."""
        return self._by_id.get(identity)

    def shelved(self, stored: StoredAlert) -> Entry:
        """An alert that the book has let go of, to be changed once more: it is written, and not kept."""
        subject = Subject(stored.subject, stored.record.subject, stored.record.metric)
        return Entry(stored.record, subject, -1, stored.notified_level, stored.cell)

    def touch(self, entry: Entry, kind: EventKind, at_ms: int, *, author: str = "", detail: str = "") -> None:
        """Notes that something happened to an alert: it is stored, told to watchers, and an event."""
        self._change(entry, at_ms)
        record = entry.record
        if entry.cell is not None:
            self.dirty.commit.alerts[record.alert_id] = self.stored(entry)
        self.note(
            AlertEvent(
                kind,
                at_ms,
                alert_id=record.alert_id,
                server_name=record.server_name,
                subject=record.subject,
                metric=record.metric,
                level=record.level,
                probability=record.probability,
                author=author,
                detail=detail,
            )
        )

    def note(self, event: AlertEvent) -> None:
        """Notes an event."""
        self.dirty.commit.events.append(event)

    def remute(self) -> None:
        """Sees which alerts are kept quiet now."""
        if self.mutes.tick(self.now_ms):
            for entry in self._in_order(self._entries):
                if entry.record.state != RESOLVED:
                    self._mute(entry)

    def settle(self) -> None:
        """Decides who is to be notified, and shows what has changed. The last thing a tick or an action does."""
        for entry in self._in_order(self._entries if self._first else self._touched):
            others = self._entries[entry.record.server_name].values()
            if (notices := self._notices.due(entry, others, self.now_ms)) is not None:
                self.dirty.commit.notifications += notices
                self.dirty.alerts.add(entry.record.alert_id)
        if self._first or self._touched:
            self._show()
        self._first, self._touched = False, set()
        if self._told or self._withdrawn:
            changes = Changes(tuple(map(copy_of, self._told.values())), tuple(self._withdrawn))
            self._told, self._withdrawn = {}, []
            self.on_change(changes)

    def stored(self, entry: Entry) -> StoredAlert:
        """An alert as the store keeps it."""
        record = entry.record
        return StoredAlert(
            copy_of(record),
            entry.subject.key,
            entry.notified_level,
            entry.cell or self._lifecycle.cell(record.server_name, entry.column),
        )

    # Inside.

    def _in_order(self, servers: Iterable[str]) -> list[Entry]:
        """Entries of some servers, in the same order in every run."""
        return [
            entry for server in sorted(servers) for _, entry in sorted(self._entries.get(server, {}).items())
        ]

    def _apply(self, transition: Transition, frame: FleetFrame) -> None:
        entries = self._entries.setdefault(transition.server, {})
        entry = entries.get(transition.column)
        if transition.step is Step.STARTED:
            entry = self._start(entries, entry, transition)
        if entry is None:
            return
        record, now = entry.record, self.now_ms
        if transition.row >= 0 and transition.step is not Step.TIMED:
            write_figures(record, figures_of(frame, self._tables, transition.row, transition.column))
            record.updated_at_ms = now
        match transition.step:
            case Step.STARTED:
                record.state, record.level = PENDING, transition.level  # type: ignore[assignment]
                self._mute(entry)
                self.touch(entry, EventKind.PENDING, now, detail=record.cause)
            case Step.WITHDRAWN:
                self._withdraw(entry)
            case Step.FIRED:
                record.state, record.level = FIRING, transition.level  # type: ignore[assignment]
                record.fired_at_ms, record.resolved_at_ms, record.resolution = now, 0, ""
                record.fired_count += 1
                again = record.fired_count > 1
                self.touch(entry, EventKind.REOPENED if again else EventKind.FIRED, now, detail=record.cause)
            case Step.LEVEL:
                record.level = transition.level  # type: ignore[assignment]
                self.touch(entry, EventKind.LEVEL_CHANGED, now, detail=record.cause)
            case Step.RESOLVED:
                self._resolve(entry, "the condition is over")
            case Step.ABSENT:
                self._resolve(entry, "the server has left the fleet")
            case Step.REFRESHED:
                record.level = transition.level  # type: ignore[assignment]
                self._change(entry, now)
            case Step.TIMED:
                self.dirty.alerts.add(record.alert_id)

    def _start(self, entries: dict[int, Entry], last: Entry | None, transition: Transition) -> Entry:
        if last is not None and transition.reopens:
            return last
        if last is not None:
            self._shelve(last)
        subject = self._subjects[transition.column]
        identity = alert_id(transition.server, subject.key, self.now_ms)
        entry = Entry(
            alert_pb2.AlertRecord(
                alert_id=identity,
                server_name=transition.server,
                subject=subject.kind,  # type: ignore[arg-type]
                metric=subject.metric,  # type: ignore[arg-type]
                started_at_ms=self.now_ms,
            ),
            subject,
            transition.column,
        )
        entries[transition.column] = self._by_id[identity] = entry
        return entry

    def _withdraw(self, entry: Entry) -> None:
        record = entry.record
        self.touch(entry, EventKind.WITHDRAWN, self.now_ms)
        if record.fired_count:
            record.state = RESOLVED
            self._drop_mutes(entry)
            return
        self._forget(entry)
        self._told.pop(record.alert_id, None)
        self._withdrawn.append(record.alert_id)
        self.dirty.alerts.discard(record.alert_id)
        self.dirty.commit.dropped.add(record.alert_id)

    def _resolve(self, entry: Entry, resolution: str) -> None:
        record = entry.record
        record.state, record.resolved_at_ms, record.resolution = RESOLVED, self.now_ms, resolution
        record.updated_at_ms = self.now_ms
        record.acknowledged_by, record.acknowledged_at_ms = "", 0
        self.touch(entry, EventKind.RESOLVED, self.now_ms, detail=resolution)
        self._drop_mutes(entry)

    def _drop_mutes(self, entry: Entry) -> None:
        entry.record.silence_id = entry.record.maintenance_window_id = ""

    def _shelve(self, entry: Entry) -> None:
        """Lets go of a resolved alert that will not be re-opened; the store has it."""
        if entry.record.alert_id in self.dirty.alerts:
            self.dirty.commit.alerts[entry.record.alert_id] = self.stored(entry)
        self._forget(entry)

    def _forget(self, entry: Entry) -> None:
        record = entry.record
        self._by_id.pop(record.alert_id, None)
        entries = self._entries.get(record.server_name, {})
        if entries.get(entry.column) is entry:
            del entries[entry.column]

    def _change(self, entry: Entry, at_ms: int) -> None:
        entry.record.updated_at_ms = max(entry.record.updated_at_ms, at_ms)
        self.dirty.alerts.add(entry.record.alert_id)
        self._touched.add(entry.record.server_name)
        self._told[entry.record.alert_id] = entry.record

    def _mute(self, entry: Entry) -> None:
        record = entry.record
        muted = self.mutes.of(record.server_name, record.subject, record.metric)
        if muted == (record.silence_id, record.maintenance_window_id):
            return
        was = is_muted(record)
        record.silence_id, record.maintenance_window_id = muted
        if was != is_muted(record):
            kind = EventKind.UNMUTED if was else EventKind.MUTED
            self.touch(entry, kind, self.now_ms, detail=muted[0] or muted[1])
        else:
            self._change(entry, self.now_ms)

    def _show(self) -> None:
        by_server = dict(self.view.by_server)
        for server in self._entries.keys() if self._first else self._touched:
            shown = sorted(
                (e.record for e in self._entries.get(server, {}).values() if e.record.state != RESOLVED),
                key=urgency,
            )
            if shown:
                by_server[server] = tuple(map(active_alert, shown))
            else:
                by_server.pop(server, None)
        firing = [entry.record for entry in self._by_id.values() if entry.record.state == FIRING]
        self.view = AlertView(
            by_server,
            len(firing),
            sum(bool(record.acknowledged_by) for record in firing),
            sum(map(is_muted, firing)),
        )
        for server in self._touched:
            if not self._entries.get(server, True):
                del self._entries[server]

    def _prune(self, now_ms: int) -> None:
        """Forgets what is over for too long: in memory the flap window, in the store the retention."""
        self._pruned_ms = now_ms
        reopen_ms = round(self._tables.alerts.reopen_minutes * _MINUTE_MS)
        for entry in list(self._by_id.values()):
            if entry.record.state == RESOLVED and now_ms - entry.record.resolved_at_ms > reopen_ms:
                self._touched.add(entry.record.server_name)
                self._shelve(entry)
        self.mutes.forget_before(now_ms - self._retention_ms)
        self.dirty.commit.prune_before_ms = max(now_ms - self._retention_ms, 0)

    def _restore(self) -> None:
        for silence in self._store.silences():
            self.mutes.put_silence(silence)
        for window in self._store.windows():
            self.mutes.put_window(window)
        columns = {subject.key: column for column, subject in enumerate(self._subjects)}
        cells = []
        for stored in self._store.unresolved(round(self._tables.alerts.reopen_minutes * _MINUTE_MS)):
            record = stored.record
            column = columns.get(stored.subject)
            if column is None:
                self._resolve_unwatched(stored)
                continue
            entry = Entry(record, self._subjects[column], column, stored.notified_level)
            before = self._entries.setdefault(record.server_name, {}).get(column)
            if before is not None:
                del self._by_id[before.record.alert_id]
            self._entries[record.server_name][column] = self._by_id[record.alert_id] = entry
            cells.append((record.server_name, column, stored.cell))
        self._lifecycle.restore(cells)

    def _resolve_unwatched(self, stored: StoredAlert) -> None:
        """Ends an alert on a signal that the tables no longer have."""
        record = stored.record
        if record.state == RESOLVED:
            return
        record.state, record.resolved_at_ms = RESOLVED, record.updated_at_ms
        record.resolution = "its signal is no longer in the risk tables"
        commit = self.dirty.commit
        commit.alerts[record.alert_id] = StoredAlert(record, stored.subject, 0, stored.cell)
        commit.events.append(
            AlertEvent(
                EventKind.RESOLVED,
                record.updated_at_ms,
                alert_id=record.alert_id,
                server_name=record.server_name,
                subject=record.subject,
                metric=record.metric,
                level=record.level,
                detail=record.resolution,
            )
        )
        commit.notifications += self._notices.over(record, stored.notified_level)
