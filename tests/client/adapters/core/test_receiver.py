"""What is sent to an adapter is answered once the server has answered for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from argus_client import Unauthenticated
from argus_client.adapters.core.config import AdapterConfig, ServerConfig
from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.mapping import Mapper
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.receiver import RETRY_SECONDS, Receiver, _Waiting
from argus_client.adapters.pull import SourceUnavailable
from argus_client.adapters.push import Sink
from argus_client.adapters.source import SourceError
from argus_client.testing import FakeServer

from .listed import document, loads


class HandedSource:
    """Hands the sink to the test."""

    def __init__(self) -> None:
        self.sink: asyncio.Future[Sink] = asyncio.get_running_loop().create_future()
        self.ended = False

    async def serve(self, sink: Sink) -> None:
        self.sink.set_result(sink)
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as fake:
        yield fake


@asynccontextmanager
async def receiving(
    server: FakeServer, mapping: MappingConfig | None = None
) -> AsyncIterator[tuple[Receiver, Sink, HandedSource]]:
    config = AdapterConfig(
        "mine",
        server=ServerConfig(server.target),
        mapping=mapping or MappingConfig(),
        state_dir=Path(),
    )
    source, stop = HandedSource(), asyncio.Event()
    receiver = Receiver(config, source, stop)
    running = asyncio.create_task(receiver.run())
    yield receiver, await source.sink, source
    stop.set()
    await asyncio.wait_for(running, 10)
    assert source.ended


def records(first: int, count: int) -> Documents:
    return Documents([document(number) for number in range(first, first + count)])


async def test_a_delivery_returns_when_its_rows_are_answered_for(server: FakeServer) -> None:
    async with receiving(server) as (receiver, sink, _):
        done = await sink.deliver(records(0, 5), timeout_seconds=10)
        assert (done.rows, done.unmapped_rows, done.problem) == (5, 0, "")
        assert loads(server) == list(range(5))

        server.hold_acks()
        waiting = asyncio.create_task(sink.deliver(records(5, 5), timeout_seconds=10))
        assert not (await asyncio.wait([waiting], timeout=0.05))[0]
        server.release_acks()
        await waiting
        assert receiver.tally.accepted == 10


async def test_what_is_not_answered_in_time_is_to_be_sent_again(server: FakeServer) -> None:
    async with receiving(server) as (_, sink, _):
        server.hold_acks()
        with pytest.raises(SourceUnavailable, match="did not answer within") as caught:
            await sink.deliver(records(0, 5), timeout_seconds=0.05)
        assert caught.value.retry_after_seconds
        server.release_acks()
        await sink.deliver(records(0, 5), timeout_seconds=10)


async def test_a_sender_that_gives_up_after_ten_seconds_outlives_a_restart_of_the_server() -> None:
    client = ServerConfig("127.0.0.1:1").client()
    reconnect = client._connection.config.stream_backoff
    await client.close()
    # It is told to wait just before the server is back, and the connection may take as long again.
    assert reconnect.maximum_seconds + 2 * RETRY_SECONDS < 10


async def test_rows_without_a_name_are_told_to_whoever_sent_them(server: FakeServer) -> None:
    async with receiving(server) as (_, sink, _):
        done = await sink.deliver(Documents([document(0), document(1, server_name=None)]), timeout_seconds=10)
        assert (done.rows, done.unmapped_rows) == (1, 1)
        assert done.problem.startswith("no server name")


async def test_many_deliveries_at_once_each_wait_for_their_own(server: FakeServer) -> None:
    async with receiving(server) as (receiver, sink, _):
        each = [sink.deliver(records(at * 10, 10), timeout_seconds=10) for at in range(20)]
        assert [done.rows for done in await asyncio.gather(*each)] == [10] * 20
        assert sorted(loads(server)) == list(range(200))
        assert receiver.tally.accepted == 200
        assert sink.retry_after_seconds == 0


async def test_a_key_the_server_does_not_know_ends_it(server: FakeServer) -> None:
    server.fail_next("StreamMetrics", "UNAUTHENTICATED", "no such key", times=50)
    config = AdapterConfig("mine", server=ServerConfig(server.target))
    with pytest.raises(Unauthenticated, match="no such key"):
        await asyncio.wait_for(Receiver(config, HandedSource(), asyncio.Event()).run(), 10)


async def test_a_source_that_cannot_listen_ends_it(server: FakeServer) -> None:
    class Deaf:
        async def serve(self, sink: Sink) -> None:
            raise SourceError("port 4317 is taken")

    config = AdapterConfig("mine", server=ServerConfig(server.target))
    with pytest.raises(SourceError, match="is taken"):
        await asyncio.wait_for(Receiver(config, Deaf(), asyncio.Event()).run(), 10)


async def test_refused_rows_are_told_to_whoever_sent_them_and_to_no_other(server: FakeServer) -> None:
    server.refuse_servers(["web-1"])
    async with receiving(server) as (_, sink, _):
        both, other = await asyncio.gather(
            sink.deliver(records(0, 3), timeout_seconds=10),
            sink.deliver(Documents([document(6), document(8)]), timeout_seconds=10),
        )
    assert (both.rows, both.rejected_rows, both.unmapped_rows) == (3, 1, 0)
    (refusal,) = both.rejections
    assert (refusal.server_name, refusal.field, refusal.message) == (
        "web-1",
        "server_name",
        "web-1 is refused",
    )
    assert both.refused == {1: "web-1 server_name: OUT_OF_RANGE: web-1 is refused"}
    assert both.problem == "refused by the Argus server: web-1 server_name: OUT_OF_RANGE: web-1 is refused"
    assert (other.rows, other.rejected_rows, other.problem) == (2, 0, "")


async def test_refused_rows_are_told_by_record_whatever_became_of_their_names(server: FakeServer) -> None:
    server.refuse_servers(["web-1"])
    mapping = MappingConfig.from_table({"names": [{"match": r"\.example\.com$", "replace": ""}]}, {})
    given = [document(0, server_name=None), document(0), document(1, server_name="web-1.example.com")]
    async with receiving(server, mapping) as (_, sink, _):
        done = await sink.deliver(Documents(given), timeout_seconds=10)
    assert (done.rows, done.unmapped_rows, list(done.refused)) == (2, 1, [2])


async def test_a_batch_that_is_refused_as_a_whole_is_told_to_whoever_waits_for_it() -> None:
    with FakeServer(max_batch_bytes=20) as server:  # not even one row fits
        async with receiving(server) as (receiver, sink, _):
            done, nothing = await asyncio.gather(
                sink.deliver(records(0, 3), timeout_seconds=10),
                sink.deliver(Documents([document(1, server_name=None)]), timeout_seconds=10),
            )
            receiver.follow()
            assert (receiver.tally.accepted, receiver.tally.rejected) == (0, 3)
    assert (done.rows, done.rejected_rows, len(done.rejections)) == (3, 3, 3)
    assert list(done.refused) == [0, 1, 2]
    assert "BATCH_TOO_LARGE" in done.refused[0]
    assert done.problem.startswith("refused by the Argus server: batch ")
    assert (nothing.rows, nothing.rejected_rows, nothing.refused) == (0, 0, {}), "it has no row in any batch"


async def test_what_is_not_sent_yet_is_in_no_refused_batch(server: FakeServer) -> None:
    server.reject_next_batch("COLUMN_LENGTH_MISMATCH")
    async with receiving(server) as (receiver, sink, _):
        other = _Waiting(Mapper(MappingConfig()).apply(records(3, 2)))
        receiver._waiting.add(other)
        refused = await sink.deliver(records(0, 3), timeout_seconds=10)
        later = await sink.deliver(records(3, 2), timeout_seconds=10)
    assert (refused.rejected_rows, list(refused.refused)) == (3, [0, 1, 2])
    assert (later.rejected_rows, later.problem) == (0, "")
    assert (other.rejected_rows, other.refused) == (0, {}), "it waits for its turn"


async def test_a_sender_is_shown_a_few_refusals_and_the_number_of_all(server: FakeServer) -> None:
    server.refuse_servers(["web-0", "web-1", "web-2"])
    async with receiving(server) as (_, sink, _):
        done = await sink.deliver(records(0, 30), timeout_seconds=10)
    assert (done.rejected_rows, len(done.rejections)) == (30, 10)
