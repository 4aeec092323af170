"""What one key may use up, and that others do not notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from argus.v1 import admin_pb2, ingest_pb2, prediction_pb2
from argus_server.ingest.session import LONGEST_PAUSE_SECONDS, IngestSession
from argus_server.security.caller import Caller, serve_for
from argus_server.security.limits import KeyLimits, KeyUsage, Meter
from argus_server.security.scopes import ALL_SCOPES, Scope
from tests.server.running import START_MS, Running, hello, numbered, rows, running
from tests.server.security.guarded import Keys, Outcome, bearer, call
from tests.waiting import eventually

STATUS = "/argus.v1.AdminService/GetStatus"
OK, EXHAUSTED = grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED


class Hands:
    """A clock that is set by hand, seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def usage(fleet: set[str] | None = None, **limits: Any) -> tuple[KeyUsage, Hands]:
    hands = Hands()
    return KeyUsage("web", KeyLimits(**limits), lambda: fleet or set(), hands), hands


def test_a_meter_refuses_what_is_too_much_and_says_when() -> None:
    hands = Hands()
    meter = Meter(2.0, 3.0, hands)
    assert [meter.take() for _ in range(4)] == [0, 0, 0, 0.5]
    hands.now += 0.5
    assert meter.take() == 0
    assert meter.take() == 0.5
    hands.now += 1000
    assert [meter.take() for _ in range(4)] == [0, 0, 0, 0.5]  # no more than the burst is saved up


def test_new_names_are_counted_and_refused_ones_are_not() -> None:
    used, hands = usage(new_servers_per_hour=2)
    refused = used.refuse(["a", "b", "c", "d"])
    assert list(refused) == ["c", "d"]
    assert "the key 'web' may bring 2 new servers an hour; the next one in 1800 s" in refused["c"]
    hands.now += 1800
    assert list(used.refuse(["c", "d"])) == ["d"]


