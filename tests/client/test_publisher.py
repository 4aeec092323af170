"""Publishers over the wire, both twins through the same tests."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from argus_client import (
    Backoff,
    BufferFull,
    Closed,
    ConnectionLost,
    ConnectionState,
    DeadlineExceeded,
    InvalidArgument,
    PublisherConfig,
    Rejected,
    Rejection,
    Superseded,
    Timeouts,
)
from argus_client.testing import FakeServer, make_samples

from .conftest import Twin


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_rows_arrive_as_they_were_published(twin: Twin, server: FakeServer) -> None:
    publisher = twin.client(server.target).publisher("source")
    samples = make_samples(["web-1", "web-2"], value=12.5)
    samples.metrics[1, 3] = np.nan

    await twin.call(publisher.publish, samples)
    await twin.call(publisher.flush, 10)

    committed = server.sources["source"].samples
    assert committed.server_name.tolist() == ["web-1", "web-2"]
    np.testing.assert_array_equal(committed.metrics, samples.metrics)
    stats = publisher.stats
    assert (stats.rows_published, stats.rows_sent, stats.rows_accepted, stats.rows_buffered) == (2, 2, 2, 0)
    assert stats.warm_up is not None
    assert stats.warm_up.required_steps == 24


async def test_arrays_may_change_after_publish(twin: Twin, server: FakeServer) -> None:
    publisher = twin.client(server.target).publisher("source")
    samples = make_samples(["web-1"], value=1.0)

    await twin.call(publisher.publish, samples)
    samples.metrics[:] = 2.0
    await twin.call(publisher.flush, 10)

    assert server.sources["source"].samples.metrics[0, 0] == 1.0


async def test_no_rows_are_no_batch(twin: Twin, server: FakeServer) -> None:
    publisher = twin.client(server.target).publisher("source")

    await twin.call(publisher.publish, make_samples([]))
    await twin.call(publisher.flush, 10)

    assert publisher.stats.batches_sent == 0


async def test_large_calls_are_split(twin: Twin, server: FakeServer) -> None:
    publisher = twin.client(server.target).publisher("source", config=PublisherConfig(batch_rows=100))

    await twin.call(publisher.publish, make_samples([f"web-{i}" for i in range(250)]))
    await twin.call(publisher.flush, 10)

    assert [len(batch) for batch in server.sources["source"].batches] == [100, 100, 50]


async def test_the_servers_limits_are_kept(twin: Twin) -> None:
    with FakeServer(max_batch_rows=30) as server:
        publisher = twin.client(server.target).publisher("source")

        await twin.call(publisher.publish, make_samples([f"web-{i}" for i in range(100)]))
        await twin.call(publisher.flush, 10)

        assert len(server.sources["source"].samples) == 100
        assert publisher.stats.rows_rejected == 0


async def test_a_lost_connection_loses_and_repeats_nothing(twin: Twin, server: FakeServer) -> None:
    seen: list[ConnectionState] = []
    publisher = twin.client(server.target).publisher(
        "source", on_state_change=lambda state, _: seen.append(state)
    )
    for step in range(20):
        await twin.call(publisher.publish, make_samples(["web-1"], timestamp_ms=1_750_000_000_000 + step))
        if step % 5 == 2:
            await eventually(lambda: publisher.state is ConnectionState.LIVE)
            server.drop_connections()
    await eventually(lambda: publisher.stats.reconnects >= 1)
    await twin.call(publisher.flush, 10)

    committed = server.sources["source"].samples.timestamp_ms - 1_750_000_000_000
    assert committed.tolist() == list(range(20))
    assert seen[0] is ConnectionState.LIVE
    assert ConnectionState.RECONNECTING in seen
    assert isinstance(publisher.stats.last_error, ConnectionLost)


async def test_rows_whose_ack_was_lost_are_not_sent_again(twin: Twin, server: FakeServer) -> None:
    publisher = twin.client(server.target).publisher("source")
    await twin.call(publisher.publish, make_samples(["web-1"]))
    await twin.call(publisher.flush, 10)
    server.hold_acks()
    await twin.call(publisher.publish, make_samples(["web-2"]))
    await eventually(lambda: server.sources["source"].last_sequence == 2)

    server.drop_connections()
    await twin.call(publisher.flush, 10)

    assert server.sources["source"].sequences == [1, 2]
    assert publisher.stats.rows_unreported == 1


async def test_a_restarted_server_is_found_again(twin: Twin, server: FakeServer) -> None:
    publisher = twin.client(server.target).publisher("source")
    await twin.call(publisher.publish, make_samples(["web-1"]))
    await twin.call(publisher.flush, 10)

    server.restart(forget=True)
    await twin.call(publisher.publish, make_samples(["web-2"]))
    await twin.call(publisher.flush, 10)

    assert server.sources["source"].samples.server_name.tolist() == ["web-2"]
    assert publisher.stats.rows_accepted == 2


async def test_a_server_that_starts_late_gets_everything(twin: Twin) -> None:
    with FakeServer() as early:
        target = early.target
    publisher = twin.client(target).publisher("source")
    await twin.call(publisher.publish, make_samples(["web-1"]))
    await eventually(lambda: publisher.state is ConnectionState.RECONNECTING)

    with FakeServer(port=int(target.rpartition(":")[2])) as server:
        await twin.call(publisher.flush, 10)
        assert len(server.sources["source"].samples) == 1


async def test_draining_surfaces_as_a_state_and_never_as_an_error(twin: Twin, server: FakeServer) -> None:
    seen: list[tuple[ConnectionState, Any]] = []
    publisher = twin.client(server.target).publisher(
        "source", on_state_change=lambda *change: seen.append(change)
    )
    await twin.call(publisher.publish, make_samples(["web-1"]))
    await twin.call(publisher.flush, 10)

    server.drain()
    await eventually(lambda: publisher.stats.reconnects == 1 and publisher.state is ConnectionState.LIVE)
    await twin.call(publisher.publish, make_samples(["web-2"]))
    await twin.call(publisher.flush, 10)

    states = [
        ConnectionState.LIVE,
        ConnectionState.DRAINING,
        ConnectionState.RECONNECTING,
        ConnectionState.LIVE,
    ]
    assert [state for state, _ in seen] == states
    assert {error for _, error in seen} == {None}
    assert publisher.stats.last_error is None
    assert server.sources["source"].sequences == [1, 2]


async def test_a_pause_ends_and_is_counted(twin: Twin, server: FakeServer) -> None:
    publisher = twin.client(server.target).publisher("source")
    server.throttle(0.1)
    await twin.call(publisher.publish, make_samples(["web-1"]))
    await twin.call(publisher.flush, 10)

    await twin.call(publisher.publish, make_samples(["web-2"]))
    await twin.call(publisher.flush, 10)

    assert publisher.stats.throttles == 1
    assert publisher.stats.rows_accepted == 2


async def test_refused_rows_reach_the_callback_and_a_strict_flush(twin: Twin, server: FakeServer) -> None:
    refused: list[Rejection] = []
    publisher = twin.client(server.target).publisher("source", on_rejection=refused.append)
    server.refuse_servers(["bad"], reason="INVALID_NAME")

    await twin.call(publisher.publish, make_samples(["good", "bad"], timestamp_ms=1_750_000_000_123))
    with pytest.raises(Rejected, match="bad is refused") as caught:
        await twin.call(publisher.flush, 10, strict=True)

    await eventually(lambda: refused)
    assert [(r.reason, r.server_name, r.timestamp_ms, r.row_index) for r in refused] == [
        ("INVALID_NAME", "bad", 1_750_000_000_123, 1)
    ]
    assert caught.value.rejections == tuple(refused)
    stats = publisher.stats
    assert (stats.rows_accepted, stats.rows_rejected) == (1, 1)


async def test_a_failing_callback_does_not_stop_the_stream(
    twin: Twin, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("from the callback")

    publisher = twin.client(server.target).publisher("source", on_state_change=fail)

    await twin.call(publisher.publish, make_samples(["web-1"]))
    await twin.call(publisher.flush, 10)

    assert publisher.stats.rows_accepted == 1
    assert "from the callback" in caplog.text


async def test_flush_says_what_is_left_when_time_is_over(twin: Twin, server: FakeServer) -> None:
    server.hold_acks()
    publisher = twin.client(server.target).publisher("source")
    await twin.call(publisher.publish, make_samples(["web-1", "web-2"]))

    with pytest.raises(DeadlineExceeded, match=r"2 rows are unacknowledged after 0\.05 s"):
        await twin.call(publisher.flush, 0.05)

    server.release_acks()
    await twin.call(publisher.flush, 10)


async def test_a_part_is_settled_while_more_is_published(twin: Twin, server: FakeServer) -> None:
    publisher = twin.client(server.target).publisher("source", config=PublisherConfig(batch_rows=2))
    await twin.call(publisher.publish, make_samples(["a", "b"]))
    await twin.call(publisher.wait_settled, 2, 10)
    assert publisher.stats.rows_settled == 2

    server.hold_acks()
    await twin.call(publisher.publish, make_samples(["c", "d", "e"]))
    await twin.call(publisher.wait_settled, 2, 10)
    with pytest.raises(DeadlineExceeded, match="3 rows are unacknowledged"):
        await twin.call(publisher.wait_settled, 3, 0.05)

    server.release_acks()
    await twin.call(publisher.wait_settled, 5, 10)
    await twin.call(publisher.close)
    with pytest.raises(Closed):
        await twin.call(publisher.wait_settled, 6, 10)


async def test_publish_waits_for_room(twin: Twin, server: FakeServer) -> None:
    server.hold_acks()
    config = PublisherConfig(max_buffered_rows=4, batch_rows=2)
    publisher = twin.client(server.target).publisher("source", config=config)
    await twin.call(publisher.publish, make_samples(["a", "b", "c", "d"]))

    with pytest.raises(BufferFull, match="no room for 1 of 1 rows") as caught:
        await twin.call(publisher.publish, make_samples(["e"]), timeout=0.05)
    assert caught.value.rows_taken == 0

    waiting = asyncio.create_task(twin.call(publisher.publish, make_samples(["f", "g", "h"])))
    server.release_acks()
    await asyncio.wait_for(waiting, 10)
    await twin.call(publisher.flush, 10)
    assert publisher.stats.rows_accepted == 7


async def test_a_name_that_is_no_text_is_an_invalid_argument(twin: Twin, server: FakeServer) -> None:
    publisher = twin.client(server.target).publisher("source")
    samples = make_samples(["web-1"])
    samples.server_name[0] = None

    with pytest.raises(InvalidArgument, match=r"server_name\[0\] is None"):
        await twin.call(publisher.publish, samples)


async def test_a_second_publisher_of_the_same_source_ends_the_first(twin: Twin, server: FakeServer) -> None:
    client = twin.client(server.target)
    first = client.publisher("source")
    await twin.call(first.publish, make_samples(["web-1"]))
    await twin.call(first.flush, 10)

    second = client.publisher("source")
    await twin.call(second.publish, make_samples(["web-2"]))
    await twin.call(second.flush, 10)

    await eventually(lambda: first.state is ConnectionState.CLOSED)
    with pytest.raises(Superseded, match="its own source_id"):
        await twin.call(first.publish, make_samples(["web-1"]))


async def test_giving_up_after_bounded_attempts_raises_the_reason(twin: Twin) -> None:
    with FakeServer() as gone:
        target = gone.target
    backoff = Backoff(initial_seconds=0.01, maximum_seconds=0.02, attempts=3)
    publisher = twin.client(target, stream_backoff=backoff).publisher("source")
    await twin.call(publisher.publish, make_samples(["web-1"]))

    with pytest.raises(ConnectionLost):
        await twin.call(publisher.flush, 10)
    assert publisher.stats.rows_dropped == 1


async def test_leaving_the_block_delivers_what_is_buffered(twin: Twin, server: FakeServer) -> None:
    publisher = twin.client(server.target).publisher("source")
    await twin.call(publisher.publish, make_samples(["web-1"]))

    await twin.call(publisher.close)

    assert len(server.sources["source"].samples) == 1
    assert publisher.state is ConnectionState.CLOSED
    with pytest.raises(Closed):
        await twin.call(publisher.publish, make_samples(["web-1"]))


async def test_close_while_the_connection_is_down_does_not_wait(
    twin: Twin, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeServer() as gone:
        target = gone.target
    slow = Backoff(initial_seconds=600.0, maximum_seconds=600.0)
    publisher = twin.client(target, stream_backoff=slow).publisher("source")
    await twin.call(publisher.publish, make_samples(["web-1"]))
    await eventually(lambda: publisher.state is ConnectionState.RECONNECTING)

    async with asyncio.timeout(1.0):
        await twin.call(publisher.close)

    assert publisher.stats.rows_dropped == 1
    assert "1 rows undelivered" in caplog.text


async def test_a_server_that_accepts_and_never_answers_is_left(twin: Twin, black_hole: str) -> None:
    timeouts = Timeouts(acknowledge_seconds=0.1)
    publisher = twin.client(black_hole, timeouts=timeouts).publisher("source")

    await eventually(lambda: publisher.stats.reconnects >= 1)

    assert "Nothing was heard from the server" in str(publisher.stats.last_error)
    async with asyncio.timeout(1.0):
        await twin.call(publisher.close)


async def test_the_api_key_travels_with_the_stream(twin: Twin, server: FakeServer) -> None:
    server.api_key = "secret"
    publisher = twin.client(server.target, api_key="secret").publisher("source")

    await twin.call(publisher.publish, make_samples(["web-1"]))
    await twin.call(publisher.flush, 10)

    assert publisher.stats.rows_accepted == 1


def test_a_source_id_is_made_of_program_and_host() -> None:
    from argus_client._publisher import default_source_id

    name = default_source_id()

    assert "@" in name
    assert all("!" <= character <= "~" for character in name)
