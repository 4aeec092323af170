from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import grpc
import numpy as np
import pytest
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2

from argus.v1 import explain_pb2, explain_pb2_grpc, metrics_pb2, prediction_pb2, snapshot_pb2
from argus_server.metrics import METRICS
from tests.server.models import untrained
from tests.server.running import START_MS, STEP_MS, IngestStream, Running, history, rows, running

Subscribe = prediction_pb2.SubscribeRequest
View = snapshot_pb2.SnapshotView


@pytest.fixture
async def argus(tmp_path: Path) -> AsyncIterator[Running]:
    untrained(tmp_path / "model")
    async with running(model=tmp_path / "model") as started:
        yield started


async def feed(argus: Running, *batches: metrics_pb2.MetricBatch, source: str = "feed") -> None:
    stream = IngestStream(argus.ingest)
    last = (await stream.hello(source)).last_sequence
    for sequence, batch in enumerate(batches, start=last + 1):
        answer = await stream.send(sequence, batch)
        assert answer.ack.accepted_rows == len(batch.timestamp), answer
    await stream.close()


async def snapshot(argus: Running, **wanted: Any) -> snapshot_pb2.Snapshot:
    request = prediction_pb2.GetSnapshotRequest(filter=snapshot_pb2.SnapshotFilter(**wanted))
    return (await argus.prediction.GetSnapshot(request)).snapshot


async def event(call: Any, kind: str) -> Any:
    """The next message of a kind; others are passed over."""
    while True:
        message = await call.read()
        assert message is not grpc.aio.EOF, await call.code()
        if message.WhichOneof("event") == kind:
            return getattr(message, kind)


async def test_a_fleet_of_no_servers_is_a_snapshot_too(argus: Running) -> None:
    empty = await snapshot(argus)
    assert (empty.header.revision, empty.summary.total_servers, len(empty.servers)) == (1, 0, 0)


async def test_a_snapshot_has_everything_acknowledged_before_it(argus: Running) -> None:
    await feed(argus, history(["ppdb001", "web-1"], 30))

    full = await snapshot(argus, view=View.SNAPSHOT_VIEW_FULL)

    assert {server.server_name for server in full.servers} == {"ppdb001", "web-1"}
    assert full.header.forecast_origin_ms == START_MS + 29 * STEP_MS
    assert full.header.model.kind == "TFT"
    assert not full.header.degraded
    for server in full.servers:
        assert server.source == snapshot_pb2.FORECAST_SOURCE_TFT
        assert server.observed_steps == 30
        assert {forecast.metric for forecast in server.forecasts} == set(range(1, len(METRICS) + 1))
        for forecast in server.forecasts:
            p50 = np.array(forecast.p50)
            p10, p90 = (np.array(band) if band else p50 for band in (forecast.p10, forecast.p90))
            assert len(p50) == 96
            assert (p10 <= p50).all()
            assert (p50 <= p90).all()
    database = next(server for server in full.servers if server.server_name == "ppdb001")
    assert database.profile == "database"


async def test_servers_warm_up_on_the_declared_fallback(argus: Running) -> None:
    await feed(argus, history(["old"], 24), history(["young"], 5, START_MS + 19 * STEP_MS))
    sources = {server.server_name: server.source for server in (await snapshot(argus)).servers}
    assert sources == {
        "young": snapshot_pb2.FORECAST_SOURCE_FALLBACK,
        "old": snapshot_pb2.FORECAST_SOURCE_TFT,
    }


async def test_a_server_that_stops_sending_raises_the_highest_alarm(argus: Running) -> None:
    await feed(argus, history(["dead", "alive"], 30), history(["alive"], 13, START_MS + 30 * STEP_MS))

    first, second = (await snapshot(argus)).servers

    assert (first.server_name, first.source) == ("dead", snapshot_pb2.FORECAST_SOURCE_STALE)
    assert first.state == metrics_pb2.SERVER_STATE_OFFLINE
    assert first.alert.level == snapshot_pb2.ALERT_LEVEL_CRITICAL
    assert first.causes[0].kind == snapshot_pb2.CAUSE_KIND_SILENT
    assert second.source == snapshot_pb2.FORECAST_SOURCE_TFT


async def test_the_riskiest_server_comes_first_and_the_summary_agrees(argus: Running) -> None:
    await feed(
        argus,
        history(["calm"], 30),
        rows(["full"] * 30, [START_MS + n * STEP_MS for n in range(30)], mem_used_pct=99.5, cpu_idle_pct=1.0),
    )

    made = await snapshot(argus)

    assert [server.server_name for server in made.servers] == ["full", "calm"]
    assert list(made.summary.top_risks) == ["full", "calm"]
    assert made.servers[0].risk_score > made.servers[1].risk_score
    counts = made.summary
    assert counts.critical_count + counts.warning_count + counts.degrading_count + counts.healthy_count == 2
    assert made.environment.incident_probability_30m > 0.9


