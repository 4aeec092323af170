"""Points of one server come together, and a request is answered when the Argus server has its rows."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from argus_client.adapters.otlp.intake import Intake, Limits, Taken
from argus_client.adapters.otlp.points import Selection
from argus_client.adapters.pull import Records, SourceUnavailable
from argus_client.adapters.push import Delivered
from argus_client.samples import METRICS
from tests.client.adapters.otlp_requests import CPU, T0, cpu_time, gauge, request, together
from tests.waiting import eventually

SELECTION = Selection(("host.name",), frozenset({"/"}), re.compile("lo"))
NEVER = 1000.0
"""Seconds no test waits for."""
SOON = 0.01

Row = tuple[str, float, dict[str, float]]


class FakeSink:
    """Takes rows, or does not.

    Attributes:
        rows: Server, Unix seconds and columns of each row that was taken, in order.
        tried: The same, of all rows that were brought.
        deliveries: How often rows were brought.
        counts: What the receiver counted.
        fail: Deliveries still to be refused.
        gate: Deliveries wait for it.
        refuses: Servers whose rows are refused.
        retry_after_seconds: See `Sink`.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.tried: list[Row] = []
        self.deliveries = 0
        self.counts = Counter[str]()
        self.fail = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.refuses: set[str] = set()
        self.retry_after_seconds = 0.0

    async def deliver(self, records: Records, *, timeout_seconds: float) -> Delivered:
        rows = as_rows(records)
        self.deliveries += 1
        self.tried += rows
        await self.gate.wait()
        if self.fail:
            self.fail -= 1
            raise SourceUnavailable("away", retry_after_seconds=7.0)
        self.rows += rows
        refused = {index: f"{row[0]} is bad" for index, row in enumerate(rows) if row[0] in self.refuses}
        return Delivered(len(rows), refused=refused)


def as_rows(records: Records) -> list[Row]:
    def column(name: str) -> Any:
        found = records.column(name)
        assert found is not None
        return found

    names = [name for name in METRICS if name in records.fields()]
    rows = []
    for index in range(len(records)):
        values = {name: float(column(name)[index]) for name in names}
        rows.append(
            (
                column("server_name")[index],
                column("timestamp")[index] / 1000,
                {name: value for name, value in values.items() if not np.isnan(value)},
            )
        )
    return rows


@asynccontextmanager
async def intake(sink: FakeSink, grace: float = SOON, **limits: Any) -> AsyncIterator[Intake]:
    refused: list[tuple[str, int, str]] = []
    made = Intake(
        sink,
        SELECTION,
        Limits(grace_seconds=grace, **limits),
        refuse=lambda *problem: refused.append(problem),
        count=lambda event, times: sink.counts.update({event: times}),
    )
    try:
        yield made
    finally:
        await made.close()


def load(value: float, at: float = T0) -> Metric:
    return gauge("system.cpu.load_average.1m", value, at=at)


def memory(share: float, at: float = T0) -> Metric:
    return gauge("system.memory.utilization", {("used",): share}, "state", at=at)


async def test_points_of_a_server_and_some_seconds_are_a_row_at_their_beginning() -> None:
    sink = FakeSink()
    async with intake(sink) as taking:
        taken = await taking.take(request(load(1.5, at=T0 + 3), memory(0.25, at=T0 + 9.9)))
    assert taken == Taken(0, "")
    assert sink.rows == [("web-1", T0, {"load_average": 1.5, "mem_used_pct": 25.0})]


async def test_a_request_is_answered_when_its_rows_are_in_the_server() -> None:
    sink = FakeSink()
    sink.gate.clear()
    async with intake(sink) as taking:
        answer = asyncio.create_task(taking.take(request(load(1.5))))
        await eventually(lambda: held(sink.tried))
        assert not answer.done()
        sink.gate.set()
        assert await answer == Taken(0, "")


async def test_points_whose_row_is_refused_are_told_to_who_sent_them_and_to_no_other() -> None:
    sink = FakeSink()
    sink.refuses = {"web-2"}
    mine = together(request(load(1.5)), request(load(1.5), memory(0.5), host="web-2"))
    async with intake(sink, grace=0.1) as taking:
        one, other = await asyncio.gather(taking.take(mine), taking.take(request(load(1.0), host="web-3")))
        assert one == Taken(2, "The Argus server refused web-2 is bad")
        assert other == Taken(0, "")
        assert sink.counts["points_refused"] == 2
        assert await taking.take(mine) == one, "the answer may have been lost"


