"""Unary calls over the wire, both twins through the same tests."""

from __future__ import annotations

import asyncio
import math
import os
from typing import Any

import pytest

from argus_client import (
    AlertMatcher,
    ArgusClient,
    AsyncArgusClient,
    Backoff,
    Closed,
    ConnectionLost,
    DayOfWeek,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    FleetForecast,
    ForecastSource,
    InvalidArgument,
    MaintenanceWindow,
    NotFound,
    NotReady,
    Scenario,
    ServerError,
    ServingStatus,
    Throttled,
    Timeouts,
    Unauthenticated,
    Unimplemented,
)
from argus_client.testing import FakeServer, make_forecasts, make_outlook, make_snapshot

from .conftest import Twin

CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("get_snapshot", ()),
    ("get_forecast", (["web-1"],)),
    ("get_server_info", ()),
    ("get_status", ()),
    ("list_models", ()),
    ("load_model", ("other",)),
    ("reload_model", ()),
    ("roll_back_model", ()),
    ("get_scenario", ()),
    ("set_scenario", ("healthy",)),
    ("health", ()),
    ("list_alerts", ()),
    ("acknowledge_alert", ("alert", "ada")),
    ("add_alert_note", ("alert", "ada", "on it")),
    ("create_silence", (AlertMatcher(), 60.0, "ada")),
    ("expire_silence", ("silence",)),
    ("list_silences", ()),
    ("put_maintenance_window", (MaintenanceWindow((DayOfWeek.MONDAY,), "02:00", 60.0, "ada"),)),
    ("delete_maintenance_window", ("window",)),
    ("list_maintenance_windows", ()),
]


async def test_a_snapshot_is_read(twin: Twin, server: FakeServer) -> None:
    server.publish(make_snapshot({"calm": 5.0, "hot": 91.0}, forecasts=make_forecasts(["cpu_user_pct"])))

    snapshot = await twin.call(twin.client(server.target).get_snapshot, view="full")

    assert list(snapshot.servers) == ["hot", "calm"]
    hot = snapshot.server("hot")
    assert (hot.alert.level, hot.alert.priority, hot.source) == ("critical", "imminent_failure", "TFT")
    assert hot.source is ForecastSource.TFT
    assert hot.display_metrics["cpu"].current == 91.0
    assert "memory" not in hot.display_metrics
    assert hot.first_breach is None
    assert hot.forecasts["cpu_user_pct"].p90.tolist() == [55.0] * 96
    assert snapshot.summary.critical_count == 1
    assert snapshot.header.step_times_ms(2).tolist() == [1_750_000_300_000, 1_750_000_600_000]
    with pytest.raises(NotFound, match="'cold' is not among the 2 servers of revision 1"):
        snapshot.server("cold")
    with pytest.raises(AttributeError, match="immutable"):
        snapshot.summary = None


async def test_a_fleet_of_no_servers_is_a_snapshot_too(twin: Twin, server: FakeServer) -> None:
    snapshot = await twin.call(twin.client(server.target).get_snapshot)

    assert dict(snapshot.servers) == {}


async def test_forecasts_are_read(twin: Twin, server: FakeServer) -> None:
    server.publish(make_snapshot({"web-1": 5.0, "web-2": 6.0}, forecasts=make_forecasts()))
    client = twin.client(server.target)

    forecast = await twin.call(client.get_forecast, ["web-2"], metrics=["load_average"], horizon_steps=7)

    assert list(forecast.servers) == ["web-2"]
    assert list(forecast.servers["web-2"].forecasts) == ["load_average"]
    assert forecast.servers["web-2"].forecasts["load_average"].p10.tolist() == [45.0] * 7
    with pytest.raises(NotFound, match="'gone'"):
        await twin.call(client.get_forecast, ["gone"])
    with pytest.raises(InvalidArgument, match="at least one server"):
        await twin.call(client.get_forecast, [])


