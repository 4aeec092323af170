"""History over the wire: a day is replayed through a real server, and then asked about."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pyarrow as pa
import pytest

from argus.v1 import (
    admin_pb2,
    alert_pb2,
    alert_pb2_grpc,
    history_pb2,
    history_pb2_grpc,
    prediction_pb2,
    snapshot_pb2,
)
from argus_server.history.schemas import ALERT_EVENTS, FLEET_RISK, SCHEMAS, SERVER_RISK
from argus_server.history.span import DAY_MS
from argus_server.metrics import METRICS
from argus_server.store.catalog import Part
from argus_server.store.tables import METRICS_SCHEMA, METRICS_TABLE
from tests.server.running import START_MS, STEP_MS, IngestStream, Running, rows, running
from tests.server.store.rows import spoil
from tests.waiting import eventually

NAMES = ["web-1", "=HYPERLINK(1)", "db-1"]
STEPS = 288
ACKNOWLEDGED_STEP = 203
PENDING_STEP = 256  # when the risk that the full disk makes has not lasted long enough to fire
END_MS = START_MS + STEPS * STEP_MS

Range = history_pb2.TimeRange


def measured(step: int) -> dict[str, list[float]]:
    """Metrics of the three servers at a step. The disk of one fills up slowly and is emptied, that of another is full
    all of a sudden and stays so."""
    rng = np.random.default_rng(step)
    cpu = rng.uniform(5, 40, 3)
    slow = 40.0 + 57.0 * (step - 100) / 100 if 100 <= step < 220 else 40.0
    sudden = 98.0 if step >= 250 else 40.0
    return {
        "cpu_user_pct": cpu.tolist(),
        "cpu_idle_pct": (95 - cpu).tolist(),
        **{name: [1.0] * 3 for name in ("cpu_sys_pct", "cpu_iowait_pct", "java_cpu_pct", "swap_used_pct")},
        "mem_used_pct": rng.uniform(40, 60, 3).tolist(),
        "disk_usage_pct": [40.0, sudden, min(slow, 100.0)],
        "load_average": [2.0] * 3,
    }


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a server that saw a day, and has been stopped since."""
    data_dir = tmp_path_factory.mktemp("data")

    async def replay() -> None:
        async with running(data_dir=data_dir) as argus:
            alerts: Any = alert_pb2_grpc.AlertServiceStub(argus.channel)
            stream = IngestStream(argus.ingest)
            await stream.hello()
            for step in range(STEPS):
                times = [START_MS + step * STEP_MS] * 3
                await stream.send(step + 1, rows(NAMES, times, **measured(step)))
                await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())
                if step in (PENDING_STEP, ACKNOWLEDGED_STEP):
                    pending = step == PENDING_STEP
                    state = snapshot_pb2.ALERT_STATE_PENDING if pending else snapshot_pb2.ALERT_STATE_FIRING
                    listed = await alerts.ListAlerts(alert_pb2.ListAlertsRequest(states=[state]))
                    for alert in listed.alerts:
                        await alerts.AcknowledgeAlert(
                            alert_pb2.AcknowledgeAlertRequest(alert_id=alert.alert_id, author="@ann")
                        )

    asyncio.run(replay())
    return data_dir


@pytest.fixture
async def argus(replayed: Path) -> AsyncIterator[Running]:
    async with running(data_dir=replayed) as started:
        yield started


def recorded(argus: Running, table: str) -> pa.Table:
    """All rows of a table, past the service."""
    store = argus.server._store
    assert store is not None
    return pa.Table.from_batches(store.read(table, 0, 1 << 52), schema=store.schema(table))


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