async def test_a_row_that_is_refused_does_not_speak_for_the_next_one_of_its_bucket() -> None:
    sink = FakeSink()
    sink.refuses = {"web-1"}
    async with intake(sink) as taking:
        assert (await taking.take(request(load(1.5)))).rejected_points == 1
        sink.refuses.clear()
        assert await taking.take(request(memory(0.5))) == Taken(0, "")
    assert len(sink.rows) == 2


async def held(value: object) -> object:
    return value


async def test_points_that_come_in_several_requests_are_one_row() -> None:
    sink = FakeSink()
    async with intake(sink, grace=0.2) as taking:
        await asyncio.gather(taking.take(request(load(1.5))), taking.take(request(memory(0.5))))
    assert sink.rows == [("web-1", T0, {"load_average": 1.5, "mem_used_pct": 50.0})]


async def test_a_row_is_complete_when_the_next_one_begins() -> None:
    sink = FakeSink()
    async with intake(sink, grace=NEVER) as taking:
        first = asyncio.create_task(taking.take(request(load(1.0))))
        await asyncio.sleep(0)
        second = asyncio.create_task(taking.take(request(load(2.0, at=T0 + 10))))
        await first
        assert sink.rows == [("web-1", T0, {"load_average": 1.0})]
        assert not second.done()
        second.cancel()


async def test_a_backlog_in_one_request_is_a_row_for_each_time() -> None:
    sink = FakeSink()
    backlog = [cpu_time(100 + 10 * n, at=T0 + 10 * n) for n in range(60)]
    async with intake(sink) as taking:
        await taking.take(request(*backlog))
    assert [at for _, at, _ in sink.rows] == [T0 + 10 * n for n in range(1, 60)]
    assert all(row == pytest.approx(CPU) for _, _, row in sink.rows)


async def test_what_is_late_is_not_lost_and_no_duplicate() -> None:
    """A sender that waits for each answer before it sends the next part of what it measured at one time."""
    sink = FakeSink()
    async with intake(sink) as taking:
        await taking.take(request(load(1.5)))
        await taking.take(request(memory(0.5)))
        await taking.take(request(load(1.5)))  # and this one had not heard the answer
    assert sink.rows == [
        ("web-1", T0, {"load_average": 1.5}),
        ("web-1", T0 + 1, {"mem_used_pct": 50.0}),
    ]


async def test_of_several_values_those_before_the_row_is_complete_are_averaged() -> None:
    sink = FakeSink()
    async with intake(sink) as taking:
        await taking.take(request(load(1.0), load(2.0, at=T0 + 4)))
        await taking.take(request(load(9.0, at=T0 + 8)))
    assert sink.rows == [("web-1", T0, {"load_average": 1.5})]
    assert sink.counts["points_left_out"] == 1


async def test_metrics_spread_over_requests_are_told_when_they_are_whole() -> None:
    sink = FakeSink()
    async with intake(sink) as taking:
        for second in (0, 10, 20):
            at = T0 + second
            whole = cpu_time(100 + second, at=at)
            first, rest = Metric(), Metric()
            first.CopyFrom(whole)
            rest.CopyFrom(whole)
            del first.sum.data_points[5:]
            del rest.sum.data_points[:5]
            await taking.take(request(first, load(1.0, at=at)))
            await taking.take(request(rest))
    shares = {at: row for _, at, row in sink.rows if "cpu_idle_pct" in row}
    assert list(shares) == [T0 + 11, T0 + 21]
    assert all(row == pytest.approx(CPU) for row in shares.values())


async def test_a_row_that_was_not_taken_is_sent_again_as_it_was() -> None:
    sink = FakeSink()
    sink.fail = 1
    async with intake(sink) as taking:
        with pytest.raises(SourceUnavailable) as caught:
            await taking.take(request(load(1.5)))
        assert caught.value.retry_after_seconds == 7.0
        # The rest comes with the repetition: the first row may have arrived all the same, so it stays what it was.
        await taking.take(request(load(1.5), memory(0.5)))
    first = ("web-1", T0, {"load_average": 1.5})
    assert sink.tried == [first, first, ("web-1", T0 + 1, {"mem_used_pct": 50.0})]