async def test_outlooks_are_read_by_those_who_ask(twin: Twin, server: FakeServer) -> None:
    server.publish(make_snapshot({"web-1": 5.0}, outlook=make_outlook("mem_used_pct", critical=98.0)))
    client = twin.client(server.target)

    outlook = (await twin.call(client.get_snapshot, outlook=True)).server("web-1").outlook
    subscription = client.subscribe(outlook=True)
    streamed = (await twin.call(subscription.next_snapshot, 10)).server("web-1").outlook

    assert (outlook.metric, outlook.warning, outlook.critical) == ("mem_used_pct", None, 98.0)
    assert outlook.history.tolist() == [50.0] * 36
    assert streamed.p90.tolist() == [55.0] * 32
    with pytest.raises(ValueError, match="read-only"):
        outlook.p90[0] = 1.0
    assert (await twin.call(client.get_snapshot)).server("web-1").outlook is None


async def test_the_past_comes_with_forecasts(twin: Twin, server: FakeServer) -> None:
    forecasts = make_forecasts(["load_average", "swap_used_pct"])
    forecasts[0].history.extend([1.0, 2.0, 3.0])
    server.publish(make_snapshot({"web-1": 5.0}, forecasts=forecasts))
    client = twin.client(server.target)

    def past(forecast: FleetForecast) -> list[float]:
        return forecast.servers["web-1"].forecasts["load_average"].history.tolist()

    assert past(await twin.call(client.get_forecast, ["web-1"])) == []
    assert past(await twin.call(client.get_forecast, ["web-1"], history_steps=2)) == [2.0, 3.0]
    longer = past(await twin.call(client.get_forecast, ["web-1"], history_steps=4))
    assert (math.isnan(longer[0]), longer[1:]) == (True, [1.0, 2.0, 3.0])
    for wrong in (-1, 289):
        with pytest.raises(InvalidArgument, match="0 to 288"):
            await twin.call(client.get_forecast, ["web-1"], history_steps=wrong)


async def test_thresholds_are_found_by_metric_and_profile(twin: Twin, server: FakeServer) -> None:
    info = await twin.call(twin.client(server.target).get_server_info)

    assert info.threshold("mem_used_pct").critical == 98.0
    assert info.threshold("mem_used_pct", "web_api").critical == 98.0
    assert info.threshold("mem_used_pct", "database").critical == 99.0
    assert info.threshold("cpu_idle_pct").low_is_bad
    assert info.threshold("load_average").per_core
    assert info.threshold("net_in_mb_s") is None


async def test_the_server_is_looked_after(twin: Twin, server: FakeServer) -> None:
    client = twin.client(server.target)

    info = await twin.call(client.get_server_info)
    status = await twin.call(client.get_status)
    loaded = await twin.call(client.load_model, "other")
    models = await twin.call(client.list_models)
    reloaded = await twin.call(client.reload_model)
    former = await twin.call(client.roll_back_model)

    assert (info.instance_id, info.clock, info.limits.max_batch_rows) == ("fake-1", "wall", 10_000)
    assert "argus.v1.IngestService" in info.capabilities
    assert (status.serving, status.degraded, status.model.kind) == (True, False, "TFT")
    assert [(model.name, model.running) for model in models] == [("other", True), ("default", False)]
    assert (loaded.name, reloaded.name, former.name) == ("other", "other", "default")
    with pytest.raises(FailedPrecondition, match="no model ran before"):
        await twin.call(client.roll_back_model)


async def test_scenarios_are_switched(twin: Twin, server: FakeServer) -> None:
    client = twin.client(server.target)

    assert (await twin.call(client.get_scenario)).scenario is Scenario.HEALTHY
    assert (await twin.call(client.set_scenario, "cascade")).scenario is Scenario.CASCADE
    with pytest.raises(InvalidArgument, match="there are healthy, degrading, critical, cascade"):
        await twin.call(client.set_scenario, "doom")


