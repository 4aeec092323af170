"""Both clients against the real server, where the fake one could flatter them."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from argus_client import (
    ConnectionState,
    FailedPrecondition,
    ForecastSource,
    NotFound,
    PublisherConfig,
    Rejected,
    Samples,
    ServingStatus,
    Unimplemented,
)
from argus_client.samples import METRICS
from tests.server.running import START_MS, STEP_MS, running

from .conftest import Twin


def history(servers: int = 3, steps: int = 4) -> Samples:
    """A sample per server and step."""
    rows = servers * steps
    names = np.empty(rows, np.object_)
    names[:] = [f"web-{i}" for i in range(servers)] * steps
    times = START_MS + np.repeat(np.arange(steps, dtype=np.int64) * STEP_MS, servers)
    metrics = np.full((rows, len(METRICS)), 40.0, np.float32)
    metrics[:, METRICS.index("swap_used_pct")] = np.nan
    return Samples(times, names, np.full(rows, 2, np.int8), metrics)


async def test_metrics_go_in_and_forecasts_come_out(twin: Twin) -> None:
    async with running() as real:
        client = twin.client(real.server.addresses.grpc)
        await twin.call(client.wait_ready, 10)
        publisher = client.publisher("source", config=PublisherConfig(batch_rows=5))

        await twin.call(publisher.publish, history())
        await twin.call(publisher.flush, 10, strict=True)
        snapshot = await twin.call(client.get_snapshot, view="full")
        forecast = await twin.call(client.get_forecast, ["web-1"], horizon_steps=6)
        status = await twin.call(client.get_status)

        assert publisher.stats.rows_accepted == 12
        assert sorted(snapshot.servers) == ["web-0", "web-1", "web-2"]
        server = snapshot.server("web-1")
        assert server.source is ForecastSource.FALLBACK
        assert server.forecasts["cpu_user_pct"].p50.shape == (96,)
        assert "swap_used_pct" not in server.forecasts
        assert "swap" not in server.display_metrics
        assert len(forecast.servers["web-1"].forecasts["load_average"].p90) == 6
        assert (status.servers, status.accepted_rows, status.degraded) == (3, 12, True)
        assert await twin.call(client.health) is ServingStatus.SERVING
        json.dumps(snapshot.to_json_dict(), allow_nan=False)
        scores = [entry.risk_score for entry in snapshot.servers.values()]
        assert scores == sorted(scores, reverse=True)


async def test_outlooks_and_the_past_come_from_the_server(twin: Twin) -> None:
    async with running() as real:
        client = twin.client(real.server.addresses.grpc)
        publisher = client.publisher("source")
        subscription = client.subscribe(outlook=True)
        await twin.call(publisher.publish, history(servers=2, steps=50))
        await twin.call(publisher.flush, 10, strict=True)

        snapshot = await twin.call(client.get_snapshot, outlook=True)
        plain = await twin.call(client.get_snapshot)
        forecast = await twin.call(client.get_forecast, ["web-1"], horizon_steps=6, history_steps=288)
        streamed = await twin.call(subscription.next_snapshot, 10)
        while len(streamed.servers) < 2:
            streamed = await twin.call(subscription.next_snapshot, 10)
        info = await twin.call(client.get_server_info)

        outlook = snapshot.server("web-1").outlook
        assert outlook.history.tolist() == [40.0] * 36
        assert outlook.p10.shape == outlook.p50.shape == outlook.p90.shape == (32,)
        origin = snapshot.header.forecast_origin_ms
        assert outlook.history_times_ms(origin)[[0, -1]].tolist() == [origin - 35 * STEP_MS, origin]
        assert outlook.band_times_ms(origin)[[0, -1]].tolist() == [
            origin + 3 * STEP_MS,
            origin + 96 * STEP_MS,
        ]
        assert plain.server("web-1").outlook is None
        assert streamed.server("web-0").outlook.metric == outlook.metric
        past = forecast.servers["web-1"].forecasts["cpu_user_pct"].history
        assert np.isnan(past[:238]).all()
        assert past[238:].tolist() == [40.0] * 50
        assert info.threshold("cpu_idle_pct").low_is_bad
        json.dumps(snapshot.to_json_dict(), allow_nan=False)


async def test_a_subscription_follows_the_fleet(twin: Twin) -> None:
    async with running() as real:
        client = twin.client(real.server.addresses.grpc)
        publisher = client.publisher("source")
        subscription = client.subscribe(view="standard")
        await twin.call(publisher.publish, history(servers=2))
        seen = await twin.call(subscription.next_snapshot, 10)
        while len(seen.servers) < 2:
            seen = await twin.call(subscription.next_snapshot, 10)

        more = history(servers=4)
        await twin.call(publisher.publish, more)
        while len(seen.servers) < 4:
            newer = await twin.call(subscription.next_snapshot, 10)
            assert newer.revision == seen.revision + newer.skipped_revisions + 1
            seen = newer

        assert len(seen.server("web-3").forecasts["cpu_user_pct"].p50) == 12
        assert subscription.reconnects == 0


async def test_duplicates_and_refused_rows_are_counted(twin: Twin) -> None:
    async with running() as real:
        publisher = twin.client(real.server.addresses.grpc).publisher("source")
        wrong = history(servers=2, steps=1)
        wrong.metrics[1, METRICS.index("cpu_user_pct")] = 250.0

        await twin.call(publisher.publish, history(servers=1, steps=1))
        await twin.call(publisher.publish, wrong)
        with pytest.raises(Rejected, match="250") as caught:
            await twin.call(publisher.flush, 10, strict=True)

        (rejection,) = caught.value.rejections
        assert (rejection.reason, rejection.field, rejection.server_name) == (
            "OUT_OF_RANGE",
            "cpu_user_pct",
            "web-1",
        )
        stats = publisher.stats
        assert (stats.rows_accepted, stats.rows_duplicate, stats.rows_rejected) == (1, 1, 1)


async def test_limits_of_rows_and_bytes_are_found(twin: Twin) -> None:
    async with running(max_batch_rows=7, max_batch_bytes=1100) as real:
        publisher = twin.client(real.server.addresses.grpc).publisher("source")

        await twin.call(publisher.publish, history(servers=5, steps=10))
        await twin.call(publisher.flush, 10, strict=True)

        assert publisher.stats.rows_accepted == 50


async def test_a_server_that_stops_with_grace_is_no_error(twin: Twin) -> None:
    seen: list[tuple[ConnectionState, object]] = []
    async with running() as real:
        client = twin.client(real.server.addresses.grpc)
        publisher = client.publisher("source", on_state_change=lambda *change: seen.append(change))
        subscription = client.subscribe(on_state_change=lambda *change: seen.append(change))
        await twin.call(publisher.publish, history())
        await twin.call(publisher.flush, 10)
        await twin.call(subscription.next_snapshot, 10)
        stopping = asyncio.create_task(real.server.drain())
        async with asyncio.timeout(10):
            while [state for state, _ in seen].count(ConnectionState.DRAINING) < 2:
                await asyncio.sleep(0.01)
        await stopping

    draining = [state for state, _ in seen].index(ConnectionState.DRAINING)
    assert all(error is None for _, error in seen[: draining + 1])
    assert publisher.stats.rows_accepted == 12


async def test_what_the_server_refuses_has_its_error(twin: Twin) -> None:
    async with running() as real:
        client = twin.client(real.server.addresses.grpc)

        with pytest.raises(NotFound, match="no-such-server"):
            await twin.call(client.get_forecast, ["no-such-server"])
        with pytest.raises((NotFound, FailedPrecondition)):
            await twin.call(client.load_model, "no-such-model")
        with pytest.raises(FailedPrecondition):
            await twin.call(client.roll_back_model)
        with pytest.raises(Unimplemented, match="get_server_info"):
            await twin.call(client.get_scenario)
        info = await twin.call(client.get_server_info)
        assert "argus.v1.PredictionService" in info.capabilities
