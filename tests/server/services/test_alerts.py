"""`AlertService` over the wire: a server with trouble, people who act on it, readers who follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from argus.v1 import alert_pb2, alert_pb2_grpc, metrics_pb2, prediction_pb2, snapshot_pb2
from argus_server.clock import ManualClock
from argus_server.security.scopes import Scope
from tests.server.running import START_MS, STEP_MS, IngestStream, Running, rows, running
from tests.server.security.guarded import Keys, bearer

NAMES = ["db-1", "web-1"]
# How long a condition must last before it fires, as in the shipped tables.
HOLD_STEPS = 1
FIRING, PENDING, RESOLVED = (
    snapshot_pb2.ALERT_STATE_FIRING,
    snapshot_pb2.ALERT_STATE_PENDING,
    snapshot_pb2.ALERT_STATE_RESOLVED,
)


class Fleet:
    """Two servers whose memory the test sets, step by step, and the service that watches them."""

    def __init__(self, argus: Running) -> None:
        self.argus = argus
        self.stub: Any = alert_pb2_grpc.AlertServiceStub(argus.channel)
        self._step = 0
        self._sequence = 0
        self._stream: IngestStream | None = None

    async def step(self, *memory: float, steps: int = 1, names: list[str] | None = None) -> None:
        """Sends steps of 5 minutes with these memory values, one tick each."""
        if self._stream is None:
            self._stream = IngestStream(self.argus.ingest)
            self._sequence = (await self._stream.hello()).last_sequence
        names = NAMES if names is None else names
        for _ in range(steps):
            self._step += 1
            self._sequence += 1
            batch = rows(
                names,
                [START_MS + self._step * STEP_MS] * len(names),
                mem_used_pct=list(memory),
                swap_used_pct=1.0,
                disk_usage_pct=40.0,
                load_average=1.0,
                cpu_iowait_pct=1.0,
                back_close_wait=3.0,
                front_close_wait=3.0,
            )
            await self._stream.send(self._sequence, batch)
            await self.argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())

    async def recover(self) -> Any:
        """Sends calm steps until the alert on memory has resolved, and returns it."""
        for _ in range(120):
            await self.step(50.0, 50.0)
            if found := [a for a in await self.list(states=[RESOLVED]) if a.metric]:
                return found[0]
        raise AssertionError("it does not resolve")

    async def list(self, **wanted: Any) -> list[Any]:
        return list((await self.stub.ListAlerts(alert_pb2.ListAlertsRequest(**wanted))).alerts)

    async def memory_alert(self) -> Any:
        found = [a for a in await self.list() if a.metric == metrics_pb2.METRIC_MEM_USED_PCT]
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    async with running() as argus:
        yield Fleet(argus)


async def refusal(call: Any, code: grpc.StatusCode) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() == code
    return caught.value.details() or ""


async def test_a_threshold_that_is_crossed_lives_from_pending_to_resolved(fleet: Fleet) -> None:
    await fleet.step(50.0, 50.0, steps=3)
    assert await fleet.list() == []
    await fleet.step(50.0, 99.5)
    pending = await fleet.memory_alert()
    assert (pending.server_name, pending.state) == ("web-1", PENDING)
    assert pending.probability == 1
    assert pending.minutes_to_breach == 0
    await fleet.step(50.0, 99.5, steps=HOLD_STEPS)
    firing = await fleet.memory_alert()
    assert (firing.alert_id, firing.state, firing.fired_count) == (pending.alert_id, FIRING, 1)
    assert firing.fired_at_ms - firing.started_at_ms == HOLD_STEPS * STEP_MS
    assert firing.cause.startswith("memory ")
    assert firing.level >= snapshot_pb2.ALERT_LEVEL_WARNING

    resolved = await fleet.recover()

    assert [a for a in await fleet.list() if a.metric] == []
    assert (resolved.alert_id, resolved.resolution) == (firing.alert_id, "the condition is over")
    assert resolved.resolved_at_ms > firing.fired_at_ms


async def test_the_author_is_who_the_server_knows_the_caller_as(tmp_path: Path) -> None:
    key = bearer(Keys(tmp_path).make("on-call", Scope.ADMIN))
    silence = alert_pb2.CreateSilenceRequest(
        matcher=alert_pb2.AlertMatcher(servers=["web-*"]), duration=Duration(seconds=60), author="another"
    )
    window = alert_pb2.MaintenanceWindow(
        matcher=silence.matcher,
        days=[alert_pb2.DAY_OF_WEEK_MONDAY],
        start_time="02:00",
        duration=silence.duration,
        author="another",
    )
    async with running(hands=ManualClock(START_MS), clock="wall", data_dir=tmp_path) as argus:
        stub: Any = alert_pb2_grpc.AlertServiceStub(argus.channel)
        made = (await stub.CreateSilence(silence, metadata=key)).silence
        put = (
            await stub.PutMaintenanceWindow(
                alert_pb2.PutMaintenanceWindowRequest(window=window), metadata=key
            )
        ).window
    async with running(hands=ManualClock(START_MS), clock="wall") as argus:
        unknown = (await alert_pb2_grpc.AlertServiceStub(argus.channel).CreateSilence(silence)).silence
    assert (made.author, put.author, unknown.author) == ("on-call", "on-call", "another")


async def test_snapshots_show_alerts_and_who_is_on_them(fleet: Fleet) -> None:
    await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 1)
    alert = await fleet.memory_alert()
    await fleet.stub.AcknowledgeAlert(
        alert_pb2.AcknowledgeAlertRequest(alert_id=alert.alert_id, author="ada")
    )

    made = (await fleet.argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())).snapshot

    by_name = {server.server_name: server for server in made.servers}
    shown = {active.alert_id: active for active in by_name["web-1"].active_alerts}[alert.alert_id]
    assert (shown.acknowledged_by, shown.state, shown.muted) == ("ada", FIRING, False)
    assert list(by_name["db-1"].active_alerts) == []
    assert made.summary.firing_alerts >= made.summary.acknowledged_alerts == 1


async def test_an_acknowledgement_ends_when_the_alert_resolves(fleet: Fleet) -> None:
    await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 1)
    alert = await fleet.memory_alert()
    acknowledge = alert_pb2.AcknowledgeAlertRequest(alert_id=alert.alert_id, author="ada")
    first = (await fleet.stub.AcknowledgeAlert(acknowledge)).alert
    again = (await fleet.stub.AcknowledgeAlert(acknowledge)).alert
    assert (first.acknowledged_by, first.acknowledged_at_ms) == ("ada", again.acknowledged_at_ms)
    assert first.acknowledged_at_ms > 0

    resolved = await fleet.recover()

    assert (resolved.acknowledged_by, resolved.acknowledged_at_ms) == ("", 0)
    details = await refusal(fleet.stub.AcknowledgeAlert(acknowledge), grpc.StatusCode.FAILED_PRECONDITION)
    assert "is resolved" in details


async def test_a_note_is_added_once_and_to_resolved_alerts_too(fleet: Fleet) -> None:
    await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 1)
    await fleet.recover()
    await fleet.step(50.0, 50.0, steps=30)
    (resolved,) = [a for a in await fleet.list(states=[RESOLVED]) if a.metric]
    note = alert_pb2.AddAlertNoteRequest(
        alert_id=resolved.alert_id, author="ada", text="leak <script>", request_id="n1"
    )
    await fleet.stub.AddAlertNote(note)
    noted = (await fleet.stub.AddAlertNote(note)).alert
    assert [(n.author, n.text) for n in noted.notes] == [("ada", "leak <script>")]
    (listed,) = [a for a in await fleet.list(states=[RESOLVED]) if a.metric]
    assert listed == noted


async def test_a_silence_keeps_an_alert_quiet_until_it_expires(fleet: Fleet) -> None:
    await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 1)
    create = alert_pb2.CreateSilenceRequest(
        matcher=alert_pb2.AlertMatcher(servers=["web-*"], metrics=[metrics_pb2.METRIC_MEM_USED_PCT]),
        duration=Duration(seconds=3600),
        author="ada",
        comment="migration",
        request_id="once",
    )
    made = (await fleet.stub.CreateSilence(create)).silence
    again = (await fleet.stub.CreateSilence(create)).silence
    assert (made.silence_id, made.active) == (again.silence_id, True)
    muted = await fleet.memory_alert()
    assert (muted.silence_id, muted.state) == (made.silence_id, FIRING)
    assert [a.metric for a in await fleet.list(unmuted_only=True) if a.metric] == []

    expire = alert_pb2.ExpireSilenceRequest(silence_id=made.silence_id, author="ada")
    ended = (await fleet.stub.ExpireSilence(expire)).silence
    assert not ended.active
    assert (await fleet.stub.ExpireSilence(expire)).silence == ended
    assert (await fleet.memory_alert()).silence_id == ""
    assert list((await fleet.stub.ListSilences(alert_pb2.ListSilencesRequest())).silences) == []
    past = (await fleet.stub.ListSilences(alert_pb2.ListSilencesRequest(include_expired=True))).silences
    assert [one.silence_id for one in past] == [made.silence_id]


async def test_a_silence_ends_by_the_servers_clock(fleet: Fleet) -> None:
    await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 1)
    await fleet.stub.CreateSilence(
        alert_pb2.CreateSilenceRequest(duration=Duration(seconds=900), author="ada")
    )
    assert (await fleet.memory_alert()).silence_id
    await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 2)
    assert not (await fleet.memory_alert()).silence_id


async def test_maintenance_windows_are_made_replaced_and_removed(fleet: Fleet) -> None:
    await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 1)
    window = alert_pb2.MaintenanceWindow(
        window_id="nightly",
        days=range(1, 8),
        start_time="00:00",
        time_zone="Europe/Berlin",
        duration=Duration(seconds=86_400),
        author="ada",
    )
    put = (await fleet.stub.PutMaintenanceWindow(alert_pb2.PutMaintenanceWindowRequest(window=window))).window
    assert put.active
    assert put.next_start_ms > START_MS
    assert (await fleet.memory_alert()).maintenance_window_id == "nightly"
    window.matcher.servers.append("db-*")
    await fleet.stub.PutMaintenanceWindow(alert_pb2.PutMaintenanceWindowRequest(window=window))
    assert (await fleet.memory_alert()).maintenance_window_id == ""
    listed = (await fleet.stub.ListMaintenanceWindows(alert_pb2.ListMaintenanceWindowsRequest())).windows
    assert [list(one.matcher.servers) for one in listed] == [["db-*"]]
    delete = alert_pb2.DeleteMaintenanceWindowRequest(window_id="nightly")
    await fleet.stub.DeleteMaintenanceWindow(delete)
    assert "'nightly'" in await refusal(fleet.stub.DeleteMaintenanceWindow(delete), grpc.StatusCode.NOT_FOUND)


@pytest.mark.parametrize(
    ("method", "request_", "code", "words"),
    [
        (
            "AcknowledgeAlert",
            alert_pb2.AcknowledgeAlertRequest(alert_id="none", author="ada"),
            grpc.StatusCode.NOT_FOUND,
            "'none'",
        ),
        (
            "AcknowledgeAlert",
            alert_pb2.AcknowledgeAlertRequest(alert_id="x"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "author",
        ),
        (
            "AddAlertNote",
            alert_pb2.AddAlertNoteRequest(alert_id="none", author="a", text="b"),
            grpc.StatusCode.NOT_FOUND,
            "'none'",
        ),
        (
            "ExpireSilence",
            alert_pb2.ExpireSilenceRequest(silence_id="none"),
            grpc.StatusCode.NOT_FOUND,
            "'none'",
        ),
        (
            "CreateSilence",
            alert_pb2.CreateSilenceRequest(author="ada"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "more than 0",
        ),
        (
            "CreateSilence",
            alert_pb2.CreateSilenceRequest(
                author="ada",
                duration=Duration(seconds=60),
                matcher=alert_pb2.AlertMatcher(metrics=[metrics_pb2.METRIC_UNSPECIFIED]),
            ),
            grpc.StatusCode.INVALID_ARGUMENT,
            "METRIC_UNSPECIFIED",
        ),
        (
            "PutMaintenanceWindow",
            alert_pb2.PutMaintenanceWindowRequest(),
            grpc.StatusCode.INVALID_ARGUMENT,
            "no window",
        ),
        (
            "PutMaintenanceWindow",
            alert_pb2.PutMaintenanceWindowRequest(
                window=alert_pb2.MaintenanceWindow(
                    days=[1],
                    start_time="01:00",
                    time_zone="Mars/Olympus",
                    author="ada",
                    duration=Duration(seconds=60),
                )
            ),
            grpc.StatusCode.INVALID_ARGUMENT,
            "Mars/Olympus",
        ),
        (
            "PutMaintenanceWindow",
            alert_pb2.PutMaintenanceWindowRequest(
                window=alert_pb2.MaintenanceWindow(days=[1], start_time="25:00", author="ada")
            ),
            grpc.StatusCode.INVALID_ARGUMENT,
            "start_time",
        ),
        (
            "ListAlerts",
            alert_pb2.ListAlertsRequest(states=[0]),
            grpc.StatusCode.INVALID_ARGUMENT,
            "ALERT_STATE_UNSPECIFIED",
        ),
    ],
)
async def test_what_cannot_be_done_says_why(
    fleet: Fleet, method: str, request_: Any, code: grpc.StatusCode, words: str
) -> None:
    await fleet.step(50.0, 50.0)
    assert words in await refusal(getattr(fleet.stub, method)(request_), code)


async def test_nothing_can_be_silenced_before_an_event_clock_runs(fleet: Fleet) -> None:
    create = alert_pb2.CreateSilenceRequest(author="ada", duration=Duration(seconds=60))
    assert "none has come yet" in await refusal(fleet.stub.CreateSilence(create), grpc.StatusCode.UNAVAILABLE)


async def next_event(call: Any, kind: str) -> Any:
    async with asyncio.timeout(10):
        while True:
            message = await call.read()
            assert message is not grpc.aio.EOF, await call.code()
            if message.WhichOneof("event") == kind:
                return getattr(message, kind)


async def test_a_watch_starts_with_what_is_active_and_goes_on_with_changes(fleet: Fleet) -> None:
    await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 1)
    call = fleet.stub.WatchAlerts(alert_pb2.WatchAlertsRequest(servers=["web-1"]))
    snapshot = await next_event(call, "snapshot")
    alert = await fleet.memory_alert()
    assert snapshot.last
    assert alert in list(snapshot.alerts)
    await fleet.stub.AcknowledgeAlert(
        alert_pb2.AcknowledgeAlertRequest(alert_id=alert.alert_id, author="ada")
    )
    change = await next_event(call, "change")
    assert [(a.alert_id, a.acknowledged_by) for a in change.alerts] == [(alert.alert_id, "ada")]
    call.cancel()


async def test_a_watch_of_another_server_hears_nothing_but_heartbeats() -> None:
    async with running(heartbeat_seconds=0.1) as argus:
        fleet = Fleet(argus)
        await fleet.step(50.0, 50.0)
        call = fleet.stub.WatchAlerts(alert_pb2.WatchAlertsRequest(servers=["db-1"]))
        assert list((await next_event(call, "snapshot")).alerts) == []
        await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 1)
        async with asyncio.timeout(10):
            message = await call.read()
        assert message.WhichOneof("event") == "heartbeat"
        assert message.heartbeat.server_time_ms >= START_MS
        call.cancel()


async def test_a_pending_alert_that_goes_is_withdrawn_from_watches(tmp_path: Path) -> None:
    tables = tmp_path / "tables.toml"
    tables.write_text("[alerts.metric]\nhold_minutes = 600\n")
    async with running(risk_tables=tables) as argus:
        fleet = Fleet(argus)
        await fleet.step(50.0, 50.0, steps=3)
        call = fleet.stub.WatchAlerts(alert_pb2.WatchAlertsRequest())
        await next_event(call, "snapshot")
        await fleet.step(50.0, 99.5)
        (pending,) = [a for a in (await next_event(call, "change")).alerts if a.metric]
        for _ in range(100):
            await fleet.step(50.0, 50.0)
            if not await fleet.list():
                break
        withdrawn: set[str] = set()
        while pending.alert_id not in withdrawn:
            withdrawn |= set((await next_event(call, "change")).withdrawn)
        assert await fleet.list(states=[PENDING, FIRING, RESOLVED]) == []
        call.cancel()


async def test_a_drained_server_says_goodbye_to_watches() -> None:
    async with running() as argus:
        call = alert_pb2_grpc.AlertServiceStub(argus.channel).WatchAlerts(alert_pb2.WatchAlertsRequest())
        await next_event(call, "snapshot")
        await argus.server.drain()
        draining = await next_event(call, "draining")
        assert draining.reason


async def test_a_dead_server_is_an_alert_and_its_other_alerts_stay(fleet: Fleet) -> None:
    await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 1)
    metric = await fleet.memory_alert()
    await fleet.step(50.0, names=["db-1"], steps=14)
    alerts = await fleet.list(servers=["web-1"])
    silent = next(a for a in alerts if a.subject == snapshot_pb2.ALERT_SUBJECT_SILENCE)
    assert (silent.state, silent.level) == (FIRING, snapshot_pb2.ALERT_LEVEL_CRITICAL)
    assert silent.cause.startswith("no data for ")
    assert metric.alert_id in {a.alert_id for a in alerts if a.state == FIRING}

    await fleet.step(50.0, 50.0, steps=3)
    assert [a.subject for a in await fleet.list() if a.subject == snapshot_pb2.ALERT_SUBJECT_SILENCE] == []


async def test_alerts_and_what_people_did_survive_a_restart(tmp_path: Path) -> None:
    async with running(data_dir=tmp_path) as argus:
        fleet = Fleet(argus)
        await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 1)
        before = await fleet.memory_alert()
        await fleet.stub.AcknowledgeAlert(
            alert_pb2.AcknowledgeAlertRequest(alert_id=before.alert_id, author="ada")
        )
        await fleet.stub.CreateSilence(
            alert_pb2.CreateSilenceRequest(author="ada", duration=Duration(seconds=86_400), request_id="kept")
        )
        before = await fleet.memory_alert()
    async with running(data_dir=tmp_path) as argus:
        fleet = Fleet(argus)
        assert await fleet.memory_alert() == before
        assert before.silence_id == "kept"
