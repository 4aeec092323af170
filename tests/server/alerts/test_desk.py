"""The desk over simulated days: restarts change nothing, noise makes one alert, a broken disk loses nothing."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from argus.v1 import alert_pb2, snapshot_pb2
from argus_server.alerts.actions import AlertActions
from argus_server.alerts.desk import AlertDesk
from argus_server.alerts.entries import TargetNeeds
from argus_server.alerts.events import AlertEvent, EventKind
from argus_server.alerts.records import FIRING, RESOLVED
from argus_server.alerts.store import FILE, AlertStore, StoreError
from argus_server.clock import JumpGuard, ManualClock
from argus_server.errors import Unavailable
from argus_server.risk.alert_rules import AlertRule
from argus_server.risk.tables import RiskTables
from tests.server.alerts.frames import MINUTE_MS, START_MS, TABLES, frame

TARGET = TargetNeeds("pager", falls=False)


class Kept:
    """A sink that keeps what it gets, and fails when told to."""

    def __init__(self) -> None:
        self.events: list[AlertEvent] = []
        self.failing = False

    def append(self, events: Sequence[AlertEvent]) -> None:
        if self.failing:
            raise OSError("no space left on device")
        self.events += events


@contextmanager
def desk(
    directory: Path | None = None, tables: RiskTables = TABLES, sink: Kept | None = None, **options: Any
) -> Iterator[AlertDesk]:
    made = AlertDesk(tables, ManualClock(START_MS), directory, [TARGET], sink=sink, **options)
    try:
        yield made
    finally:
        made.shut()


def written(made: AlertDesk) -> list[AlertEvent]:
    """All events, once everything is written."""
    made.settle()
    return made.store.events(0, 1_000_000)


def day(seed: int, servers: int) -> Iterator[tuple[int, dict[str, float], set[str]]]:
    """24 hours in steps of 5 minutes: probabilities that wander, servers that fall silent, some that leave."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.0, 1.0, servers)
    quiet_until = np.zeros(servers)
    for step in range(288):
        level = np.clip(level + rng.normal(0, 0.15, servers), 0, 1)
        quiet_until[rng.random(servers) < 0.005] = step + rng.integers(1, 30)
        away = {number for number in range(servers) if number % 10 == 9 and 100 < step < 150}
        fleet = {f"web-{number}": float(level[number]) for number in range(servers) if number not in away}
        silent = {f"web-{number}" for number in np.flatnonzero(quiet_until > step)} & fleet.keys()
        yield START_MS + step * 5 * MINUTE_MS, fleet, silent


def act(made: AlertDesk, now_ms: int, step: int) -> None:
    """What people do, at the same moments in every run."""
    actions = AlertActions(made.book, made.store)
    firing = made.book.active()
    if step == 60 and firing:
        actions.acknowledge(
            alert_pb2.AcknowledgeAlertRequest(alert_id=firing[0].alert_id, author="ada"), now_ms
        )
    if step == 80:
        actions.create_silence(
            alert_pb2.CreateSilenceRequest(
                matcher=alert_pb2.AlertMatcher(servers=["web-1*"]),
                duration=Duration(seconds=6 * 3600),
                author="ada",
                request_id="silence",
            ),
            now_ms,
        )
    if step == 90:
        actions.put_window(
            alert_pb2.MaintenanceWindow(
                window_id="nightly",
                days=range(1, 8),
                start_time="05:00",
                duration=Duration(seconds=3600),
                author="ada",
            ),
            now_ms,
        )


def run(directory: Path, restart_every: int | None, servers: int = 60) -> tuple[list[Any], list[Any]]:
    """Events and notifications of a day, with a restart every so many steps or none."""
    made = AlertDesk(TABLES, ManualClock(START_MS), directory, [TARGET])
    for step, (now_ms, fleet, silent) in enumerate(day(7, servers)):
        if restart_every and step and step % restart_every == 0:
            # As kill -9 leaves it: nothing was closed, and what was committed is all there is.
            written(made)
            left = directory.parent / f"{directory.name}-{step}"
            shutil.copytree(directory, left)
            made.shut()
            directory = left
            made = AlertDesk(TABLES, ManualClock(now_ms), directory, [TARGET])
        made.observe(frame(now_ms, fleet, silent=silent))
        act(made, now_ms, step)
    events = [event.to_dict() for event in written(made)]
    told = [one.payload for one in made.store.queued("pager", 100_000)]
    made.shut()
    return events, told


