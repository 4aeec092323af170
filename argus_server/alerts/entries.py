"""What the book of alerts is made of, and what it hands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from argus.v1 import alert_pb2, snapshot_pb2
from argus_server.alerts.lifecycle import Cell
from argus_server.alerts.readings import Subject
from argus_server.alerts.store import Commit

# Events and notifications kept for a store that cannot be written; beyond it the oldest are lost.
_MAX_UNWRITTEN: Final = 100_000


@dataclass(frozen=True, slots=True)
class TargetNeeds:
    """What a target of notifications wants to hear.

    Attributes:
        name: Its name.
        falls: Whether a level that falls is told, too.
    """

    name: str
    falls: bool


@dataclass(frozen=True, slots=True)
class AlertView:
    """What a snapshot shows of alerts.

    Attributes:
        by_server: Active alerts of the servers that have any, most urgent first.
        firing: How many are firing.
        acknowledged: Of these, how many are acknowledged.
        muted: Of these, how many are kept quiet.
    """

    by_server: Mapping[str, tuple[snapshot_pb2.ActiveAlert, ...]]
    firing: int = 0
    acknowledged: int = 0
    muted: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """What a tick or an action has changed for those who watch."""

    alerts: tuple[alert_pb2.AlertRecord, ...]
    withdrawn: tuple[str, ...]


@dataclass(slots=True)
class Entry:
    """An alert that is active, or has resolved and may yet be re-opened.

    Attributes:
        record: As readers see it.
        subject: What it is about.
        column: Of the lifecycle.
        notified_level: Level that was last notified; 0 for none.
        cell: Its state machine, for an alert that has none any more.
    """

    record: alert_pb2.AlertRecord
    subject: Subject
    column: int
    notified_level: int = 0
    cell: Cell | None = None


@dataclass(slots=True)
class Dirty:
    """What has changed since the last commit was taken: alerts by id, all else as it will be written."""

    alerts: set[str] = field(default_factory=set)
    commit: Commit = field(default_factory=Commit)

    def put_before(self, earlier: Commit) -> None:
        """Takes in what was to be written earlier and could not be; what is newer wins."""
        commit = self.commit
        self.alerts |= set(earlier.alerts)
        commit.alerts = {**earlier.alerts, **commit.alerts}
        commit.dropped |= earlier.dropped
        commit.silences = {**earlier.silences, **commit.silences}
        windows = {**earlier.windows, **commit.windows}
        commit.windows = {key: one for key, one in windows.items() if key not in commit.deleted_windows}
        commit.deleted_windows |= earlier.deleted_windows - set(commit.windows)
        commit.notifications = (earlier.notifications + commit.notifications)[-_MAX_UNWRITTEN:]
        commit.events = (earlier.events + commit.events)[-_MAX_UNWRITTEN:]
        commit.prune_before_ms = max(earlier.prune_before_ms, commit.prune_before_ms)


def copy_of(record: alert_pb2.AlertRecord) -> alert_pb2.AlertRecord:
    """A copy that stays as it is."""
    copy = alert_pb2.AlertRecord()
    copy.CopyFrom(record)
    return copy
