"""What alerts must not forget: SQLite in WAL mode, one transaction per tick or action.

A commit that has returned survives the end of the process, however it ends. Without a path everything is held in
memory by the same code.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from argus.v1 import alert_pb2, snapshot_pb2
from argus_server.alerts.events import AlertEvent
from argus_server.alerts.lifecycle import Cell

FILE: Final = "alerts.sqlite"
SINK_MARK: Final = "events_delivered"
"""Names the last event that the history of alerts has."""
MAX_QUEUED: Final = 10_000
"""Notifications a target may have waiting; beyond it the oldest are given up."""

_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE alerts (
    alert_id TEXT PRIMARY KEY, server TEXT NOT NULL, subject TEXT NOT NULL, state INTEGER NOT NULL,
    resolved_ms INTEGER NOT NULL, notified_level INTEGER NOT NULL, cell TEXT NOT NULL, record BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX alerts_by_state ON alerts (state, resolved_ms);
CREATE TABLE silences (silence_id TEXT PRIMARY KEY, ends_ms INTEGER NOT NULL, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE windows (window_id TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, created_at REAL NOT NULL, payload TEXT NOT NULL
);
CREATE INDEX outbox_by_target ON outbox (target, number);
CREATE TABLE events (sequence INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, event TEXT NOT NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


class StoreError(OSError):
    """The store cannot be opened or written; the message names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert with what is needed to go on with it.

    Attributes:
        record: The alert as readers see it.
        subject: Key of its subject.
        notified_level: Level that was last notified; 0 for none.
        cell: Its state machine.
    """

    record: alert_pb2.AlertRecord
    subject: str
    notified_level: int
    cell: Cell


@dataclass(frozen=True, slots=True)
class Queued:
    """A notification that waits for a target.

    Attributes:
        number: Its place in the queue.
        created_at: When it was written, Unix seconds by this machine's clock.
        payload: What it says.
    """

    number: int
    created_at: float
    payload: dict[str, Any]


@dataclass(slots=True)
class Commit:
    """What one tick or action changes.

    Attributes:
        alerts: Alerts that are new or have changed.
        dropped: Ids of alerts that leave no trace.
        silences: Silences that are new or have changed.
        windows: Maintenance windows likewise.
        deleted_windows: Ids of those removed.
        notifications: Pairs of target and payload.
        events: What happened.
        sent: Numbers of queued notifications that are done with.
        prune_before_ms: When set, what was over before it is removed.
    """

    alerts: dict[str, StoredAlert] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    silences: dict[str, alert_pb2.Silence] = field(default_factory=dict)
    windows: dict[str, alert_pb2.MaintenanceWindow] = field(default_factory=dict)
    deleted_windows: set[str] = field(default_factory=set)
    notifications: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    events: list[AlertEvent] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    prune_before_ms: int = 0

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))


class AlertStore:
    """The store. Thread-safe.

    Args:
        path: File; None holds everything in memory.
        synced: Whether a commit survives a power cut as well.

    Raises:
        StoreError: The file is no such store, is of a newer version, or cannot be written.
    """

    def __init__(self, path: Path | None, *, synced: bool = False) -> None:
        self._name = str(path) if path else "memory"
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(
                path or ":memory:", check_same_thread=False, isolation_level=None, timeout=5.0
            )
            self._prepare(synced)
            self._queue_lengths = self._count_queued()
        except sqlite3.Error as error:
            raise StoreError(f"cannot use {self._name}: {error}") from error

    def _prepare(self, synced: bool) -> None:
        run = self._database.execute
        run("PRAGMA journal_mode=WAL")
        run(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
        (version,) = run("PRAGMA user_version").fetchone()
        if version > _SCHEMA_VERSION:
            raise StoreError(
                f"{self._name} is of version {version}; this server knows up to {_SCHEMA_VERSION}: use a newer one"
            )
        if not version:
            self._database.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={_SCHEMA_VERSION};COMMIT;")

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._database.close()

    def commit(self, changes: Sequence[Commit]) -> None:
        """Writes changes, in order, all or none.

        Raises:
            StoreError: They cannot be written; nothing was.
        """
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    for change in changes:
                        self._write(change)
                    self._database.execute("COMMIT")
                    if any(change.notifications or change.sent for change in changes):
                        self._queue_lengths = self._count_queued()
                except BaseException:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise StoreError(f"cannot write {self._name}: {error}") from error

    def _write(self, change: Commit) -> None:
        many = self._database.executemany
        many(
            "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    alert_id,
                    stored.record.server_name,
                    stored.subject,
                    stored.record.state,
                    stored.record.resolved_at_ms,
                    stored.notified_level,
                    json.dumps(asdict(stored.cell)),
                    stored.record.SerializeToString(),
                )
                for alert_id, stored in change.alerts.items()
            ),
        )
        many("DELETE FROM alerts WHERE alert_id = ?", ((alert_id,) for alert_id in change.dropped))
        many(
            "INSERT OR REPLACE INTO silences VALUES (?, ?, ?)",
            ((key, one.ends_at_ms, one.SerializeToString()) for key, one in change.silences.items()),
        )
        many(
            "INSERT OR REPLACE INTO windows VALUES (?, ?)",
            ((key, one.SerializeToString()) for key, one in change.windows.items()),
        )
        many("DELETE FROM windows WHERE window_id = ?", ((key,) for key in change.deleted_windows))
        many(
            "INSERT INTO outbox (target, created_at, payload) VALUES (?, ?, ?)",
            ((target, time.time(), json.dumps(payload)) for target, payload in change.notifications),
        )
        many("DELETE FROM outbox WHERE number = ?", ((number,) for number in change.sent))
        many(
            "INSERT INTO events (at_ms, event) VALUES (?, ?)",
            ((event.at_ms, json.dumps(event.to_dict())) for event in change.events),
        )
        if change.prune_before_ms:
            self._prune(change.prune_before_ms)

    def _prune(self, before_ms: int) -> None:
        run = self._database.execute
        run(
            "DELETE FROM alerts WHERE state = ? AND resolved_ms < ?",
            (snapshot_pb2.ALERT_STATE_RESOLVED, before_ms),
        )
        run("DELETE FROM silences WHERE ends_ms < ?", (before_ms,))
        run("DELETE FROM events WHERE at_ms < ?", (before_ms,))

    def unresolved(self, reopen_ms: int) -> list[StoredAlert]:
        """Alerts that are pending or firing, after those that resolved less than `reopen_ms` before the last one."""
        resolved = snapshot_pb2.ALERT_STATE_RESOLVED
        rows = self._read(
            "SELECT record, subject, notified_level, cell FROM alerts "
            "WHERE state <> ? OR resolved_ms >= (SELECT MAX(resolved_ms) FROM alerts) - ? "
            "ORDER BY state = ? DESC, resolved_ms",
            (resolved, reopen_ms, resolved),
        )
        return [_stored(row) for row in rows]

    def alert(self, alert_id: str) -> StoredAlert | None:
        """One alert, resolved or not; None when there is none of that id."""
        rows = self._read(
            "SELECT record, subject, notified_level, cell FROM alerts WHERE alert_id = ?", (alert_id,)
        )
        return _stored(rows[0]) if rows else None

    def resolved(self, servers: Sequence[str], limit: int) -> list[alert_pb2.AlertRecord]:
        """Resolved alerts, newest first, of some servers or, when none is named, of all."""
        wanted = ""
        if servers:
            wanted = "AND server IN (SELECT value FROM json_each(?)) "
        rows = self._read(
            f"SELECT record FROM alerts WHERE state = ? {wanted}ORDER BY resolved_ms DESC, alert_id LIMIT ?",
            (snapshot_pb2.ALERT_STATE_RESOLVED, *([json.dumps(list(servers))] if servers else ()), limit),
        )
        return [alert_pb2.AlertRecord.FromString(record) for (record,) in rows]

    def silences(self) -> list[alert_pb2.Silence]:
        """All silences."""
        return [alert_pb2.Silence.FromString(row) for (row,) in self._read("SELECT record FROM silences")]

    def windows(self) -> list[alert_pb2.MaintenanceWindow]:
        """All maintenance windows."""
        return [
            alert_pb2.MaintenanceWindow.FromString(row) for (row,) in self._read("SELECT record FROM windows")
        ]

    def queued(self, target: str, limit: int) -> list[Queued]:
        """Notifications that wait for a target, oldest first."""
        rows = self._read(
            "SELECT number, created_at, payload FROM outbox WHERE target = ? ORDER BY number LIMIT ?",
            (target, limit),
        )
        return [Queued(number, created_at, json.loads(payload)) for number, created_at, payload in rows]

    def queue_lengths(self) -> dict[str, int]:
        """Notifications that wait, by target. Never waits for the disk."""
        return self._queue_lengths

    def surplus(self, target: str, kept: int) -> list[Queued]:
        """The oldest notifications of a target beyond those it may have waiting."""
        rows = self._read(
            "SELECT number, created_at, payload FROM outbox WHERE target = ? ORDER BY number DESC LIMIT -1 OFFSET ?",
            (target, kept),
        )
        return [Queued(number, created_at, json.loads(payload)) for number, created_at, payload in rows]

    def expired(self, target: str, before: float) -> list[Queued]:
        """Notifications of a target written before a time, Unix seconds by this machine's clock."""
        rows = self._read(
            "SELECT number, created_at, payload FROM outbox WHERE target = ? AND created_at < ?",
            (target, before),
        )
        return [Queued(number, created_at, json.loads(payload)) for number, created_at, payload in rows]

    def events(self, after: int, limit: int) -> list[AlertEvent]:
        """Events with sequences above `after`, in order."""
        rows = self._read(
            "SELECT sequence, event FROM events WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, limit)
        )
        return [AlertEvent.from_dict(sequence, json.loads(event)) for sequence, event in rows]

    def mark(self, key: str) -> int:
        """A number kept under a name; 0 when there is none."""
        rows = self._read("SELECT value FROM meta WHERE key = ?", (key,))
        return int(rows[0][0]) if rows else 0

    def set_mark(self, key: str, value: int) -> None:
        """Keeps a number under a name.

        Raises:
            StoreError: It cannot be written.
        """
        with self._lock:
            try:
                self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
            except sqlite3.Error as error:
                raise StoreError(f"cannot write {self._name}: {error}") from error

    def _count_queued(self) -> dict[str, int]:
        return dict(self._database.execute("SELECT target, COUNT(*) FROM outbox GROUP BY target").fetchall())

    def _read(self, statement: str, values: Iterable[Any] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._database.execute(statement, tuple(values)).fetchall()
            except sqlite3.Error as error:
                raise StoreError(f"cannot read {self._name}: {error}") from error


def _stored(row: tuple[bytes, str, int, str]) -> StoredAlert:
    record, subject, notified_level, cell = row
    return StoredAlert(
        alert_pb2.AlertRecord.FromString(record), subject, notified_level, Cell(**json.loads(cell))
    )