class Slow:
    """What a span should be summed up as, worked out event by event and step by step."""

    def __init__(self, argus: Running, start_ms: int, end_ms: int) -> None:
        events = [
            {**row, "at": int(row["timestamp"].timestamp() * 1000)}
            for row in recorded(argus, ALERT_EVENTS).sort_by("sequence").to_pylist()
        ]
        events = [event for event in events if event["at"] < end_ms]
        ids = dict.fromkeys(event["alert_id"] for event in events if event["event"] == "fired")
        self.lives = {
            alert_id: [event for event in events if event["alert_id"] == alert_id] for alert_id in ids
        }
        self.fired = {
            alert_id: first
            for alert_id, life in self.lives.items()
            if (first := next(event["at"] for event in life if event["event"] == "fired")) >= start_ms
        }
        self.resolved = self.seconds("resolved")
        self.acknowledged = self.seconds("acknowledged")
        self.critical = [
            alert_id
            for alert_id in self.fired
            if any(
                event["level"] == "critical" and event["at"] >= self.fired[alert_id]
                for event in self.lives[alert_id]
            )
        ]
        self.leads: list[float | None] = []
        for name, first in (("db-1", 197), ("=HYPERLINK(1)", 250)):  # 95 % of the disk are critical
            if start_ms <= (begun := START_MS + first * STEP_MS) < end_ms:
                self.leads.append(self.lead(name, begun))

    def seconds(self, kind: str) -> list[float]:
        """From firing to an event of each alert that had one; the last for "resolved", the first otherwise."""
        out = []
        for alert_id, fired in self.fired.items():
            times = [event["at"] for event in self.lives[alert_id] if event["event"] == kind]
            again = [event["at"] for event in self.lives[alert_id] if event["event"] == "reopened"]
            if times and not (kind == "resolved" and again and max(again) > max(times)):
                seconds = ((max if kind == "resolved" else min)(times) - fired) / 1000
                out.append(0.0 if kind == "acknowledged" and seconds < 0 else seconds)
        return out

    def lead(self, name: str, begun: int) -> float | None:
        since = []
        for life in self.lives.values():
            if life[0]["server_name"] != name or life[0]["metric"] not in ("", "disk_usage_pct"):
                continue
            firing = None
            for event in life:
                if event["at"] < begun and event["event"] in ("fired", "reopened"):
                    firing = event["at"]
                if event["at"] < begun and event["event"] == "resolved":
                    firing = None
            if firing is not None:
                since.append(firing)
        return (begun - min(since)) / 1000 if since else None


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


@pytest.mark.parametrize(
    ("first", "end"), [(0, 288), (0, 150), (150, 198), (190, 288), (198, 250), (251, 288)]
)
async def test_a_summary_is_what_a_slow_computation_finds(
    history: Any, argus: Running, first: int, end: int
) -> None:
    start_ms, end_ms = START_MS + first * STEP_MS, START_MS + end * STEP_MS
    made = await history.GetHistorySummary(
        history_pb2.GetHistorySummaryRequest(range=Range(start_ms=start_ms, end_ms=end_ms))
    )

    slow = Slow(argus, start_ms, end_ms)
    told = [lead for lead in slow.leads if lead is not None]
    assert (made.start_ms, made.end_ms, made.servers) == (start_ms, end_ms, 3)
    assert (made.alerts, made.critical_alerts) == (len(slow.fired), len(slow.critical))
    assert (made.resolved_alerts, made.acknowledged_alerts) == (len(slow.resolved), len(slow.acknowledged))
    np.testing.assert_allclose(made.mean_time_to_resolve_seconds, mean(slow.resolved))
    np.testing.assert_allclose(made.mean_time_to_acknowledge_seconds, mean(slow.acknowledged))
    assert (made.incidents, made.predicted_incidents) == (len(slow.leads), len(told))
    assert made.servers_with_incidents == len(slow.leads)
    np.testing.assert_allclose(made.mean_lead_seconds, mean(told))
    if made.alerts:
        assert made.resolution_ratio == pytest.approx(made.resolved_alerts / made.alerts)
    else:
        assert np.isnan(made.resolution_ratio)


async def test_the_day_has_something_of_everything(history: Any, argus: Running) -> None:
    """Or the test above would compare nothing with nothing."""
    made = await history.GetHistorySummary(history_pb2.GetHistorySummaryRequest(range=day()))
    assert made.alerts > made.resolved_alerts > 0
    slow = Slow(argus, START_MS, END_MS)
    early = [
        alert_id
        for alert_id, fired in slow.fired.items()
        if any(e["event"] == "acknowledged" and e["at"] < fired for e in slow.lives[alert_id])
    ]
    assert early, "one was acknowledged before it fired"
    assert made.critical_alerts > 0
    assert made.acknowledged_alerts > 0
    assert (made.incidents, made.predicted_incidents) == (2, 1)
    assert made.mean_lead_seconds > 600