async def test_filters_narrow_servers_and_series(argus: Running) -> None:
    await feed(argus, history(["ppdb001", "ppdb002", "web-1"], 30))

    made = await snapshot(
        argus,
        profiles=["database"],
        metrics=[metrics_pb2.METRIC_MEM_USED_PCT],
        view=View.SNAPSHOT_VIEW_STANDARD,
    )

    assert sorted(server.server_name for server in made.servers) == ["ppdb001", "ppdb002"]
    assert made.summary.total_servers == 3
    for server in made.servers:
        assert [(f.metric, len(f.p50)) for f in server.forecasts] == [(metrics_pb2.METRIC_MEM_USED_PCT, 12)]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"profiles": ["mainframe"]}, "filter.profiles"),
        ({"min_risk": 101.0}, "filter.min_risk"),
        ({"view": 99}, "filter.view"),
        ({"metrics": [0]}, "filter.metrics"),
    ],
)
async def test_a_bad_filter_is_refused_with_its_field(
    argus: Running, wanted: dict[str, Any], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await snapshot(argus, **wanted)

    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    details = dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]
    violation = error_details_pb2.BadRequest()
    assert status_pb2.Status.FromString(details).details[0].Unpack(violation)  # type: ignore[arg-type]
    assert violation.field_violations[0].field == field


async def test_forecasts_come_in_the_order_asked_for(argus: Running) -> None:
    await feed(argus, history(["a", "b"], 30))
    request = prediction_pb2.GetForecastRequest(
        servers=["b", "a"], metrics=[metrics_pb2.METRIC_LOAD_AVERAGE], horizon_steps=7
    )

    reply = await argus.prediction.GetForecast(request)

    assert [server.server_name for server in reply.servers] == ["b", "a"]
    assert [len(server.forecasts[0].p50) for server in reply.servers] == [7, 7]


async def test_an_outlook_comes_to_those_who_ask_in_any_view(argus: Running) -> None:
    await feed(
        argus,
        history(["calm"], 40),
        rows(["full"] * 40, [START_MS + n * STEP_MS for n in range(40)], mem_used_pct=99.5),
    )

    asked = await snapshot(argus, outlook=True, view=View.SNAPSHOT_VIEW_FULL)
    others = await snapshot(argus, view=View.SNAPSHOT_VIEW_FULL)
    summary = await snapshot(argus, outlook=True)

    assert not any(server.HasField("outlook") for server in others.servers)
    full, calm = asked.servers
    assert (full.server_name, full.first_breach.metric) == ("full", metrics_pb2.METRIC_MEM_USED_PCT)
    assert full.outlook.metric == metrics_pb2.METRIC_MEM_USED_PCT
    assert (full.outlook.warning, full.outlook.critical) == (90, 98)
    assert list(full.outlook.history) == [99.5] * 36
    for server in asked.servers:
        outlook = server.outlook
        assert (outlook.history_step_seconds, outlook.band_step_seconds) == (300, 900)
        (forecast,) = [one for one in server.forecasts if one.metric == outlook.metric]
        for band in ("p10", "p50", "p90"):
            assert list(getattr(outlook, band)) == list(getattr(forecast, band) or forecast.p50)[2::3]
    assert [one.outlook.metric for one in summary.servers] == [full.outlook.metric, calm.outlook.metric]
    assert len(summary.servers[0].forecasts) == 0


async def test_a_gap_in_the_measurements_is_a_gap_in_the_outlook(argus: Running) -> None:
    await feed(argus, history(["a", "b"], 30), history(["b"], 2, START_MS + 30 * STEP_MS))

    (outlook,) = [one.outlook for one in (await snapshot(argus, outlook=True, servers=["a"])).servers]

    measured = ~np.isnan(np.array(outlook.history))
    assert measured.tolist() == [False] * 4 + [True] * 30 + [False] * 2


async def test_a_subscription_with_outlooks_goes_on_in_deltas(argus: Running) -> None:
    await feed(argus, history(["a", "b"], 30))
    await snapshot(argus)
    call = argus.prediction.Subscribe(Subscribe(filter=snapshot_pb2.SnapshotFilter(outlook=True)))
    whole = await event(call, "snapshot")

    await feed(argus, history(["b"], 1, START_MS + 29 * STEP_MS + 5_000, seed=1))
    delta = await event(call, "delta")

    assert [server.server_name for server in delta.servers] == ["b"]
    before = next(server for server in whole.servers if server.server_name == "b")
    assert list(delta.servers[0].outlook.history)[6:-1] == list(before.outlook.history)[6:-1]
    assert delta.servers[0].outlook.history[-1] != before.outlook.history[-1]


async def test_forecasts_come_with_the_past_that_is_asked_for(argus: Running) -> None:
    sent = history(["a", "b"], 30)
    await feed(argus, sent)
    request = prediction_pb2.GetForecastRequest(servers=["b", "a"], history_steps=40)

    reply = await argus.prediction.GetForecast(request)

    for server, start in zip(reply.servers, (1, 0), strict=True):
        assert [one.metric for one in server.forecasts] == list(range(1, len(METRICS) + 1))
        for forecast in server.forecasts:
            column = list(getattr(sent, METRICS[forecast.metric - 1]))[start::2]
            assert len(forecast.p50) == 96
            np.testing.assert_array_equal(np.isnan(forecast.history), [True] * 10 + [False] * 30)
            np.testing.assert_allclose(forecast.history[10:], column, rtol=1e-6)


