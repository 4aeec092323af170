"""History over the wire: a day is replayed through a real server, and then asked about."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import grpc
import numpy as np
import pyarrow as pa
import pytest

from argus.v1 import admin_pb2, history_pb2, history_pb2_grpc, prediction_pb2, snapshot_pb2
from argus_server.history.schemas import ALERT_EVENTS, FLEET_RISK, METRICS_TABLE, SCHEMAS, SERVER_RISK
from argus_server.history.span import DAY_MS
from argus_server.metrics import METRICS
from tests.server.history.memory_store import MemoryStore, samples
from tests.server.running import START_MS, STEP_MS, IngestStream, Running, rows, running

NAMES = ["web-1", "web-2", "db-1"]
STEPS = 288
TICK_STEPS = 3
TROUBLE = slice(200, 230)
END_MS = START_MS + STEPS * STEP_MS
NASTY = "=HYPERLINK(1)"

Range = history_pb2.TimeRange


def measured(step: int) -> dict[str, list[float]]:
    """Metrics of the three servers at a step; the disk of the last fills up and is emptied again."""
    rng = np.random.default_rng(step)
    cpu = rng.uniform(5, 40, 3)
    disk = 97.0 if TROUBLE.start <= step < TROUBLE.stop else 40.0
    return {
        "cpu_user_pct": cpu.tolist(),
        "cpu_idle_pct": (95 - cpu).tolist(),
        **{name: [1.0] * 3 for name in ("cpu_sys_pct", "cpu_iowait_pct", "java_cpu_pct", "swap_used_pct")},
        "mem_used_pct": rng.uniform(40, 60, 3).tolist(),
        "disk_usage_pct": [40.0, 40.0, disk],
        "load_average": [2.0] * 3,
    }


def events() -> pa.RecordBatch:
    """Two alerts: one told of the trouble and resolved, the other is about nothing and fires still."""
    told, late = START_MS + 180 * STEP_MS, START_MS + 250 * STEP_MS
    lives = [
        (told, "a", "db-1", "metric", "disk_usage_pct", "fired", "warning", "", 0.9, 120.0),
        (told + 600_000, "a", "db-1", "metric", "disk_usage_pct", "acknowledged", "warning", "ann", 0.9, 110.0),
        (told + 3_600_000, "a", "db-1", "metric", "disk_usage_pct", "level_changed", "critical", "", 1.0, 0.0),
        (START_MS + 240 * STEP_MS, "a", "db-1", "metric", "disk_usage_pct", "resolved", "critical", "", 0.0, np.nan),
        (late, "b", NASTY, "risk", "", "fired", "degrading", "", np.nan, np.nan),
    ]  # fmt: skip
    columns = list(zip(*lives, strict=True))
    named = dict(
        zip(
            ("timestamp", "alert_id", "server_name", "subject", "metric", "event", "level", "actor",
             "probability", "minutes_to_breach"),
            columns,
            strict=True,
        )
    )  # fmt: skip
    named |= {"note": ["@SUM(A1)", "", "-1", "", "fine"], "cause": ["disk fills up"] * 5}
    schema = SCHEMAS[ALERT_EVENTS]
    return pa.record_batch(
        [
            pa.array(named[field.name], pa.int64()).cast(field.type)
            if field.name == "timestamp"
            else pa.array(named[field.name], field.type)
            for field in schema
        ],
        schema=schema,
    )


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="module")
def replayed(store: MemoryStore) -> MemoryStore:
    """What is left of a day that a server saw; the server itself has been stopped since."""

    async def replay() -> None:
        async with running(store=store) as argus:
            stream = IngestStream(argus.ingest)
            await stream.hello()
            for number, first in enumerate(range(0, STEPS, TICK_STEPS), 1):
                for step in range(first, first + TICK_STEPS):
                    times = [START_MS + step * STEP_MS] * 3
                    store.append(
                        METRICS_TABLE,
                        samples(NAMES, times, {k: np.array(v) for k, v in measured(step).items()}),
                    )
                    batch = rows(NAMES, times, **measured(step))
                    await stream.send(number * TICK_STEPS + step - first, batch)
                await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())
        store.append(ALERT_EVENTS, events())

    asyncio.run(replay())
    return store


@pytest.fixture
async def argus(replayed: MemoryStore) -> AsyncIterator[Running]:
    async with running(store=replayed) as started:
        yield started


@pytest.fixture
def history(argus: Running) -> Any:
    return history_pb2_grpc.HistoryServiceStub(argus.channel)


def day() -> Range:
    return Range(start_ms=START_MS, end_ms=END_MS)


async def refusal(call: Awaitable[Any], code: grpc.StatusCode) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is code
    return str(caught.value.details())


async def exported(history: Any, **request: Any) -> bytes:
    chunks = [
        message.chunk async for message in history.ExportHistory(history_pb2.ExportHistoryRequest(**request))
    ]
    assert all(0 < len(chunk) <= 1 << 20 for chunk in chunks)
    return b"".join(chunks)


async def test_the_summary_of_the_day(history: Any) -> None:
    made = await history.GetHistorySummary(history_pb2.GetHistorySummaryRequest(range=day()))

    assert (made.start_ms, made.end_ms, made.servers) == (START_MS, END_MS, 3)
    assert (made.alerts, made.critical_alerts, made.acknowledged_alerts, made.resolved_alerts) == (2, 1, 1, 1)
    assert made.resolution_ratio == 0.5
    assert made.mean_time_to_resolve_seconds == 60 * 300
    assert made.mean_time_to_acknowledge_seconds == 600
    assert (made.incidents, made.servers_with_incidents, made.predicted_incidents) == (1, 1, 1)
    assert made.predicted_ratio == 1.0
    assert made.mean_lead_seconds == 20 * 300


@pytest.mark.parametrize(
    ("first", "end", "alerts", "resolved", "incidents", "predicted"),
    [(0, 180, 0, 0, 0, 0), (0, 181, 1, 0, 0, 0), (181, 288, 1, 0, 1, 1), (201, 260, 1, 0, 0, 0)],
)
async def test_summaries_of_parts_of_it(
    history: Any, first: int, end: int, alerts: int, resolved: int, incidents: int, predicted: int
) -> None:
    span = Range(start_ms=START_MS + first * STEP_MS, end_ms=START_MS + end * STEP_MS)
    made = await history.GetHistorySummary(history_pb2.GetHistorySummaryRequest(range=span))
    found = (made.alerts, made.resolved_alerts, made.incidents, made.predicted_incidents)
    assert found == (alerts, resolved, incidents, predicted)
    assert np.isnan(made.resolution_ratio) == (alerts == 0)
    assert np.isnan(made.mean_lead_seconds) == (predicted == 0)


async def test_alert_events_newest_kept_oldest_first(history: Any) -> None:
    made = await history.ListAlertEvents(history_pb2.ListAlertEventsRequest(range=day()))
    assert [event.event for event in made.events] == [
        *("fired", "acknowledged", "level_changed", "resolved"),
        "fired",
    ]
    first = made.events[0]
    assert (first.server_name, METRICS[first.metric - 1], first.level) == (
        "db-1",
        "disk_usage_pct",
        snapshot_pb2.ALERT_LEVEL_WARNING,
    )
    assert made.events[1].actor == "ann"
    assert made.events[4].metric == 0
    assert np.isnan(made.events[4].probability)

    made = await history.ListAlertEvents(history_pb2.ListAlertEventsRequest(range=day(), limit=2))
    assert ([event.event for event in made.events], made.total) == (["resolved", "fired"], 5)
    made = await history.ListAlertEvents(
        history_pb2.ListAlertEventsRequest(range=day(), servers=[NASTY, "nobody"])
    )
    assert [event.alert_id for event in made.events] == ["b"]


async def test_a_server_as_it_was(history: Any, replayed: MemoryStore) -> None:
    request = history_pb2.GetServerHistoryRequest(
        server_name="db-1", range=day(), metrics=[8], horizon_minutes=30, max_points=288
    )
    made = await history.GetServerHistory(request)

    assert (made.bucket_seconds, made.horizon_minutes, len(made.timestamp)) == (300, 30, 288)
    [disk] = made.metrics
    assert disk.actual == [measured(step)["disk_usage_pct"][2] for step in range(STEPS)]
    assert disk.minimum == disk.maximum == disk.actual
    recorded = {
        int(row["timestamp"].timestamp()): row["risk_score"]
        for row in replayed.rows(SERVER_RISK).to_pylist()
        if row["server_name"] == "db-1"
    }
    assert len(recorded) >= STEPS / TICK_STEPS - 1
    assert np.nanmax(made.risk_score) == pytest.approx(max(recorded.values()))
    assert max(recorded.values()) > 60 > min(recorded.values())
    # What was forecast half an hour before a quiet time is what came.
    foretold = np.array(disk.p50)
    assert np.isfinite(foretold).sum() > STEPS / TICK_STEPS / 2
    quiet = np.isfinite(foretold[: TROUBLE.start])
    np.testing.assert_allclose(foretold[: TROUBLE.start][quiet], 40.0, rtol=0.01)


async def test_a_server_nobody_knows_is_not_found_and_a_quiet_one_is_empty(history: Any) -> None:
    request = history_pb2.GetServerHistoryRequest(server_name="nobody", range=day())
    said = await refusal(history.GetServerHistory(request), grpc.StatusCode.NOT_FOUND)
    assert "'nobody' is not in the fleet" in said

    later = Range(start_ms=END_MS + DAY_MS, end_ms=END_MS + 2 * DAY_MS)
    request = history_pb2.GetServerHistoryRequest(server_name="web-1", range=later)
    await refusal(history.GetServerHistory(request), grpc.StatusCode.NOT_FOUND)


async def test_a_server_of_the_fleet_has_an_empty_past_where_nothing_is_recorded(
    replayed: MemoryStore,
) -> None:
    async with running(store=MemoryStore()) as argus:
        stream = IngestStream(argus.ingest)
        await stream.hello()
        await stream.send(1, rows(["web-1"], [START_MS]))
        await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())
        stub: Any = history_pb2_grpc.HistoryServiceStub(argus.channel)
        made = await stub.GetServerHistory(
            history_pb2.GetServerHistoryRequest(
                server_name="web-1", range=Range(start_ms=1, end_ms=DAY_MS), max_points=4
            )
        )
        assert (len(made.timestamp), len(made.metrics)) == (4, 0)
        assert np.isnan(made.risk_score).all()
        summary = await stub.GetHistorySummary(history_pb2.GetHistorySummaryRequest(range=Range(length_ms=1)))
        assert summary.alerts == summary.incidents == 0


async def test_the_fleet_as_it_was(history: Any, replayed: MemoryStore) -> None:
    made = await history.GetFleetHistory(history_pb2.GetFleetHistoryRequest(range=day(), max_points=24))

    table = replayed.rows(FLEET_RISK).to_pylist()
    assert 0 < len(made.timestamp) <= 24
    assert np.nanmax(made.maximum_risk) == pytest.approx(max(row["maximum_risk"] for row in table))
    assert np.nanmax(made.critical_count_maximum) == max(row["critical_count"] for row in table)
    for place, start in enumerate(made.timestamp):
        inside = [
            row
            for row in table
            if start <= row["timestamp"].timestamp() * 1000 < start + 1000 * made.bucket_seconds
        ]
        wanted = np.mean([row["average_risk"] for row in inside]) if inside else np.nan
        np.testing.assert_allclose(made.average_risk[place], wanted, rtol=1e-5)
        np.testing.assert_allclose(made.total_servers[place], 3 if inside else np.nan)


@pytest.mark.parametrize(
    ("method", "request_", "says"),
    [
        ("GetHistorySummary", history_pb2.GetHistorySummaryRequest(), "has no start"),
        ("GetHistorySummary", history_pb2.GetHistorySummaryRequest(range=Range(length_ms=32 * DAY_MS)), "31 days"),
        ("GetFleetHistory", history_pb2.GetFleetHistoryRequest(range=Range(start_ms=9, end_ms=8)), "starts at 9"),
        ("GetFleetHistory", history_pb2.GetFleetHistoryRequest(range=Range(length_ms=2**62)), "366 days"),
        ("GetFleetHistory", history_pb2.GetFleetHistoryRequest(range=day(), max_points=5001), "max_points"),
        ("ListAlertEvents", history_pb2.ListAlertEventsRequest(range=day(), limit=10_001), "limit"),
        ("ListAlertEvents", history_pb2.ListAlertEventsRequest(range=Range(start_ms=-1)), "start_ms"),
        ("GetServerHistory", history_pb2.GetServerHistoryRequest(range=day()), "server_name"),
        (
            "GetServerHistory",
            history_pb2.GetServerHistoryRequest(server_name="web-1", range=day(), horizon_minutes=45),
            "45 minutes ahead, but 30, 60, 120, 240, 480",
        ),
        (
            "GetServerHistory",
            history_pb2.GetServerHistoryRequest(server_name="web-1", range=day(), metrics=[0]),
            "METRIC_UNSPECIFIED",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_is_refused_by_name(
    history: Any, method: str, request_: Any, says: str
) -> None:
    assert says in await refusal(getattr(history, method)(request_), grpc.StatusCode.INVALID_ARGUMENT)


async def test_an_export_as_arrow_is_the_table(history: Any, replayed: MemoryStore) -> None:
    for table in (METRICS_TABLE, SERVER_RISK, FLEET_RISK, "forecasts", ALERT_EVENTS):
        number = history_pb2.HistoryTable.Value(f"HISTORY_TABLE_{table.upper()}")
        data = await exported(history, table=number, format=history_pb2.EXPORT_FORMAT_ARROW, range=day())
        with pa.ipc.open_stream(data) as reader:
            found = reader.read_all()
        order = [(name, "ascending") for name in found.column_names[:4]]
        wanted = replayed.rows(table)
        assert found.schema.equals(wanted.schema), table
        assert len(found) == len(wanted) > 0
        assert str(found.sort_by(order).to_pylist()) == str(wanted.sort_by(order).to_pylist())


async def test_an_export_without_a_range_has_everything_and_servers_are_chosen(history: Any) -> None:
    data = await exported(
        history,
        table=history_pb2.HISTORY_TABLE_METRICS,
        format=history_pb2.EXPORT_FORMAT_ARROW,
        range=Range(end_ms=END_MS),
        servers=["web-2", "nobody"],
    )
    found = pa.ipc.open_stream(data).read_all()
    assert set(found["server_name"].to_pylist()) == {"web-2"}
    assert len(found) == STEPS


async def test_a_spreadsheet_finds_no_formula_in_an_export(history: Any) -> None:
    data = await exported(
        history,
        table=history_pb2.HISTORY_TABLE_ALERT_EVENTS,
        format=history_pb2.EXPORT_FORMAT_CSV,
        range=day(),
    )
    found = pa.csv.read_csv(pa.BufferReader(data))
    assert found.column_names == SCHEMAS[ALERT_EVENTS].names
    assert set(found["note"].to_pylist()) == {"'@SUM(A1)", "", "'-1", "fine"}
    assert f"'{NASTY}" in found["server_name"].to_pylist()


async def test_an_export_that_cannot_be_is_refused(history: Any) -> None:
    arrow, metrics = history_pb2.EXPORT_FORMAT_ARROW, history_pb2.HISTORY_TABLE_METRICS
    for request, says in (
        ({"format": arrow, "range": day()}, "no table"),
        ({"table": metrics, "range": day()}, "no format"),
        ({"table": metrics, "format": arrow, "range": Range(start_ms=5, end_ms=4)}, "starts at 5"),
        ({"table": history_pb2.HISTORY_TABLE_FLEET_RISK, "format": arrow, "servers": ["a"]}, "no servers"),
    ):
        assert says in await refusal(exported(history, **request), grpc.StatusCode.INVALID_ARGUMENT)


class Endless(MemoryStore):
    """A table that never ends; says when it is no longer read."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0
        self.left = threading.Event()

    def read(self, table: str, *args: Any, **kwargs: Any) -> Iterator[pa.RecordBatch]:
        if table != METRICS_TABLE:
            return iter(())
        return self._forever()

    def _forever(self) -> Iterator[pa.RecordBatch]:
        names = [f"web-{number}" for number in range(5000)]
        batch = samples(names, [START_MS] * len(names))
        try:
            while True:
                self.given += batch.num_rows
                yield batch
        finally:
            self.left.set()