async def test_alert_events_newest_kept_oldest_first(history: Any, argus: Running) -> None:
    made = await history.ListAlertEvents(history_pb2.ListAlertEventsRequest(range=day()))

    table = recorded(argus, ALERT_EVENTS).sort_by("sequence").to_pylist()
    assert [event.event for event in made.events] == [row["event"] for row in table]
    assert made.total == len(table) > 5
    for event, row in zip(made.events, table, strict=True):
        assert (event.server_name, event.alert_id) == (row["server_name"], row["alert_id"])
        assert event.detail == row["detail"]
        assert METRICS[event.metric - 1] == row["metric"] if event.metric else row["metric"] == ""
    [acknowledged] = {event.author for event in made.events if event.event == "acknowledged"}
    assert acknowledged == "@ann"

    newest = await history.ListAlertEvents(history_pb2.ListAlertEventsRequest(range=day(), limit=2))
    assert (list(newest.events), newest.total) == (list(made.events)[-2:], made.total)
    of_one = await history.ListAlertEvents(
        history_pb2.ListAlertEventsRequest(range=day(), servers=["=HYPERLINK(1)", "nobody"])
    )
    assert {event.server_name for event in of_one.events} == {"=HYPERLINK(1)"}


async def test_a_server_as_it_was(history: Any, argus: Running) -> None:
    request = history_pb2.GetServerHistoryRequest(
        server_name="db-1", range=day(), metrics=[8], horizon_minutes=30, max_points=288
    )
    made = await history.GetServerHistory(request)

    assert (made.bucket_seconds, made.horizon_minutes, len(made.timestamp)) == (300, 30, 288)
    [disk] = made.metrics
    np.testing.assert_allclose(
        disk.actual, [measured(step)["disk_usage_pct"][2] for step in range(STEPS)], rtol=1e-6
    )
    assert disk.minimum == disk.maximum == disk.actual
    scores = {
        int(row["timestamp"].timestamp()): row["risk_score"]
        for row in recorded(argus, SERVER_RISK).to_pylist()
        if row["server_name"] == "db-1"
    }
    assert len(scores) >= STEPS - 3
    assert np.nanmax(made.risk_score) == pytest.approx(max(scores.values()))
    assert max(scores.values()) > 60 > min(scores.values())
    # What was forecast half an hour before a quiet time is what came.
    foretold = np.array(disk.p50)
    assert np.isfinite(foretold).sum() > STEPS / 6
    quiet = foretold[:100][np.isfinite(foretold[:100])]
    np.testing.assert_allclose(quiet, 40.0, rtol=0.01)


async def test_a_server_nobody_knows_is_not_found_and_one_of_the_fleet_has_an_empty_past(
    history: Any,
) -> None:
    request = history_pb2.GetServerHistoryRequest(server_name="nobody", range=day())
    said = await refusal(history.GetServerHistory(request), grpc.StatusCode.NOT_FOUND)
    assert "'nobody' is not in the fleet" in said

    before = Range(start_ms=1, end_ms=DAY_MS)
    made = await history.GetServerHistory(
        history_pb2.GetServerHistoryRequest(server_name="web-1", range=before, max_points=4)
    )
    assert (len(made.timestamp), len(made.metrics)) == (4, 0)
    assert np.isnan(made.risk_score).all()
    made = await history.GetFleetHistory(history_pb2.GetFleetHistoryRequest(range=before, max_points=4))
    assert np.isnan(made.average_risk).all()
    summary = await history.GetHistorySummary(history_pb2.GetHistorySummaryRequest(range=before))
    assert summary.servers == summary.alerts == summary.incidents == 0
    events = await history.ListAlertEvents(history_pb2.ListAlertEventsRequest(range=before))
    assert (len(events.events), events.total) == (0, 0)


async def test_a_span_may_end_now(history: Any) -> None:
    made = await history.GetHistorySummary(
        history_pb2.GetHistorySummaryRequest(range=Range(length_ms=STEPS * STEP_MS))
    )
    assert made.end_ms == END_MS - STEP_MS + 1
    assert made.incidents == 2