async def test_health_is_per_service(twin: Twin, server: FakeServer) -> None:
    client = twin.client(server.target)

    assert await twin.call(client.health) is ServingStatus.SERVING
    server.serving = False
    assert await twin.call(client.health, "argus.v1.IngestService") is ServingStatus.NOT_SERVING
    with pytest.raises(NotFound):
        await twin.call(client.health, "no.such.Service")


async def test_an_attempt_that_may_have_arrived_is_told_with_the_last(twin: Twin, server: FakeServer) -> None:
    client = twin.client(server.target)
    server.fail_next("ExpireSilence", "UNAVAILABLE", "Socket closed")
    server.fail_next("ExpireSilence", "NOT_FOUND", "there is no such silence")
    with pytest.raises(NotFound) as raised:
        await twin.call(client.expire_silence, "quiet", author="ada")
    assert raised.value.maybe_done

    server.fail_next("ExpireSilence", "NOT_FOUND", "there is no such silence")
    with pytest.raises(NotFound) as raised:
        await twin.call(client.expire_silence, "quiet", author="ada")
    assert not raised.value.maybe_done


async def test_a_server_that_is_away_is_asked_again(twin: Twin, server: FakeServer) -> None:
    server.fail_next("GetStatus", "UNAVAILABLE", times=2)
    client = twin.client(server.target, backoff=Backoff(initial_seconds=0.01, maximum_seconds=0.02))

    assert (await twin.call(client.get_status)).serving


async def test_attempts_end_and_the_last_error_is_raised(twin: Twin, server: FakeServer) -> None:
    server.fail_next("GetStatus", "UNAVAILABLE", "on holiday", times=9)
    backoff = Backoff(initial_seconds=0.01, maximum_seconds=0.02, attempts=3)

    with pytest.raises(ConnectionLost, match="on holiday"):
        await twin.call(twin.client(server.target, backoff=backoff).get_status)


async def test_a_switch_of_models_is_never_repeated(twin: Twin, server: FakeServer) -> None:
    server.fail_next("RollBackModel", "UNAVAILABLE", times=1)

    with pytest.raises(ConnectionLost):
        await twin.call(twin.client(server.target).roll_back_model)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("INTERNAL", ServerError),
        ("UNIMPLEMENTED", Unimplemented),
        ("FAILED_PRECONDITION", FailedPrecondition),
    ],
)
async def test_other_errors_are_raised_at_once(
    twin: Twin, server: FakeServer, code: str, kind: type[Exception]
) -> None:
    server.fail_next("GetStatus", code)

    with pytest.raises(kind, match="as the test wants it"):
        await twin.call(twin.client(server.target).get_status)


async def test_the_servers_wait_is_kept_to_inside_the_deadline(twin: Twin, server: FakeServer) -> None:
    server.fail_next("GetStatus", "RESOURCE_EXHAUSTED", retry_delay=60.0)

    with pytest.raises(Throttled) as caught:
        await twin.call(twin.client(server.target).get_status, timeout=5.0)

    assert caught.value.retry_delay == 60.0


async def test_violations_reach_the_caller(twin: Twin, server: FakeServer) -> None:
    server.fail_next("GetSnapshot", "INVALID_ARGUMENT", violations=[("filter.min_risk", "got 101")])

    with pytest.raises(InvalidArgument) as caught:
        await twin.call(twin.client(server.target).get_snapshot)

    assert caught.value.violations == (FieldViolation("filter.min_risk", "got 101"),)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(("method", "arguments"), CALLS, ids=[name for name, _ in CALLS])
async def test_every_call_keeps_its_deadline(
    twin: Twin, black_hole: str, method: str, arguments: tuple[Any, ...]
) -> None:
    client = twin.client(black_hole)

    async with asyncio.timeout(2.0):
        with pytest.raises((DeadlineExceeded, ConnectionLost)):
            await twin.call(getattr(client, method), *arguments, timeout=0.1)