def test_a_day_with_restarts_every_30_minutes_is_the_day_without(tmp_path: Path) -> None:
    (tmp_path / "steady").mkdir()
    (tmp_path / "restarted").mkdir()

    events, told = run(tmp_path / "steady", None)
    again, told_again = run(tmp_path / "restarted", 6)

    assert again == events
    assert told_again == told
    kinds = Counter(event["kind"] for event in events)
    assert set(kinds) >= {
        "pending", "withdrawn", "fired", "reopened", "resolved", "acknowledged", "silenced", "muted", "unmuted",
        "maintenance_put",
    }  # fmt: skip
    assert len(told) > 100


def noisy_day(seed: int = 3) -> Iterator[tuple[int, float]]:
    """One server, a tick a minute, its probability swinging around the fire value without an end."""
    rng = np.random.default_rng(seed)
    drift = 0.0
    for tick in range(1440):
        drift = 0.98 * drift + rng.normal(0, 0.02)
        value = 0.8 + drift + rng.normal(0, 0.08)
        yield START_MS + tick * MINUTE_MS, float(np.clip(value, 0, 1))


def flaps(tables: RiskTables) -> tuple[int, int]:
    """Alerts and notifications of the noisy day."""
    with desk(tables=tables) as made:
        for now_ms, value in noisy_day():
            made.observe(frame(now_ms, {"web-1": value}))
        events = written(made)
        alerts = {event.alert_id for event in events if event.kind is EventKind.FIRED}
        return len(alerts), len(made.store.queued("pager", 100_000))


def bare(tables: RiskTables) -> RiskTables:
    """Rules of a plain threshold: no hysteresis, no holds, no flap window."""
    rule = AlertRule(0.8, 0.8)
    count = len(tables.signals)
    return replace(tables, alerts=replace(tables.alerts, signals=(rule,) * count, reopen_minutes=0.0))


def test_a_noisy_server_makes_one_alert_and_not_hundreds(record_property: Any) -> None:
    alerts, notifications = flaps(TABLES)
    without = flaps(bare(TABLES))
    record_property(
        "alerts_and_notifications_per_day", f"{alerts}, {notifications}; bare threshold {without}"
    )

    assert (alerts, notifications) == (1, 1)
    assert without == (224, 448)


def test_a_condition_that_comes_back_reopens_and_much_later_is_another_alert() -> None:
    with desk() as made:
        minute = 0

        def tick(value: float, minutes: int) -> None:
            nonlocal minute
            for _ in range(minutes):
                made.observe(frame(START_MS + minute * MINUTE_MS, {"web-1": value}))
                minute += 1

        tick(1.0, 6)
        (first,) = made.book.active()
        tick(0.0, 31)
        assert made.book.active() == []
        tick(1.0, 6)
        (again,) = made.book.active()
        assert (again.alert_id, again.fired_count, again.resolved_at_ms) == (first.alert_id, 2, 0)
        tick(0.0, 31 + 70)
        tick(1.0, 6)
        (other,) = made.book.active()
        assert other.alert_id != first.alert_id
        kinds = [str(event.kind) for event in written(made)]
        assert kinds == [
            "pending",
            "fired",
            "resolved",
            "pending",
            "reopened",
            "resolved",
            "pending",
            "fired",
        ]