def test_names_in_the_fleet_are_limited_too_and_those_that_left_make_room() -> None:
    fleet: set[str] = {"a", "b"}
    used, _ = usage(fleet, servers=2)
    assert used.refuse(["a", "b"]) == {}
    assert used.refuse(["c"]) == {"c": "the key 'web' has the 2 servers it may have"}
    fleet.discard("a")
    assert used.refuse(["c", "d"]) == {"d": "the key 'web' has the 2 servers it may have"}


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"rows": 1}, "there is no limit 'rows'; known are calls_per_second, rows_per_second"),
        ({"streams": 0}, "streams is 0"),
        ({"streams": -1}, "streams is -1"),
        ({"calls_per_second": "nan"}, "calls_per_second is nan"),
        ({"calls_per_second": "many"}, "could not convert"),
    ],
)
def test_limits_that_make_no_sense(given: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        KeyLimits.from_dict(given)


def test_limits_are_stored_as_what_differs_from_the_defaults() -> None:
    limits = KeyLimits.from_dict({"streams": "3", "calls_per_second": "0.5"})
    assert limits.to_dict() == {"streams": 3, "calls_per_second": 0.5}
    assert KeyLimits.from_dict(limits.to_dict()) == limits


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


def retry_seconds(outcome: Outcome) -> float:
    """What RetryInfo says."""
    details = dict(outcome.trailers)["grpc-status-details-bin"]
    (packed,) = status_pb2.Status.FromString(details).details
    info = error_details_pb2.RetryInfo()
    assert packed.Unpack(info)
    return info.retry_delay.ToTimedelta().total_seconds()


async def test_calls_beyond_the_rate_are_refused_with_a_time_to_come_back(tmp_path: Path, keys: Keys) -> None:
    slow = keys.make("slow", Scope.READ, limits=KeyLimits(calls_per_second=0.01))
    other = keys.make("other", Scope.READ)
    async with running(data_dir=tmp_path) as argus:
        assert (await call(argus.channel, STATUS, bearer(slow))).code is OK
        refused = await call(argus.channel, STATUS, bearer(slow))
        assert refused.code is EXHAUSTED
        assert refused.details == "the API key 'slow' may make 0.01 calls per second"
        assert 90 < retry_seconds(refused) <= 100
        for _ in range(5):
            assert (await call(argus.channel, STATUS, bearer(other))).code is OK


async def test_streams_beyond_the_limit_are_refused_until_one_ends(tmp_path: Path, keys: Keys) -> None:
    key = keys.make("dashboard", Scope.READ, limits=KeyLimits(streams=2))
    path = "/argus.v1.PredictionService/Subscribe"
    async with running(data_dir=tmp_path) as argus:
        open_ = [
            argus.prediction.Subscribe(prediction_pb2.SubscribeRequest(), metadata=bearer(key))
            for _ in range(2)
        ]
        for stream in open_:
            assert await stream.read()
        refused = await call(argus.channel, path, bearer(key))
        assert refused.code is EXHAUSTED
        assert refused.details == "the API key 'dashboard' has 2 streams open, and may have 2"
        assert retry_seconds(refused) == 10
        open_[0].cancel()

        async def fits() -> bool:
            return (await call(argus.channel, path, bearer(key))).code is OK

        await eventually(fits)


async def test_streams_that_need_no_key_are_limited_together(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argus_server.security.guard.MAX_OPEN_STREAMS", 1)
    path = "/grpc.health.v1.Health/Watch"
    async with running(data_dir=tmp_path) as argus:
        first = argus.channel.unary_stream(path, None, None)(b"")
        assert await first.read() is not grpc.aio.EOF
        refused = await call(argus.channel, path, ())
        assert refused.code is EXHAUSTED
        assert retry_seconds(refused) == 10
        first.cancel()

        async def fits() -> bool:
            return (await call(argus.channel, path, ())).code is OK

        await eventually(fits)


async def source(argus: Running, key: str, name: str) -> Any:
    stream = argus.ingest.StreamMetrics(metadata=bearer(key))
    await stream.write(hello(name))
    await stream.read()
    return stream


async def send(stream: Any, sequence: int, names: list[str], second: int = 0) -> ingest_pb2.Ack:
    await stream.write(numbered(sequence, rows(names, [START_MS + 1000 * second] * len(names))))
    answer = await stream.read()
    assert answer.WhichOneof("message") == "ack", answer
    return answer.ack


async def test_ten_thousand_new_names_from_one_key(tmp_path: Path, keys: Keys) -> None:
    flood = keys.make("flood", Scope.INGEST)
    other = keys.make("other", Scope.INGEST, Scope.READ)
    async with running(data_dir=tmp_path) as argus:
        theirs, ours = await source(argus, flood, "flood"), await source(argus, other, "other")
        assert (await send(ours, 1, ["web-1"])).accepted_rows == 1
        acks = [
            await send(theirs, number + 1, [f"x-{number}-{row}" for row in range(1000)])
            for number in range(10)
        ]
        accepted = sum(ack.accepted_rows for ack in acks)
        # A little more than the hour's worth: the hour goes on while the test runs.
        assert 0 <= accepted - KeyLimits().new_servers_per_hour < 500
        assert sum(ack.rejected_rows for ack in acks) == 10_000 - accepted
        assert len(acks[-1].rejections) == 100
        first = acks[-1].rejections[0]
        assert first.reason == ingest_pb2.ROW_REJECTION_REASON_TOO_MANY_SERVERS
        assert "the key 'flood' may bring 5000 new servers an hour" in first.message
        # The servers it has still count, and others bring in what they like.
        assert (await send(theirs, 11, ["x-0-0"], second=60)).accepted_rows == 1
        assert (await send(ours, 2, ["web-1", "web-2"], second=60)).accepted_rows == 2
        status = await argus.admin.GetStatus(admin_pb2.GetStatusRequest(), metadata=bearer(other))
        assert status.servers == accepted + 2


async def test_rows_are_limited_over_all_streams_of_a_key(tmp_path: Path, keys: Keys) -> None:
    slow = keys.make("slow", Scope.INGEST, limits=KeyLimits(rows_per_second=100))
    other = keys.make("other", Scope.INGEST)
    names = [f"web-{number}" for number in range(60)]
    async with running(data_dir=tmp_path) as argus:
        one, two = await source(argus, slow, "one"), await source(argus, slow, "two")
        assert not (await send(one, 1, names)).HasField("retry_delay")
        throttled = await send(two, 1, names, second=1)
        assert 0.01 < throttled.retry_delay.ToTimedelta().total_seconds() < 0.21
        assert throttled.accepted_rows == 60  # nothing is lost
        free = await source(argus, other, "three")
        assert not (await send(free, 1, names, second=2)).HasField("retry_delay")


async def test_a_source_that_does_not_pause_is_made_to() -> None:
    hands = Hands()
    used = KeyUsage("slow", KeyLimits(rows_per_second=10), set, hands)
    async with running() as argus:
        serve_for(Caller("slow", "key", ALL_SCOPES, usage=used))
        check_pauses(argus.server.open_session(lambda: None), hands)


def check_pauses(session: IngestSession, hands: Hands) -> None:
    session.receive(hello("a").SerializeToString())

    def pause(sequence: int) -> float:
        batch = rows(["web-1"] * 10, [START_MS + 1000 * (10 * sequence + row) for row in range(10)])
        session.receive(numbered(sequence, batch).SerializeToString())
        return session.pause_seconds

    # The bucket holds a second's worth; a second of debt is what a source that pauses may run into.
    assert [pause(1), pause(2), pause(3)] == [0, 0, 1]
    for sequence in range(4, 20):
        pause(sequence)
    assert pause(20) == LONGEST_PAUSE_SECONDS
    hands.now += 60
    assert pause(21) == 0