def test_the_calls_tested_are_all_calls() -> None:
    public = {
        name for name, member in vars(ArgusClient).items() if callable(member) and not name.startswith("_")
    }
    assert public - {name for name, _ in CALLS} == {
        "close",
        "publisher",
        "subscribe",
        "wait_ready",
        "watch_alerts",
    }


async def test_default_deadlines_come_from_the_client(twin: Twin, black_hole: str) -> None:
    client = twin.client(black_hole, timeouts=Timeouts(call_seconds=0.1, model_seconds=0.1))

    async with asyncio.timeout(2.0):
        for method in (client.get_status, client.reload_model):
            with pytest.raises((DeadlineExceeded, ConnectionLost)):
                await twin.call(method)


async def test_waiting_for_a_server_that_becomes_ready(twin: Twin, server: FakeServer) -> None:
    server.serving = False
    waiting = asyncio.create_task(twin.call(twin.client(server.target).wait_ready, 10))
    async with asyncio.timeout(10):
        while len(server.calls) < 2:
            await asyncio.sleep(0.01)
    assert not waiting.done()

    server.serving = True

    await asyncio.wait_for(waiting, 10)


async def test_waiting_in_vain_says_what_the_server_said(twin: Twin, server: FakeServer) -> None:
    server.serving = False

    with pytest.raises(NotReady, match=r"not become ready within 0\.3 s; last answer: NOT_SERVING"):
        await twin.call(twin.client(server.target).wait_ready, 0.3)


async def test_waiting_for_a_server_that_is_not_there(twin: Twin) -> None:
    with FakeServer() as gone:
        target = gone.target

    with pytest.raises(NotReady, match="last answer: Check at 127"):
        await twin.call(twin.client(target).wait_ready, 0.3)


async def test_waiting_ends_at_once_when_it_is_hopeless(twin: Twin, server: FakeServer) -> None:
    server.api_key = "right"

    with pytest.raises(Unauthenticated):
        await twin.call(twin.client(server.target, api_key="wrong").wait_ready, 30)


async def test_a_closed_client_says_so(twin: Twin, server: FakeServer) -> None:
    client = twin.client(server.target)
    await twin.call(client.get_status)

    await twin.call(client.close)
    await twin.call(client.close)

    with pytest.raises(Closed, match="make a new one"):
        await twin.call(client.get_status)


async def test_nothing_is_connected_before_the_first_call(twin: Twin) -> None:
    client = twin.client("127.0.0.1:1")

    await twin.call(client.close)


async def test_closing_interrupts_the_wait_between_attempts(twin: Twin, server: FakeServer) -> None:
    server.fail_next("GetStatus", "UNAVAILABLE", times=100)
    client = twin.client(server.target, backoff=Backoff(initial_seconds=600.0, maximum_seconds=600.0))
    asking = asyncio.create_task(twin.call(client.get_status, timeout=None))
    async with asyncio.timeout(10):
        while "GetStatus" not in server.calls:
            await asyncio.sleep(0.005)

    await twin.call(client.close)

    with pytest.raises(Closed):
        await asyncio.wait_for(asking, 5.0)


def test_a_client_from_before_a_fork_is_refused(server: FakeServer) -> None:
    client = ArgusClient(server.target)
    client._connection._process = os.getpid() + 1  # as the child of a fork sees it

    with pytest.raises(Closed, match="made before a fork"):
        client.get_status()
    with pytest.raises(Closed, match="made before a fork"):
        next(client.subscribe())


def test_an_async_client_is_refused_on_another_loop(server: FakeServer) -> None:
    client = AsyncArgusClient(server.target)
    other = asyncio.new_event_loop()

    async def first() -> None:
        await client.get_status()
        await client.close()
        client._connection._closed.clear()

    asyncio.run(first())
    try:
        with pytest.raises(Closed, match="another event loop"):
            other.run_until_complete(client.get_status())
    finally:
        other.close()