def test_a_pending_alert_has_the_level_and_the_figures_of_now() -> None:
    made = AlertDesk(TABLES, ManualClock(START_MS))
    made.observe(frame(START_MS, {"web-1": 0.9}, level_score=35.0))
    (alert,) = made.book.active()
    before = alert.level
    made.observe(frame(START_MS + MINUTE_MS // 2, {"web-1": 0.95}, level_score=62.0))
    (alert,) = made.book.active()
    assert alert.state == snapshot_pb2.ALERT_STATE_PENDING
    assert alert.level > before
    assert (alert.probability, alert.risk_score) == (pytest.approx(0.95), 62.0)
    made.observe(frame(START_MS + 2 * MINUTE_MS, {"web-1": 0.99}, level_score=62.0))
    (alert,) = made.book.active()
    assert alert.probability == pytest.approx(0.99)
    assert alert.updated_at_ms == START_MS + 2 * MINUTE_MS
    made.shut()


def test_a_server_that_left_the_fleet_takes_its_alerts_along_after_a_while() -> None:
    with desk() as made:
        for minute in (0, 5):
            made.observe(frame(START_MS + minute * MINUTE_MS, {"web-1": 1.0, "web-2": 0.0}))
        for minute in (10, 69):
            made.observe(frame(START_MS + minute * MINUTE_MS, {"web-2": 0.0}))
        assert [alert.state for alert in made.book.active()] == [FIRING]
        made.observe(frame(START_MS + 70 * MINUTE_MS, {"web-2": 0.0}))
        assert made.book.active() == []
        assert written(made)[-1].detail == "the server has left the fleet"


def test_a_history_that_cannot_be_written_is_said_once_and_so_is_its_return(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = Kept()
    sink.failing = True
    with caplog.at_level(logging.INFO), desk(sink=sink) as made:
        for number in range(4):
            sink.failing = number < 3
            made.observe(frame(START_MS + number * MINUTE_MS, {f"web-{number}": 1.0}))
            written(made)
    said = [record for record in caplog.records if "history of alerts" in record.message]
    assert [record.levelname for record in said] == ["ERROR", "INFO"]
    assert not said[0].exc_info


def test_history_is_told_everything_once_and_in_order_whatever_fails(tmp_path: Path) -> None:
    sink = Kept()
    with desk(tmp_path, sink=sink) as made:
        made.observe(frame(START_MS, {"web-1": 1.0}))
        written(made)
        sink.failing = True
        made.observe(frame(START_MS + 5 * MINUTE_MS, {"web-1": 1.0}))
        written(made)
        assert [str(event.kind) for event in sink.events] == ["pending"]
    sink.failing = False
    with desk(tmp_path, sink=sink) as made:
        made.observe(frame(START_MS + 10 * MINUTE_MS, {"web-1": 0.0}))
        made.observe(frame(START_MS + 40 * MINUTE_MS, {"web-1": 0.0}))
        stored = written(made)
    assert [str(event.kind) for event in sink.events] == ["pending", "fired", "resolved"]
    assert sink.events == stored
    assert [event.sequence for event in stored] == [1, 2, 3]


async def test_a_disk_that_refuses_is_named_and_nothing_is_lost_when_it_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = AlertStore.commit

    def refuse(self: AlertStore, changes: Any) -> None:
        raise StoreError("cannot write alerts.sqlite: database or disk is full")

    with desk(tmp_path) as made:
        monkeypatch.setattr(AlertStore, "commit", refuse)
        for minute in (0, 5):
            made.observe(frame(START_MS + minute * MINUTE_MS, {"web-1": 1.0, "web-2": 1.0}))
        (alert, _) = made.book.active()
        with pytest.raises(Unavailable, match="disk is full"):
            await made.acknowledge(alert_pb2.AcknowledgeAlertRequest(alert_id=alert.alert_id, author="ada"))
        made.observe(frame(START_MS + 6 * MINUTE_MS, {"web-1": 1.0, "web-2": 0.0}))
        assert "disk is full" in made.failure

        monkeypatch.setattr(AlertStore, "commit", commit)
        made.observe(frame(START_MS + 7 * MINUTE_MS, {"web-1": 1.0, "web-2": 0.0}))
        kinds = Counter(str(event.kind) for event in written(made))
        assert made.failure == ""
    assert kinds == {"pending": 2, "fired": 2, "acknowledged": 1}
    with desk(tmp_path) as made:
        assert {one.acknowledged_by for one in made.book.active() if one.alert_id == alert.alert_id} == {
            "ada"
        }


def test_what_is_over_is_forgotten_after_its_retention(tmp_path: Path) -> None:
    with desk(tmp_path, retention_days=1.0) as made:
        for minute, value in ((0, 1.0), (5, 1.0), (10, 0.0), (40, 0.0)):
            made.observe(frame(START_MS + minute * MINUTE_MS, {"web-1": value}))
        written(made)
        assert len(made.store.resolved((), 10)) == 1
        made.observe(frame(START_MS + 26 * 60 * MINUTE_MS, {"web-1": 0.0}))
        written(made)
        assert made.store.resolved((), 10) == []
        assert made.store.events(0, 10) == []


def test_what_is_over_survives_a_clock_that_is_ahead_for_a_moment(tmp_path: Path) -> None:
    now_ms, passed = START_MS, 0.0

    def wait(minutes: int, off_ms: int = 0, value: float = 0.0) -> None:
        nonlocal now_ms, passed
        now_ms, passed = now_ms + minutes * MINUTE_MS, passed + 60 * minutes
        made.observe(frame(now_ms + off_ms, {"web-1": value}))

    guard = JumpGuard(lambda: passed)
    with desk(tmp_path, retention_days=30.0, settled=guard.settled) as made:
        for minutes, value in ((0, 1.0), (5, 1.0), (5, 0.0), (30, 0.0)):
            wait(minutes, value=value)
        actions = AlertActions(made.book, made.store)
        short = alert_pb2.CreateSilenceRequest(
            matcher=alert_pb2.AlertMatcher(servers=["web-1"]), duration=Duration(seconds=600), author="ada"
        )
        actions.create_silence(short, now_ms)
        events = [event.kind for event in written(made)]
        wait(1, off_ms=40 * 24 * 60 * MINUTE_MS)
        wait(1)
        kept = [event.kind for event in written(made)][: len(events)]
        assert len(made.store.resolved((), 10)) == len(made.store.silences()) == 1
        assert kept == events


def test_an_alert_on_a_signal_that_tables_no_longer_have_is_resolved(tmp_path: Path) -> None:
    with desk(tmp_path) as made:
        for minute in (0, 5):
            made.observe(frame(START_MS + minute * MINUTE_MS, {"web-1": 1.0}))
    signals = tuple(replace(s, name="ram") if s.name == "memory" else s for s in TABLES.signals)
    with desk(tmp_path, replace(TABLES, signals=signals)) as made:
        made.observe(frame(START_MS + 6 * MINUTE_MS, {"web-1": 0.0}))
        written(made)
        assert made.book.active() == []
        assert "no longer in the risk tables" in made.store.resolved((), 1)[0].resolution
        assert [one.payload["event"] for one in made.store.queued("pager", 10)] == ["firing", "resolved"]


@pytest.mark.parametrize(("synced", "mode"), [(False, 1), (True, 2)])
def test_every_commit_is_synced_where_that_is_asked_for(tmp_path: Path, synced: bool, mode: int) -> None:
    with desk(tmp_path, synced=synced) as made:
        assert made.store._database.execute("PRAGMA synchronous").fetchone() == (mode,)


def test_a_file_that_is_no_store_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError, match=FILE):
        AlertStore(tmp_path / FILE)
    (tmp_path / FILE).unlink()
    AlertStore(tmp_path / FILE).close()
    database = sqlite3.connect(tmp_path / FILE)
    database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StoreError, match="version 99"):
        AlertStore(tmp_path / FILE)


def test_payloads_are_strict_json_whatever_a_server_is_called() -> None:
    name = '"}]; <script>\\u0000 =cmd()'
    with desk() as made:
        for minute in (0, 5):
            made.observe(frame(START_MS + minute * MINUTE_MS, {name: 1.0}))
        written(made)
        (queued,) = made.store.queued("pager", 10)
        assert json.loads(json.dumps(queued.payload, allow_nan=False))["server"] == name
        assert made.store.alert(queued.payload["alert_id"]).record.server_name == name  # type: ignore[union-attr]
        assert made.store.resolved([name], 10) == []


def test_resolved_is_what_the_states_say() -> None:
    with desk() as made:
        for minute, value in ((0, 1.0), (5, 1.0), (10, 0.0), (40, 0.0)):
            made.observe(frame(START_MS + minute * MINUTE_MS, {"web-1": value, "web-2": value}))
        written(made)
        assert [one.state for one in made.store.resolved(["web-2"], 10)] == [RESOLVED]
        assert len(made.store.resolved((), 1)) == 1
