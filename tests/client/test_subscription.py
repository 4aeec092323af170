"""Subscriptions over the wire, both twins through the same tests."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_client import (
    Backoff,
    Closed,
    ConnectionLost,
    ConnectionState,
    DeadlineExceeded,
    FleetSnapshot,
    InvalidArgument,
    Timeouts,
    Unauthenticated,
    View,
)
from argus_client.testing import FakeServer, make_forecasts, make_snapshot

from .conftest import Twin


async def following(twin: Twin, subscription: Any) -> FleetSnapshot:
    snapshot = await twin.call(subscription.next_snapshot, 10)
    assert isinstance(snapshot, FleetSnapshot)
    return snapshot


async def test_the_newest_snapshot_comes_first_then_every_later_one(twin: Twin, server: FakeServer) -> None:
    server.publish(make_snapshot({"old": 1.0}))
    server.publish(make_snapshot({"calm": 10.0, "hot": 95.0}))
    subscription = twin.client(server.target).subscribe()

    first = await following(twin, subscription)
    server.publish(make_snapshot({"calm": 40.0, "new": 20.0}))
    second = await following(twin, subscription)

    assert (first.revision, list(first.servers)) == (2, ["hot", "calm"])
    assert (second.revision, list(second.servers)) == (3, ["calm", "new"])
    assert second.server("calm").risk_score == 40.0
    assert list(first.servers) == ["hot", "calm"]
    assert subscription.state is ConnectionState.LIVE
    assert subscription.skipped_revisions == 0


async def test_the_request_says_what_is_wanted(twin: Twin, server: FakeServer) -> None:
    server.publish(make_snapshot({"a": 10.0, "b": 80.0, "c": 90.0}, forecasts=make_forecasts()))
    subscription = twin.client(server.target).subscribe(
        view="standard",
        servers=["a", "b"],
        profiles=["generic"],
        metrics=["mem_used_pct"],
        min_risk=50.0,
        min_interval=0.25,
    )

    snapshot = await following(twin, subscription)

    assert list(snapshot.servers) == ["b"]
    assert {name: len(f.p50) for name, f in snapshot.server("b").forecasts.items()} == {"mem_used_pct": 12}
    assert snapshot.summary.total_servers == 3
    request = server.subscriptions[0]
    assert request.min_interval.ToTimedelta().total_seconds() == 0.25
    assert request.filter.view == snapshot_pb2.SNAPSHOT_VIEW_STANDARD


async def test_a_snapshot_in_many_parts_comes_whole(twin: Twin) -> None:
    with FakeServer(servers_per_part=3) as server:
        server.publish(make_snapshot({f"web-{i}": float(i) for i in range(10)}))
        subscription = twin.client(server.target).subscribe()

        first = await following(twin, subscription)
        server.publish(make_snapshot({f"web-{i}": float(i + 1) for i in range(2, 10)}))
        second = await following(twin, subscription)

    assert len(first.servers) == 10
    assert list(second.servers) == [f"web-{i}" for i in range(9, 1, -1)]


async def test_a_lost_connection_is_resumed_with_a_delta(twin: Twin, server: FakeServer) -> None:
    seen: list[ConnectionState] = []
    server.publish(make_snapshot({"a": 1.0, "b": 2.0}))
    subscription = twin.client(server.target).subscribe(on_state_change=lambda state, _: seen.append(state))
    await following(twin, subscription)

    server.drop_connections()
    server.publish(make_snapshot({"a": 1.0, "b": 3.0}))
    snapshot = await following(twin, subscription)

    assert (snapshot.revision, list(snapshot.servers)) == (2, ["b", "a"])
    assert [request.resume_revision for request in server.subscriptions] == [0, 1]
    assert server.subscriptions[1].resume_instance_id == "fake-1"
    assert seen == [ConnectionState.LIVE, ConnectionState.RECONNECTING, ConnectionState.LIVE]
    assert subscription.reconnects == 1


async def test_a_restarted_server_makes_the_reader_start_afresh(twin: Twin, server: FakeServer) -> None:
    server.publish(make_snapshot({"a": 1.0, "b": 2.0}))
    subscription = twin.client(server.target).subscribe()
    await following(twin, subscription)

    server.restart()
    server.publish(make_snapshot({"c": 3.0}))
    snapshot = await following(twin, subscription)

    assert (snapshot.revision, list(snapshot.servers)) == (1, ["c"])
    assert snapshot.header.instance_id == "fake-2"


async def test_draining_surfaces_as_a_state_and_never_as_an_error(twin: Twin, server: FakeServer) -> None:
    seen: list[tuple[ConnectionState, Any]] = []
    server.publish(make_snapshot({"a": 1.0}))
    subscription = twin.client(server.target).subscribe(on_state_change=lambda *change: seen.append(change))
    await following(twin, subscription)

    server.drain()
    server.publish(make_snapshot({"a": 2.0}))
    snapshot = await following(twin, subscription)

    assert snapshot.revision == 2
    states = [
        ConnectionState.LIVE,
        ConnectionState.DRAINING,
        ConnectionState.RECONNECTING,
        ConnectionState.LIVE,
    ]
    assert [state for state, _ in seen] == states
    assert {error for _, error in seen} == {None}


async def test_a_delta_for_another_revision_makes_the_reader_subscribe_again(
    twin: Twin, server: FakeServer
) -> None:
    server.publish(make_snapshot({"a": 1.0, "b": 2.0}))
    subscription = twin.client(server.target).subscribe()
    await following(twin, subscription)
    stray = make_snapshot({"x": 9.0})
    stray.header.instance_id = "fake-1"
    stray.header.revision = 7
    part = prediction_pb2.SnapshotPart(header=stray.header, servers=stray.servers, base_revision=6, last=True)

    server.send(prediction_pb2.SubscribeResponse(delta=part))
    snapshot = await following(twin, subscription)

    assert (snapshot.revision, sorted(snapshot.servers)) == (1, ["a", "b"])
    assert [request.resume_revision for request in server.subscriptions] == [0, 0]


async def test_a_resync_replaces_what_was_held(twin: Twin, server: FakeServer) -> None:
    server.publish(make_snapshot({"a": 1.0}))
    subscription = twin.client(server.target).subscribe()
    await following(twin, subscription)
    fresh = make_snapshot({"z": 5.0})
    fresh.header.revision = 40
    part = prediction_pb2.SnapshotPart(header=fresh.header, servers=fresh.servers, last=True)

    server.send(
        prediction_pb2.SubscribeResponse(
            resync_required=prediction_pb2.ResyncRequired(reason="too far behind")
        )
    )
    server.send(prediction_pb2.SubscribeResponse(snapshot=part))
    snapshot = await following(twin, subscription)

    assert (snapshot.revision, list(snapshot.servers)) == (40, ["z"])
    assert subscription.reconnects == 0


async def test_a_kind_of_message_from_the_future_is_ignored(twin: Twin, server: FakeServer) -> None:
    server.publish(make_snapshot({"a": 1.0}))
    subscription = twin.client(server.target).subscribe()
    await following(twin, subscription)

    server.send(prediction_pb2.SubscribeResponse())
    server.publish(make_snapshot({"a": 2.0}))

    assert (await following(twin, subscription)).revision == 2


async def test_a_slow_reader_gets_the_newest_and_is_told_what_it_missed(
    twin: Twin, server: FakeServer
) -> None:
    server.publish(make_snapshot({"a": 1.0}))
    subscription = twin.client(server.target).subscribe()
    await following(twin, subscription)

    for risk in range(2, 22):
        server.publish(make_snapshot({"a": float(risk)}))
    revisions = 1
    skipped = 0
    while revisions < 21:
        snapshot = await following(twin, subscription)
        skipped += snapshot.skipped_revisions
        assert snapshot.revision == revisions + snapshot.skipped_revisions + 1
        revisions = snapshot.revision

    assert snapshot.server("a").risk_score == 21.0
    assert subscription.skipped_revisions == skipped


async def test_a_silent_server_is_left_and_resumed(twin: Twin, server: FakeServer) -> None:
    errors: list[Any] = []
    server.publish(make_snapshot({"a": 1.0}))
    subscription = twin.client(server.target, timeouts=Timeouts(silence_seconds=0.2)).subscribe(
        on_state_change=lambda _, error: errors.append(error)
    )
    await following(twin, subscription)
    server.go_silent()

    with pytest.raises(DeadlineExceeded, match=r"No snapshot within 0\.5 s"):
        await twin.call(subscription.next_snapshot, 0.5)
    server.go_silent(False)
    server.publish(make_snapshot({"a": 2.0}))
    snapshot = await following(twin, subscription)

    assert snapshot.revision == 2
    assert any("Nothing was heard" in str(error) for error in errors if error)
    assert server.subscriptions[-1].resume_revision == 1


async def test_heartbeats_keep_a_quiet_subscription_alive(twin: Twin) -> None:
    with FakeServer(heartbeat_seconds=0.05) as server:
        server.publish(make_snapshot({"a": 1.0}))
        subscription = twin.client(server.target, timeouts=Timeouts(silence_seconds=0.4)).subscribe()
        await following(twin, subscription)

        with pytest.raises(DeadlineExceeded):
            await twin.call(subscription.next_snapshot, 1.0)

        assert subscription.reconnects == 0


async def test_an_error_that_will_not_pass_is_raised(twin: Twin, server: FakeServer) -> None:
    server.api_key = "right"
    subscription = twin.client(server.target, api_key="wrong").subscribe()

    with pytest.raises(Unauthenticated, match="API key"):
        await twin.call(subscription.next_snapshot, 10)
    assert subscription.state is ConnectionState.CLOSED


async def test_giving_up_after_bounded_attempts_raises_the_reason(twin: Twin) -> None:
    with FakeServer() as gone:
        target = gone.target
    backoff = Backoff(initial_seconds=0.01, maximum_seconds=0.02, attempts=3)
    subscription = twin.client(target, stream_backoff=backoff).subscribe()

    with pytest.raises(ConnectionLost):
        await twin.call(subscription.next_snapshot, 10)


async def test_closing_ends_the_loop_even_while_reconnecting(twin: Twin) -> None:
    with FakeServer() as gone:
        target = gone.target
    slow = Backoff(initial_seconds=600.0, maximum_seconds=600.0)
    subscription = twin.client(target, stream_backoff=slow).subscribe()

    async def read() -> list[FleetSnapshot]:
        if hasattr(subscription, "__aiter__"):
            return [snapshot async for snapshot in subscription]
        return await asyncio.to_thread(list, subscription)

    reader = asyncio.create_task(read())
    async with asyncio.timeout(10):
        while subscription.state is not ConnectionState.RECONNECTING:
            await asyncio.sleep(0.005)
    async with asyncio.timeout(1.0):
        await twin.call(subscription.close)
        assert await reader == []
    with pytest.raises(Closed):
        await twin.call(subscription.next_snapshot, 1)


async def test_closing_the_client_closes_its_subscriptions(twin: Twin, server: FakeServer) -> None:
    server.publish(make_snapshot({"a": 1.0}))
    client = twin.client(server.target)
    subscription = client.subscribe()
    await following(twin, subscription)

    await twin.call(client.close)

    assert subscription.state is ConnectionState.CLOSED


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"view": "everything"}, "there are summary, standard, full"),
        ({"metrics": ["cpu"]}, "There is no metric 'cpu'"),
        ({"servers": "web-1"}, r"must be a list, such as \['web-1'\]"),
        ({"min_interval": -1.0}, "must be 0 or more seconds"),
    ],
)
def test_a_wrong_filter_is_refused_at_once(wrong: dict[str, Any], message: str) -> None:
    from argus_client import ArgusClient

    with pytest.raises(InvalidArgument, match=message):
        ArgusClient("127.0.0.1:1").subscribe(**wrong)


def test_views_are_texts() -> None:
    assert [str(view) for view in View] == ["summary", "standard", "full"]


async def test_a_certain_forecast_has_its_median_for_every_quantile(twin: Twin, server: FakeServer) -> None:
    forecasts = make_forecasts(["uptime_days"], band=0.0, value=3.0)
    server.publish(make_snapshot({"a": 1.0}, forecasts=forecasts))
    subscription = twin.client(server.target).subscribe(view=View.FULL)

    forecast = (await following(twin, subscription)).server("a").forecasts["uptime_days"]

    assert forecast.p10.shape == forecast.p90.shape == (96,)
    np.testing.assert_array_equal(forecast.p10, forecast.p50)
    with pytest.raises(ValueError, match="read-only"):
        forecast.p50[0] = 1.0
