"""A reader that stalls is its own trouble only."""

from __future__ import annotations

import grpc
import pytest

from argus.v1 import prediction_pb2, prediction_pb2_grpc, snapshot_pb2
from argus_client import ArgusClient
from tests.processes import SECONDS, ServerProcess
from tests.system.feeding import feed, history, step

pytestmark = pytest.mark.slow

NAMES = [f"web-{number}" for number in range(60)]
TICKS = 15


def test_a_stalled_subscriber_delays_nobody_and_catches_up_with_the_newest() -> None:
    with (
        ServerProcess() as server,
        ArgusClient(server.target) as client,
        grpc.insecure_channel(server.target, options=[("grpc.http2.bdp_probe", 0)]) as channel,
    ):
        feed(client, history(NAMES, steps=3))
        stub = prediction_pb2_grpc.PredictionServiceStub(channel)
        full = snapshot_pb2.SnapshotFilter(view=snapshot_pb2.SNAPSHOT_VIEW_FULL)
        stalled = stub.Subscribe(prediction_pb2.SubscribeRequest(filter=full), timeout=SECONDS)
        readers = [client.subscribe() for _ in range(3)]
        revisions = [[reader.next_snapshot(SECONDS).revision] for reader in readers]
        with client.publisher("ticks") as publisher:
            for number in range(TICKS):
                publisher.publish(step(NAMES, 3 + number))
                for reader, seen in zip(readers, revisions, strict=True):
                    seen.append(reader.next_snapshot(SECONDS).revision)
        newest = revisions[0][-1]
        for reader, seen in zip(readers, revisions, strict=True):
            assert seen == list(range(seen[0], newest + 1))
            assert (len(seen), reader.skipped_revisions, reader.reconnects) == (TICKS + 1, 0, 0)

        held, skipped = 0, 0
        while held < newest:
            part = getattr(message := next(stalled), message.WhichOneof("event"))
            held, skipped = max(held, part.header.revision), skipped + part.skipped_revisions
        assert skipped > TICKS / 2
        stalled.cancel()
