from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from argus.v1 import prediction_pb2
from argus_server.snapshot.filters import Filter
from argus_server.snapshot.hub import HISTORY, Hub, Subscription
from tests.server.snapshot.snapshots import snapshot


class Steps:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def hub() -> Hub:
    return Hub(now_ms=lambda: 1_000, monotonic=Steps())


def publish(hub: Hub, revision: int) -> None:
    hub.publish(snapshot({"a": 10.0, "b": float(revision)}, revision))


async def following(messages: AsyncIterator[bytes]) -> prediction_pb2.SubscribeResponse:
    return prediction_pb2.SubscribeResponse.FromString(await anext(messages))


async def settle() -> None:
    """Lets everything that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_new_reader_gets_the_newest_snapshot_then_deltas(hub: Hub) -> None:
    publish(hub, 1)
    publish(hub, 2)
    messages = Subscription(hub, Filter()).messages()

    first = await following(messages)
    publish(hub, 3)
    second = await following(messages)

    assert (first.WhichOneof("event"), first.snapshot.header.revision) == ("snapshot", 2)
    assert (second.WhichOneof("event"), second.delta.base_revision) == ("delta", 2)
    assert second.delta.skipped_revisions == 0


async def test_a_slow_reader_gets_the_newest_and_is_told_what_it_missed(hub: Hub) -> None:
    publish(hub, 1)
    messages = Subscription(hub, Filter()).messages()
    await following(messages)

    for revision in range(2, 7):
        publish(hub, revision)
    update = await following(messages)

    assert update.delta.header.revision == 6
    assert update.delta.skipped_revisions == 4
    assert hub.counters.skipped_revisions == 4


async def test_a_reader_too_far_behind_starts_afresh(hub: Hub) -> None:
    publish(hub, 1)
    messages = Subscription(hub, Filter()).messages()
    await following(messages)

    for revision in range(2, HISTORY + 3):
        publish(hub, revision)

    assert (await following(messages)).WhichOneof("event") == "resync_required"
    assert (await following(messages)).snapshot.header.revision == HISTORY + 2
    assert hub.counters.resyncs == 1


async def test_a_reader_resumes_from_the_revision_it_holds(hub: Hub) -> None:
    publish(hub, 1)
    publish(hub, 2)

    update = await following(Subscription(hub, Filter(), resume_revision=1).messages())

    assert update.delta.base_revision == 1


async def test_what_another_run_of_the_server_said_is_of_no_use(hub: Hub) -> None:
    publish(hub, 5)
    messages = Subscription(hub, Filter(), resync_reason="the server was restarted").messages()

    assert (await following(messages)).resync_required.reason == "the server was restarted"
    assert (await following(messages)).snapshot.header.revision == 5


async def test_silence_is_broken_by_a_heartbeat() -> None:
    clock = Steps()
    hub = Hub(now_ms=lambda: 77, heartbeat_seconds=0.02, monotonic=clock)
    publish(hub, 1)
    messages = Subscription(hub, Filter()).messages()
    await following(messages)
    beating = asyncio.create_task(following(messages))
    pulse = asyncio.create_task(hub.pulse())
    await settle()

    clock.now = 0.02
    beat = await beating

    pulse.cancel()
    assert (beat.heartbeat.revision, beat.heartbeat.server_time_ms) == (1, 77)


async def test_draining_reaches_waiting_and_pausing_readers_and_ends_their_streams(hub: Hub) -> None:
    publish(hub, 1)
    waiting = Subscription(hub, Filter()).messages()
    pausing = Subscription(hub, Filter(), min_interval_seconds=3600).messages()
    for messages in (waiting, pausing):
        await following(messages)
    ends = [asyncio.create_task(following(messages)) for messages in (waiting, pausing)]
    await settle()

    hub.drain("stopping")

    for end in ends:
        assert (await end).draining.reason == "stopping"
    for messages in (waiting, pausing):
        with pytest.raises(StopAsyncIteration):
            await anext(messages)
    assert not hub.subscriptions


async def test_a_reader_keeps_the_distance_it_asked_for() -> None:
    clock = Steps()
    hub = Hub(now_ms=lambda: 0, monotonic=clock)
    publish(hub, 1)
    messages = Subscription(hub, Filter(), min_interval_seconds=10).messages()
    await following(messages)
    update = asyncio.create_task(following(messages))
    await settle()

    publish(hub, 2)
    await settle()
    assert not update.done()
    clock.now = 10.0
    publish(hub, 3)

    assert (await update).delta.skipped_revisions == 1


async def test_a_reader_that_keeps_its_distance_still_hears_heartbeats() -> None:
    clock = Steps()
    hub = Hub(now_ms=lambda: 0, heartbeat_seconds=0.02, monotonic=clock)
    publish(hub, 1)
    messages = Subscription(hub, Filter(), min_interval_seconds=3600).messages()
    await following(messages)
    beating = asyncio.create_task(following(messages))
    pulse = asyncio.create_task(hub.pulse())
    await settle()

    publish(hub, 2)
    clock.now = 0.02
    beat = await beating

    pulse.cancel()
    assert beat.heartbeat.revision == 2


async def test_a_reader_that_claims_a_revision_to_come_starts_afresh(hub: Hub) -> None:
    publish(hub, 3)
    messages = Subscription(hub, Filter(), resume_revision=2**63).messages()

    assert (await following(messages)).WhichOneof("event") == "resync_required"
    first = (await following(messages)).snapshot
    assert (first.header.revision, first.skipped_revisions) == (3, 0)
    assert hub.counters.skipped_revisions == 0


async def test_updates_of_present_readers_are_made_before_publishing(hub: Hub) -> None:
    publish(hub, 1)
    messages = Subscription(hub, Filter()).messages()
    await following(messages)
    ready = snapshot({"a": 1.0}, 2)

    hub.prepare(ready)

    assert ready.cached_update((Filter(), 1)) is not None


async def test_a_reader_that_leaves_is_forgotten(hub: Hub) -> None:
    publish(hub, 1)
    messages = Subscription(hub, Filter()).messages()
    await following(messages)

    await messages.aclose()  # type: ignore[attr-defined]

    assert not hub.subscriptions