async def until_left(store: Endless) -> None:
    assert await asyncio.to_thread(store.left.wait, 30)


async def test_an_export_is_made_no_faster_than_it_is_read_and_ends_with_its_reader() -> None:
    store = Endless()
    async with running(store=store) as argus:
        stub: Any = history_pb2_grpc.HistoryServiceStub(argus.channel)
        call = stub.ExportHistory(
            history_pb2.ExportHistoryRequest(
                table=history_pb2.HISTORY_TABLE_METRICS, format=history_pb2.EXPORT_FORMAT_ARROW
            )
        )
        for _ in range(3):
            assert len((await call.read()).chunk) == 1 << 20
        # Buffers of the transport hold some megabytes; the rest waits where it is.
        before = -1
        while before != store.given:
            before = store.given
            await asyncio.sleep(0.3)
        assert store.given * 70 < 64 << 20
        call.cancel()
        await until_left(store)


async def test_a_question_nobody_waits_for_is_called_off() -> None:
    store = Endless()
    async with running(store=store) as argus:
        stub: Any = history_pb2_grpc.HistoryServiceStub(argus.channel)
        call = stub.GetHistorySummary(history_pb2.GetHistorySummaryRequest(range=day()), timeout=1.0)
        await refusal(call, grpc.StatusCode.DEADLINE_EXCEEDED)
        await until_left(store)