async def test_the_fleet_as_it_was(history: Any, argus: Running) -> None:
    made = await history.GetFleetHistory(history_pb2.GetFleetHistoryRequest(range=day(), max_points=24))

    table = recorded(argus, FLEET_RISK).to_pylist()
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
        ("GetFleetHistory", history_pb2.GetFleetHistoryRequest(range=Range(start_ms=9, end_ms=8)), "starts at 1970"),
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


async def test_an_export_as_arrow_is_the_table(history: Any, argus: Running) -> None:
    for table in (METRICS_TABLE, SERVER_RISK, FLEET_RISK, "forecasts", ALERT_EVENTS):
        number = history_pb2.HistoryTable.Value(f"HISTORY_TABLE_{table.upper()}")
        data = await exported(history, table=number, format=history_pb2.EXPORT_FORMAT_ARROW, range=day())
        with pa.ipc.open_stream(data) as reader:
            found = reader.read_all()
        order = [(name, "ascending") for name in found.column_names[:4]]
        wanted = recorded(argus, table)
        assert found.schema.equals(wanted.schema), table
        assert len(found) == len(wanted) > 0
        assert str(found.sort_by(order).to_pylist()) == str(wanted.sort_by(order).to_pylist())


async def test_an_export_without_a_range_has_everything_and_servers_are_chosen(history: Any) -> None:
    data = await exported(
        history,
        table=history_pb2.HISTORY_TABLE_METRICS,
        format=history_pb2.EXPORT_FORMAT_ARROW,
        range=Range(end_ms=END_MS),
        servers=["web-1", "nobody"],
    )
    found = pa.ipc.open_stream(data).read_all()
    assert set(found["server_name"].to_pylist()) == {"web-1"}
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
    names = set(found["server_name"].to_pylist())
    assert names >= {"'=HYPERLINK(1)", "db-1"}
    assert not [name for name in names if name.startswith("=")]
    assert set(found["author"].to_pylist()) == {"", "'@ann"}


async def test_an_export_that_cannot_be_is_refused(history: Any) -> None:
    arrow, metrics = history_pb2.EXPORT_FORMAT_ARROW, history_pb2.HISTORY_TABLE_METRICS
    for request, says in (
        ({"format": arrow, "range": day()}, "no table"),
        ({"table": metrics, "range": day()}, "no format"),
        (
            {"table": metrics, "format": arrow, "range": Range(start_ms=5, end_ms=4)},
            "starts at 1970-01-01T00:00:00.005Z",
        ),
        ({"table": history_pb2.HISTORY_TABLE_FLEET_RISK, "format": arrow, "servers": ["a"]}, "no servers"),
    ):
        assert says in await refusal(exported(history, **request), grpc.StatusCode.INVALID_ARGUMENT)


class Endless:
    """Stands in for a store's `read`: a table that never ends. Knows when it is no longer read."""

    def __init__(self) -> None:
        self.given = 0
        self.left = threading.Event()

    def read(self, table: str, start_ms: int, *args: Any, **kwargs: Any) -> Iterator[pa.RecordBatch]:
        return self._forever(start_ms) if table == METRICS_TABLE else iter(())

    def _forever(self, start_ms: int) -> Iterator[pa.RecordBatch]:
        names = [f"web-{number}" for number in range(5000)]
        columns = {field.name: np.zeros(len(names)) for field in METRICS_SCHEMA}
        columns |= {"server_name": names, "timestamp": [start_ms] * len(names)}
        batch = pa.record_batch(
            [pa.array(columns[field.name]).cast(field.type) for field in METRICS_SCHEMA],
            schema=METRICS_SCHEMA,
        )
        try:
            while True:
                self.given += batch.num_rows
                yield batch
        finally:
            self.left.set()

    async def until_left(self) -> None:
        assert await asyncio.to_thread(self.left.wait, 30)


@pytest.fixture
async def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Endless, Any]]:
    """A table without end, and a stub to ask about it."""
    table = Endless()
    async with running(data_dir=tmp_path) as argus:
        monkeypatch.setattr(argus.server._store, "read", table.read)
        yield table, history_pb2_grpc.HistoryServiceStub(argus.channel)


