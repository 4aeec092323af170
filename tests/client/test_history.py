"""Questions about history over the wire, both twins through the same tests."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from argus.v1 import history_pb2
from argus_client import AlertLevel, InvalidArgument, NotFound, ServerError, Unimplemented
from argus_client._history_calls import length_of, time_range
from argus_client.testing import FakeServer

from .conftest import Twin

NAN = float("nan")
DAY_MS = 86_400_000
BUCKETS = [1_750_000_000_000, 1_750_000_300_000]


@pytest.fixture
def server(server: FakeServer) -> FakeServer:
    server.history.summary = history_pb2.GetHistorySummaryResponse(
        start_ms=1,
        end_ms=2,
        watched_since_ms=1,
        alerts=4,
        critical_alerts=1,
        resolution_ratio=0.5,
        mean_lead_seconds=NAN,
    )
    server.history.events = history_pb2.ListAlertEventsResponse(
        total=9,
        events=[
            history_pb2.AlertEvent(
                alert_id="a",
                server_name="db-1",
                metric=8,
                at_ms=BUCKETS[0],
                event="fired",
                level=4,
                subject=1,
                probability=0.9,
                detail="disk fills up",
            )
        ],
    )
    server.history.servers["db-1"] = history_pb2.GetServerHistoryResponse(
        server_name="db-1",
        bucket_seconds=300,
        timestamp=BUCKETS,
        risk_score=[10, NAN],
        risk_score_maximum=[12, NAN],
        breach_probability_30m=[0, NAN],
        breach_probability_8h=[0.5, NAN],
        horizon_minutes=60,
        metrics=[
            history_pb2.MetricHistory(
                metric=8, actual=[40, 41], minimum=[39, 40], maximum=[41, 42], p10=[30, 31], p50=[40, 41], p90=[50, NAN]
            ),
            history_pb2.MetricHistory(metric=99, actual=[1, 2]),  # type: ignore[arg-type]
        ],
    )  # fmt: skip
    names = [field.name for field in history_pb2.GetFleetHistoryResponse.DESCRIPTOR.fields][2:]
    server.history.fleet = history_pb2.GetFleetHistoryResponse(
        bucket_seconds=60, timestamp=BUCKETS, **{name: [index, NAN] for index, name in enumerate(names)}
    )
    server.history.chunks = [b"abc", b"", b"def"]
    return server


async def collected(twin: Twin, client: Any, *args: Any, **options: Any) -> bytes:
    chunks = client.history.export(*args, **options)
    if hasattr(chunks, "__aiter__"):
        return b"".join([chunk async for chunk in chunks])
    return b"".join(await asyncio.to_thread(list, chunks))


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


async def test_a_summary_is_read(twin: Twin, server: FakeServer) -> None:
    made = await twin.call(twin.client(server.target).history.summary, last="1w")

    assert (made.alerts, made.critical_alerts, made.resolution_ratio) == (4, 1, 0.5)
    assert math.isnan(made.mean_lead_seconds)
    assert made.watched_since_ms == 1
    assert server.history.requests[-1].range == history_pb2.TimeRange(length_ms=7 * DAY_MS)


async def test_the_last_day_is_meant_when_nothing_is_said(twin: Twin, server: FakeServer) -> None:
    history = twin.client(server.target).history
    for ask in (history.summary, history.alert_events, history.fleet):
        await twin.call(ask)
        assert server.history.requests[-1].range == history_pb2.TimeRange(length_ms=DAY_MS)


async def test_alert_events_are_read(twin: Twin, server: FakeServer) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    found = await twin.call(
        twin.client(server.target).history.alert_events, since=since, servers=["db-1"], limit=7
    )

    assert (len(found), found.total) == (1, 9)
    [event] = found
    assert (event.event, event.metric, event.level) == ("fired", "disk_usage_pct", AlertLevel.CRITICAL)
    assert (event.subject, event.detail) == ("metric", "disk fills up")
    request = server.history.requests[-1]
    assert request.range.start_ms == int(since.timestamp() * 1000)
    assert (list(request.servers), request.limit) == (["db-1"], 7)
    frame = found.to_pandas()
    assert frame["time"][0] == pd.Timestamp(BUCKETS[0], unit="ms", tz="UTC")
    assert frame["level"].tolist() == ["critical"]
    assert found.to_arrow().column_names == list(frame.columns)


async def test_the_past_of_a_server_is_read(twin: Twin, server: FakeServer) -> None:
    history = twin.client(server.target).history
    made = await twin.call(history.server, "db-1", metrics=["disk_usage_pct"], horizon_minutes=30)

    assert list(made.metrics) == ["disk_usage_pct"]
    assert made.times_ms.tolist() == BUCKETS
    disk = made.metrics["disk_usage_pct"]
    assert disk.actual.tolist() == [40.0, 41.0]
    assert np.isnan(disk.p90[1])
    with pytest.raises(ValueError, match="read-only"):
        disk.actual[0] = 1
    request = server.history.requests[-1]
    assert (list(request.metrics), request.horizon_minutes) == ([8], 30)
    frame = made.to_pandas()
    assert frame.shape == (2, 9)
    assert frame["p50"].tolist() == [40.0, 41.0]
    assert made.to_arrow().num_rows == 2
    as_json = json.loads(json.dumps(made.to_json_dict(), allow_nan=False))
    assert as_json["metrics"]["disk_usage_pct"]["p90"] == [50.0, None]
    assert as_json["risk_score"] == [10.0, None]
    with pytest.raises(NotFound, match="'nobody'"):
        await twin.call(history.server, "nobody")


async def test_the_past_of_the_fleet_is_read(twin: Twin, server: FakeServer) -> None:
    made = await twin.call(twin.client(server.target).history.fleet, last="30m", max_points=3)

    assert made.total_servers[0] == 0
    assert made.expected_incidents_8h[0] == 13
    assert np.isnan(made.maximum_risk[1])
    frame = made.to_pandas()
    assert frame.shape == (2, 15)
    assert json.loads(json.dumps(made.to_json_dict(), allow_nan=False))["average_risk"][1] is None
    assert server.history.requests[-1].max_points == 3


async def test_an_export_is_streamed_and_saved(twin: Twin, server: FakeServer, tmp_path: Path) -> None:
    client = twin.client(server.target)
    assert await collected(twin, client, "server_risk", format="csv", servers=["db-1"]) == b"abcdef"
    request = server.history.requests[-1]
    assert (request.table, request.format) == (2, 2)
    assert not request.range.ByteSize()

    written = await twin.call(client.history.save, tmp_path / "out.csv", "metrics", last="1d")
    assert written == 6
    assert (tmp_path / "out.csv").read_bytes() == b"abcdef"


async def test_an_export_that_breaks_leaves_no_file(twin: Twin, server: FakeServer, tmp_path: Path) -> None:
    server.history.break_export = True
    client = twin.client(server.target)
    (tmp_path / "out.csv").write_bytes(b"of yesterday")
    with pytest.raises(ServerError):
        await twin.call(client.history.save, tmp_path / "out.csv", "metrics")
    assert files(tmp_path) == {"out.csv": b"of yesterday"}
    with pytest.raises(ServerError):
        await collected(twin, client, "metrics")


async def test_a_server_that_records_nothing_says_so(twin: Twin, server: FakeServer) -> None:
    server.fail_next("GetHistorySummary", "UNIMPLEMENTED")
    with pytest.raises(Unimplemented, match="capabilities"):
        await twin.call(twin.client(server.target).history.summary)


async def test_wrong_questions_are_refused_before_they_are_sent(twin: Twin, server: FakeServer) -> None:
    history = twin.client(server.target).history
    wrong: list[tuple[Any, tuple[Any, ...], dict[str, Any], str]] = [
        (history.summary, (), {"last": "1d", "since": 5}, "Both last='1d' and since=5"),
        (history.summary, (), {"last": "1 fortnight"}, "no length of time"),
        (history.summary, (), {"since": datetime(2026, 1, 1)}, "has no time zone"),
        (history.summary, (), {"since": 9, "until": 8}, "starts at 9 and ends at 8"),
        (history.summary, (), {"until": -1}, "before 1970"),
        (history.summary, (), {"since": 10**22}, "after the year 9999.* at most 253402300799999"),
        (history.alert_events, (), {"limit": 2**31}, "limit is 2147483648.* up to 2147483647"),
        (history.summary, (), {"last": "\u0663h"}, "no length of time"),
        (history.alert_events, (), {"servers": "db-1"}, "must be a list"),
        (history.alert_events, (), {"limit": -1}, "limit is -1"),
        (history.server, ("db-1",), {"metrics": ["cpu"]}, "no metric 'cpu'"),
        (history.save, ("x", "rows"), {}, "no table 'rows'; there are metrics, server_risk"),
        (history.save, ("x", "metrics"), {"format": "xlsx"}, "no format 'xlsx'; there are arrow, csv"),
    ]
    for method, args, options, says in wrong:
        with pytest.raises(InvalidArgument, match=says):
            await twin.call(method, *args, **options)
    assert not server.history.requests


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30m", timedelta(minutes=30)),
        ("8h", timedelta(hours=8)),
        (" 2 d ", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
        ("1M", timedelta(days=30)),
        (timedelta(seconds=5), timedelta(seconds=5)),
    ],
)
def test_lengths_are_what_people_write(text: Any, length: timedelta) -> None:
    assert length_of(text) == length


@pytest.mark.parametrize(
    "text", ["", "h", "1", "1y", "-1h", "0h", "1.5h", "1h30m", "٣h٣", timedelta(0), "9999999d"]
)
def test_other_lengths_are_refused(text: Any) -> None:
    with pytest.raises(InvalidArgument):
        length_of(text)


def test_a_range_ends_where_it_is_told() -> None:
    until = datetime(2026, 1, 2, tzinfo=UTC)
    made = time_range("1d", None, until)
    assert (made.start_ms, made.length_ms) == (0, DAY_MS)
    assert made.end_ms == int(until.timestamp() * 1000)
    assert not time_range(None, None, None, default=None).ByteSize()
