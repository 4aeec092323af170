"""Alerts through both clients: against the fake server, and against the real one where the fake could flatter."""

from __future__ import annotations

from typing import Any

import pytest

from argus_client import (
    AlertLevel,
    AlertMatcher,
    AlertState,
    AlertSubject,
    ConnectionState,
    DayOfWeek,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    MaintenanceWindow,
    NotFound,
)
from argus_client.testing import FakeServer, make_alert
from tests.server.running import running
from tests.server.services.test_alerts import HOLD_STEPS, Fleet

from .conftest import Twin


async def test_alerts_are_listed_filtered_and_read(server: FakeServer, twin: Twin) -> None:
    server.put_alerts(
        make_alert("web-1", level="critical"),
        make_alert("web-2", state="pending", level="degrading"),
        make_alert("web-3", state="resolved"),
    )
    client = twin.client(server.target)

    listed = await twin.call(client.list_alerts)
    assert [alert.server_name for alert in listed] == ["web-1", "web-2"]
    first = listed[0]
    assert (first.subject, first.metric, first.state) == (
        AlertSubject.METRIC,
        "mem_used_pct",
        AlertState.FIRING,
    )
    assert (first.level, first.muted, first.minutes_to_breach) == (AlertLevel.CRITICAL, False, 42.0)
    assert [a.server_name for a in await twin.call(client.list_alerts, states=["resolved"])] == ["web-3"]
    assert [a.server_name for a in await twin.call(client.list_alerts, min_level="warning")] == ["web-1"]


async def test_a_watch_bridges_a_lost_connection(server: FakeServer, twin: Twin) -> None:
    server.put_alerts(make_alert("web-1"))
    client = twin.client(server.target)
    watch = client.watch_alerts()
    first = await twin.call(watch.next_update, 10)
    assert set(first.active) == {"web-1-mem_used_pct"} == {alert.alert_id for alert in first.changed}

    server.drop_connections()
    server.put_alerts(make_alert("web-1", state="resolved"), make_alert("web-2", state="pending"))
    update = first
    while set(update.active) != {"web-2-mem_used_pct"}:
        update = await twin.call(watch.next_update, 10)
    server.withdraw_alert("web-2-mem_used_pct")
    while update.active:
        update = await twin.call(watch.next_update, 10)
    with pytest.raises(DeadlineExceeded, match="No change of alerts"):
        await twin.call(watch.next_update, 0.05)
    await twin.call(watch.close)
    assert watch.state is ConnectionState.CLOSED


async def test_a_slow_reader_gets_the_newest_state_of_each_alert(server: FakeServer, twin: Twin) -> None:
    client = twin.client(server.target)
    watch = client.watch_alerts(servers=["web-1"])
    await twin.call(watch.next_update, 10)
    for level in ("degrading", "warning", "critical"):
        server.put_alerts(make_alert("web-1", level=level), make_alert("web-2", level=level))
    seen: list[Any] = []
    while not seen or seen[-1].level is not AlertLevel.CRITICAL:
        seen += (await twin.call(watch.next_update, 10)).changed
    assert {alert.server_name for alert in seen} == {"web-1"}


async def test_what_people_do_reaches_a_real_server(twin: Twin) -> None:
    async with running() as real:
        fleet = Fleet(real)
        await fleet.step(50.0, 99.5, steps=HOLD_STEPS + 1)
        client = twin.client(real.server.addresses.grpc)
        alert = next(a for a in await twin.call(client.list_alerts) if a.metric == "mem_used_pct")

        acknowledged = await twin.call(client.acknowledge_alert, alert.alert_id, "ada")
        noted = await twin.call(client.add_alert_note, alert.alert_id, "ada", "on it")
        silence = await twin.call(
            client.create_silence, AlertMatcher(("web-*",), ("mem_used_pct",)), 3600, "ada", comment="why"
        )
        window = await twin.call(
            client.put_maintenance_window,
            MaintenanceWindow((DayOfWeek.MONDAY,), "02:00", 5400, "ada", time_zone="Europe/Berlin"),
        )
        update = await twin.call(client.watch_alerts().next_update, 10)
        snapshot = await twin.call(client.get_snapshot)

        assert (acknowledged.acknowledged_by, acknowledged.state) == ("ada", AlertState.FIRING)
        assert [(note.author, note.text) for note in noted.notes] == [("ada", "on it")]
        assert update.active[alert.alert_id].silence_id == silence.silence_id
        shown = next(a for a in snapshot.server("web-1").active_alerts if a.alert_id == alert.alert_id)
        assert (shown.acknowledged_by, shown.muted) == ("ada", True)
        assert snapshot.summary.muted_alerts >= 1
        assert silence.ends_at_ms - silence.starts_at_ms == 3_600_000
        assert await twin.call(client.list_silences) == (silence,)
        assert not (await twin.call(client.expire_silence, silence.silence_id, author="ada")).active
        assert (window.days, window.duration_seconds) == ((DayOfWeek.MONDAY,), 5400.0)
        assert await twin.call(client.list_maintenance_windows) == (window,)
        await twin.call(client.delete_maintenance_window, window.window_id)
        assert await twin.call(client.list_maintenance_windows) == ()
        with pytest.raises(NotFound, match="none"):
            await twin.call(client.acknowledge_alert, "none", "ada")


async def test_errors_are_those_of_the_tree(server: FakeServer, twin: Twin) -> None:
    server.put_alerts(make_alert("web-1", state="resolved"))
    client = twin.client(server.target)
    with pytest.raises(FailedPrecondition, match="resolved"):
        await twin.call(client.acknowledge_alert, "web-1-mem_used_pct", "ada")
    for call in (
        lambda: twin.call(client.list_alerts, states=["smoking"]),
        lambda: twin.call(client.create_silence, AlertMatcher(metrics=("cpu",)), 60, "ada"),
        lambda: twin.call(client.create_silence, AlertMatcher(), 0, "ada"),
        lambda: twin.call(
            client.put_maintenance_window,
            MaintenanceWindow(("someday",), "02:00", 60, "ada"),  # type: ignore[arg-type]
        ),
    ):
        with pytest.raises(InvalidArgument):
            await call()