async def test_an_export_is_made_no_faster_than_it_is_read_and_ends_with_its_reader(
    endless: tuple[Endless, Any],
) -> None:
    table, stub = endless
    call = stub.ExportHistory(
        history_pb2.ExportHistoryRequest(
            table=history_pb2.HISTORY_TABLE_METRICS, format=history_pb2.EXPORT_FORMAT_ARROW
        )
    )
    for _ in range(3):
        assert len((await call.read()).chunk) == 1 << 20
    # Buffers of the transport hold some megabytes; the rest waits where it is.
    before = -1
    while before != table.given:
        before = table.given
        await asyncio.sleep(0.3)
    assert table.given * 70 < 64 << 20
    call.cancel()
    await table.until_left()


async def test_a_question_nobody_waits_for_is_called_off(endless: tuple[Endless, Any]) -> None:
    table, stub = endless
    call = stub.GetHistorySummary(history_pb2.GetHistorySummaryRequest(range=day()), timeout=1.0)
    await refusal(call, grpc.StatusCode.DEADLINE_EXCEEDED)
    await table.until_left()


async def test_too_many_questions_at_once_are_told_to_come_back(endless: tuple[Endless, Any]) -> None:
    table, stub = endless
    request = history_pb2.GetHistorySummaryRequest(range=day())
    calls = [stub.GetHistorySummary(request) for _ in range(17)]
    done, _ = await asyncio.wait(
        [asyncio.ensure_future(call.code()) for call in calls], return_when=asyncio.FIRST_COMPLETED
    )
    assert [one.result() for one in done] == [grpc.StatusCode.UNAVAILABLE]
    for call in calls:
        call.cancel()
    await table.until_left()


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


async def rolled_part(argus: Running) -> Part:
    """Sends a minute of all servers, and waits until it is a Parquet file."""
    stream = IngestStream(argus.ingest)
    await stream.hello()
    await stream.send(1, rows(NAMES, [START_MS] * 3, **measured(0)))
    store = argus.server._store
    assert store is not None
    catalog = store.catalog(METRICS_TABLE)
    await asyncio.wrap_future(store._writer.rotate())

    async def rolled() -> object:
        return catalog.parts

    await eventually(rolled)
    (part,) = catalog.parts
    return part


async def test_a_damaged_file_is_named_and_none_of_its_rows_is_told(tmp_path: Path) -> None:
    async with running(data_dir=tmp_path) as argus:
        part = await rolled_part(argus)
        spoil(part.path)
        history = history_pb2_grpc.HistoryServiceStub(argus.channel)
        metrics, arrow = history_pb2.HISTORY_TABLE_METRICS, history_pb2.EXPORT_FORMAT_ARROW
        name = "/".join(part.path.parts[-3:])
        assert name.startswith("metrics/date=2023-11-14/")
        for call in (
            exported(history, table=metrics, format=arrow),
            history.GetServerHistory(history_pb2.GetServerHistoryRequest(server_name=NAMES[0], range=day())),
        ):
            said = await refusal(call, grpc.StatusCode.DATA_LOSS)
            assert said.startswith(f"{name} of the server's data directory is damaged")
            assert "argus store verify" in said
            assert str(tmp_path) not in said
        fleet = await history.GetFleetHistory(history_pb2.GetFleetHistoryRequest(range=day()))
        assert fleet.timestamp, "what needs no damaged file is answered"


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "Too many open files"), pa.ArrowMemoryError("none")])
async def test_a_shortage_is_no_damage_and_worth_another_try(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(data_dir=tmp_path) as argus:
        await rolled_part(argus)

        def short(*_: object) -> None:
            raise error

        history = history_pb2_grpc.HistoryServiceStub(argus.channel)
        request = history_pb2.GetServerHistoryRequest(server_name=NAMES[0], range=day())
        with monkeypatch.context() as patch:
            patch.setattr("argus_server.store.footer.check", short)
            said = await refusal(history.GetServerHistory(request), grpc.StatusCode.UNAVAILABLE)
        assert "no file descriptor or no memory left" in said
        assert (await history.GetServerHistory(request)).timestamp