async def test_too_many_questions_at_once_are_told_to_come_back() -> None:
    store = Endless()
    async with running(store=store) as argus:
        stub: Any = history_pb2_grpc.HistoryServiceStub(argus.channel)
        request = history_pb2.GetHistorySummaryRequest(range=day())
        calls = [stub.GetHistorySummary(request) for _ in range(17)]
        done, _ = await asyncio.wait(
            [asyncio.ensure_future(call.code()) for call in calls], return_when=asyncio.FIRST_COMPLETED
        )
        assert [one.result() for one in done] == [grpc.StatusCode.UNAVAILABLE]
        for call in calls:
            call.cancel()
        await until_left(store)


async def test_a_server_without_a_store_has_no_history() -> None:
    async with running() as argus:
        info = await argus.admin.GetServerInfo(admin_pb2.GetServerInfoRequest())
        assert "argus.v1.HistoryService" not in info.capabilities
        stub: Any = history_pb2_grpc.HistoryServiceStub(argus.channel)
        call = stub.GetHistorySummary(history_pb2.GetHistorySummaryRequest(range=day()))
        await refusal(call, grpc.StatusCode.UNIMPLEMENTED)


async def test_a_server_with_a_store_says_so(argus: Running) -> None:
    info = await argus.admin.GetServerInfo(admin_pb2.GetServerInfoRequest())
    assert "argus.v1.HistoryService" in info.capabilities