async def test_forecasts_have_no_past_unless_asked_and_no_more_than_a_day_of_it(argus: Running) -> None:
    await feed(argus, history(["a"], 30))

    reply = await argus.prediction.GetForecast(prediction_pb2.GetForecastRequest(servers=["a"]))
    full = await snapshot(argus, view=View.SNAPSHOT_VIEW_FULL)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await argus.prediction.GetForecast(
            prediction_pb2.GetForecastRequest(servers=["a"], history_steps=289)
        )

    assert not any(forecast.history for forecast in reply.servers[0].forecasts)
    assert not any(forecast.history for forecast in full.servers[0].forecasts)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "history_steps" in (caught.value.details() or "")
    assert "288" in (caught.value.details() or "")


async def test_an_unknown_server_is_not_found_by_name(argus: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await argus.prediction.GetForecast(prediction_pb2.GetForecastRequest(servers=["ghost"]))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert "'ghost'" in (caught.value.details() or "")


async def test_a_subscription_starts_whole_and_goes_on_in_deltas(argus: Running) -> None:
    await feed(argus, history(["a", "b"], 30))
    await snapshot(argus)
    call = argus.prediction.Subscribe(Subscribe())

    whole = await event(call, "snapshot")
    await feed(argus, rows(["b"], [START_MS + 29 * STEP_MS + 5_000]))
    delta = await event(call, "delta")

    assert {server.server_name for server in whole.servers} == {"a", "b"}
    assert whole.last
    assert delta.base_revision == whole.header.revision
    assert {server.server_name for server in delta.servers} == {"b"}


async def test_a_reader_resumes_with_what_it_missed(argus: Running) -> None:
    await feed(argus, history(["a", "b"], 30))
    held = (await snapshot(argus)).header
    await feed(argus, rows(["b"], [START_MS + 29 * STEP_MS + 5_000]))

    resume = Subscribe(resume_revision=held.revision, resume_instance_id=held.instance_id)
    delta = await event(argus.prediction.Subscribe(resume), "delta")

    assert (delta.base_revision, [s.server_name for s in delta.servers]) == (held.revision, ["b"])


async def test_a_reader_of_another_run_starts_afresh(argus: Running) -> None:
    call = argus.prediction.Subscribe(Subscribe(resume_revision=9, resume_instance_id="another"))
    assert "restarted" in (await event(call, "resync_required")).reason
    assert (await event(call, "snapshot")).header.revision >= 1


async def test_silence_is_broken_by_heartbeats(tmp_path: Path) -> None:
    async with running(heartbeat_seconds=0.1) as argus:
        call = argus.prediction.Subscribe(Subscribe())
        assert (await event(call, "heartbeat")).revision == 1


async def test_draining_reaches_a_reader_as_a_message_and_ends_well(argus: Running) -> None:
    call = argus.prediction.Subscribe(Subscribe())
    await event(call, "snapshot")

    drained = asyncio.create_task(argus.server.drain())

    assert (await event(call, "draining")).reconnect_after.seconds == 1
    assert await call.read() is grpc.aio.EOF
    assert await call.code() == grpc.StatusCode.OK
    await drained


async def test_a_negative_interval_is_refused(argus: Running) -> None:
    call = argus.prediction.Subscribe(Subscribe(min_interval=duration_pb2.Duration(seconds=-1)))
    assert await call.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_no_more_subscriptions_than_allowed() -> None:
    async with running(max_subscribers=1) as argus:
        first = argus.prediction.Subscribe(Subscribe())
        await event(first, "snapshot")
        second = argus.prediction.Subscribe(Subscribe())
        assert await second.code() == grpc.StatusCode.UNAVAILABLE
        assert "--max-subscribers" in await second.details()


async def test_a_service_that_is_not_built_is_not_there(argus: Running) -> None:
    stub = explain_pb2_grpc.ExplainServiceStub(argus.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ExplainServer(explain_pb2.ExplainServerRequest(server_name="web-1"))
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_what_was_published_is_had_without_a_forecast(
    argus: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await feed(argus, history(["old"], 30))
    known = await snapshot(argus)
    monkeypatch.setattr(argus.server.engine, "tick", AsyncMock(side_effect=asyncio.Event().wait))
    await feed(argus, history(["new"], 1))

    at_once = await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest(as_published=True))
    forecast = await argus.prediction.GetForecast(
        prediction_pb2.GetForecastRequest(servers=["old"], as_published=True)
    )

    assert [server.server_name for server in at_once.snapshot.servers] == ["old"]
    assert at_once.snapshot.header.revision == forecast.header.revision == known.header.revision
    with pytest.raises(grpc.aio.AioRpcError) as waited:
        await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest(), timeout=0.3)
    assert waited.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