async def test_while_the_server_is_away_nothing_is_taken() -> None:
    sink = FakeSink()
    sink.retry_after_seconds = 3.0
    async with intake(sink) as taking:
        with pytest.raises(SourceUnavailable) as caught:
            await taking.take(request(load(1.5)))
    assert caught.value.retry_after_seconds == 3.0
    assert sink.tried == []
    assert sink.counts == {"requests_put_off": 1}


async def test_no_more_requests_wait_than_may() -> None:
    sink = FakeSink()
    async with intake(sink, grace=NEVER, max_requests=1) as taking:
        waiting = asyncio.create_task(taking.take(request(load(1.5))))
        await asyncio.sleep(0)
        with pytest.raises(SourceUnavailable, match="1 requests wait"):
            await taking.take(request(load(1.5)))
        waiting.cancel()


async def test_many_servers_in_a_request_are_one_delivery() -> None:
    sink = FakeSink()
    fleet = together(*(request(load(n), host=f"web-{n}") for n in range(500)))
    async with intake(sink) as taking:
        await taking.take(fleet)
    assert {name for name, _, _ in sink.rows} == {f"web-{n}" for n in range(500)}
    assert sink.deliveries <= 5


async def test_a_request_without_rows_is_answered_at_once() -> None:
    sink = FakeSink()
    async with intake(sink, grace=NEVER) as taking:
        assert await taking.take(request()) == Taken(0, "")
        assert await taking.take(request(gauge("http.requests", 1.0))) == Taken(0, "")
        nameless = await taking.take(request(load(1.0), host=None))
    assert (sink.counts["requests"], sink.counts["points"], sink.counts["points_ignored"]) == (3, 0, 1)
    assert nameless == Taken(
        1, "system.cpu.load_average.1m names no server: neither resource nor point has one of host.name"
    )


async def test_who_waits_when_it_stops_is_told_to_send_again() -> None:
    sink = FakeSink()
    sink.gate.clear()
    async with intake(sink) as taking:
        answer = asyncio.create_task(taking.take(request(load(1.5))))
        await eventually(lambda: held(sink.tried))
    with pytest.raises(SourceUnavailable, match="Send the same again"):
        await answer


PARTS = [
    [load(1.0)],
    [memory(0.5)],
    [gauge("system.uptime", 86_400.0, at=T0)],
    [gauge("system.filesystem.utilization", {("/",): 0.5}, "mountpoint", at=T0)],
    [gauge("system.paging.utilization", {("used",): 0.1}, "state", at=T0)],
]
WHOLE = {
    "load_average": 1.0,
    "mem_used_pct": 50.0,
    "uptime_days": 1.0,
    "disk_usage_pct": 50.0,
    "swap_used_pct": pytest.approx(10.0),
}


@settings(max_examples=40, deadline=None)
@given(
    schedule=st.lists(
        st.tuples(st.lists(st.integers(0, len(PARTS) - 1), min_size=1), st.booleans(), st.booleans()),
        max_size=8,
    )
)
def test_whatever_fails_and_is_sent_again_every_column_counts_once(
    schedule: list[tuple[list[int], bool, bool]],
) -> None:
    """Requests of any parts, sent one after the other or at once, of which deliveries fail, arrived or not."""

    async def run() -> None:
        sink = FakeSink()
        async with intake(sink, grace=0.001) as taking:
            waiting = []
            for parts, fails, at_once in schedule:
                sink.fail += fails
                sent = request(*(metric for part in parts for metric in PARTS[part]))
                waiting.append(asyncio.create_task(taking.take(sent)))
                if not at_once:
                    await asyncio.wait(waiting)
            if waiting:
                await asyncio.wait(waiting)
            sink.fail = 0
            await taking.take(request(*(metric for part in PARTS for metric in part)))
        for task in waiting:
            assert task.exception() is None or isinstance(task.exception(), SourceUnavailable)
        # What the server keeps of the rows that came, whether or not it got to say so: the first of each second.
        for arrived in (sink.rows, sink.tried):
            kept: dict[float, dict[str, float]] = {}
            for _, at, row in arrived:
                kept.setdefault(at, row)
            columns = [name for row in kept.values() for name in row]
            assert len(columns) == len(set(columns))
            assert {name: value for row in kept.values() for name, value in row.items()} == WHOLE

    asyncio.run(run())
