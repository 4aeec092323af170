"""Reading a collection through the real driver: order, ties, late documents, and every way to write a time."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_client.adapters.source import SourceError
from tests.client.adapters.mongodb.reading import Harness
from tests.client.adapters.mongodb.wire import MongoServer
from tests.client.adapters.pulling import NOW_MS, read_all, through_disk

TABLE = {"database": "linborg", "collection": "server_metrics"}
MAPPING = {"columns": {"load_average": "n"}}


@pytest.fixture
async def server() -> AsyncIterator[MongoServer]:
    async with MongoServer() as running:
        running.indexes["server_metrics"].append({"timestamp": 1})
        yield running


def moment(seconds: float) -> dt.datetime:
    """A time `seconds` after an hour before the harness's now."""
    return dt.datetime.fromtimestamp(NOW_MS / 1_000 - 3_600 + seconds, dt.UTC)


def document(n: int, seconds: float, **fields: Any) -> Mapping[str, Any]:
    return {"timestamp": moment(seconds), "server_name": f"web{n % 3}", "n": n, **fields}


async def test_pages_bring_every_document_once_in_order_of_time(server: MongoServer) -> None:
    server.insert("linborg", "server_metrics", [document(n, n // 4) for n in reversed(range(95))])
    harness = Harness()
    source = harness.build({"uri": server.uri, **TABLE}, MAPPING)
    values, cursor = await read_all(source, source.begin(0), limit=10)
    await source.close()
    assert sorted(values) == list(range(95))
    assert [n // 4 for n in values] == sorted(n // 4 for n in values)
    assert cursor == {"since_ms": int(moment(94 // 4 - 120).timestamp() * 1_000), "time": {"kind": "date"}}
    assert harness.warnings == []


async def test_decimal_times_that_no_float_equals_lose_nothing(server: MongoServer) -> None:
    rows = [
        {
            "_id": Decimal128(f"{n}.1"),
            "timestamp": Decimal128(f"{NOW_MS // 1_000 - 3_600}.{n // 6 + 1}"),
            "n": n,
        }
        for n in range(48)
    ]
    server.insert("linborg", "server_metrics", rows)
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    for limit in (4, 7):
        values, _ = await read_all(source, source.begin(0), limit=limit)
        assert values == list(range(48))


async def test_since_is_where_it_begins(server: MongoServer) -> None:
    server.insert("linborg", "server_metrics", [document(n, n) for n in range(20)])
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    begin = source.begin(int(moment(15).timestamp() * 1_000))
    values, cursor = await read_all(source, begin)
    await source.close()
    assert values == [15, 16, 17, 18, 19]
    assert cursor["since_ms"] == begin["since_ms"]  # no overlap leads before it


async def test_a_moment_with_more_documents_than_a_page_is_read_through_whatever_its_ids(
    server: MongoServer,
) -> None:
    """`_id`s of several types: a plain `_id > x` would leave out those of other types."""
    ids: list[Any] = [*range(12), *(f"id{i:02}" for i in range(12)), *(ObjectId() for _ in range(12))]
    rows = [document(n, 5, _id=key) for n, key in enumerate(ids)]
    server.insert("linborg", "server_metrics", [document(100, 1), *rows, document(200, 9)])
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    values, _ = await read_all(source, source.begin(0), limit=5)
    await source.close()
    assert sorted(values) == [*range(36), 100, 200]
    assert values[0] == 100
    assert values[-1] == 200


async def test_a_source_asked_again_with_one_cursor_gives_the_same_again(server: MongoServer) -> None:
    server.insert("linborg", "server_metrics", [document(n, n // 3) for n in range(40)])
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    first = await source.fetch(source.begin(0), 10)
    once = await source.fetch(first.cursor, 10)
    await source.close()
    after_restart = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    again = await after_restart.fetch(through_disk(first.cursor), 10)
    await after_restart.close()
    assert list(again.records.column("n")) == list(once.records.column("n"))  # type: ignore[arg-type]
    assert dict(again.cursor) == dict(once.cursor)


@settings(max_examples=25, deadline=None)
@given(
    times=st.lists(st.integers(0, 6), min_size=0, max_size=40),
    limit=st.integers(1, 9),
    text_ids=st.sets(st.integers(0, 39)),
)
def test_no_ties_and_no_page_size_lose_or_double_a_document(
    times: list[int], limit: int, text_ids: set[int]
) -> None:
    async def read() -> list[int]:
        async with MongoServer(batch=3) as server:
            rows = [
                document(n, seconds, _id=f"{n:03}" if n in text_ids else n) for n, seconds in enumerate(times)
            ]
            server.insert("linborg", "server_metrics", rows)
            source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
            values, _ = await read_all(source, source.begin(0), limit=limit)
            await source.close()
            return values

    assert sorted(asyncio.run(read())) == list(range(len(times)))


async def test_a_late_document_is_found_within_the_overlap(server: MongoServer) -> None:
    server.insert("linborg", "server_metrics", [document(n, 10 * n) for n in range(20)])
    source = Harness(overlap_seconds=60).build({"uri": server.uri, **TABLE}, MAPPING)
    _, cursor = await read_all(source, source.begin(0), limit=7)
    server.insert("linborg", "server_metrics", [document(100, 135), document(101, 100)])
    values, after = await read_all(source, cursor, limit=4)
    await source.close()
    assert set(values) == {13, 14, 15, 16, 17, 18, 19, 100}  # 190 s - 60 s on; 101 came later than that
    assert after == cursor


async def test_a_document_from_the_future_does_not_take_the_cursor_with_it(server: MongoServer) -> None:
    server.insert("linborg", "server_metrics", [document(0, 3_590), document(1, 90_000)])
    harness = Harness()
    source = harness.build({"uri": server.uri, **TABLE}, MAPPING)
    values, cursor = await read_all(source, source.begin(0))
    assert values == [0, 1]
    harness.now_ms += 30_000
    server.insert("linborg", "server_metrics", [document(2, 3_620)])
    values, _ = await read_all(source, cursor)
    await source.close()
    assert 2 in values


async def test_nothing_new_keeps_the_place(server: MongoServer) -> None:
    server.insert("linborg", "server_metrics", [document(0, 0)])
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    _, cursor = await read_all(source, source.begin(NOW_MS))
    assert cursor["since_ms"] == NOW_MS
    again, cursor = await read_all(source, cursor)
    await source.close()
    assert (again, cursor["since_ms"]) == ([], NOW_MS)


async def test_an_empty_collection_waits_and_learns_how_time_is_written_later(server: MongoServer) -> None:
    server.insert("linborg", "server_metrics", [])
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    values, cursor = await read_all(source, source.begin(0))
    assert (values, cursor) == ([], {"since_ms": 0})
    server.insert("linborg", "server_metrics", [document(7, 0)])
    values, cursor = await read_all(source, cursor)
    await source.close()
    assert values == [7]
    assert cursor["time"] == {"kind": "date"}


def _text(seconds: float, zone: dt.tzinfo, separator: str, suffix: str) -> str:
    return moment(seconds).astimezone(zone).strftime(f"%Y-%m-%d{separator}%H:%M:%S") + suffix


@pytest.mark.parametrize(
    ("write", "form"),
    [
        (lambda s: int(moment(s).timestamp() * 1_000), {"kind": "milliseconds"}),
        (lambda s: int(moment(s).timestamp()), {"kind": "seconds"}),
        (lambda s: moment(s).timestamp() + 0.25, {"kind": "seconds"}),
        (lambda s: Decimal128(str(int(moment(s).timestamp()))), {"kind": "seconds"}),
        (lambda s: int(moment(s).timestamp()) * 1_000_000, {"kind": "microseconds"}),
        (lambda s: int(moment(s).timestamp()) * 1_000_000_000, {"kind": "nanoseconds"}),
        (
            lambda s: _text(s, dt.UTC, "T", "Z"),
            {"kind": "text", "separator": "T", "offset_minutes": 0},
        ),
        (
            lambda s: _text(s, dt.UTC, " ", ".123456"),
            {"kind": "text", "separator": " ", "offset_minutes": 0},
        ),
        (
            lambda s: _text(s, dt.timezone(dt.timedelta(hours=2)), "T", "+02:00"),
            {"kind": "text", "separator": "T", "offset_minutes": 120},
        ),
    ],
    ids=["ms", "s", "float", "decimal", "us", "ns", "iso-z", "iso-space", "iso-offset"],
)
async def test_every_way_to_write_a_time_is_told_from_a_document(
    server: MongoServer, write: Any, form: Mapping[str, object]
) -> None:
    rows = [{"timestamp": write(60.0 * n), "server_name": "web", "n": n} for n in range(30)]
    server.insert("linborg", "server_metrics", rows)
    source = Harness(overlap_seconds=300).build({"uri": server.uri, **TABLE}, MAPPING)
    values, cursor = await read_all(source, source.begin(int(moment(600).timestamp() * 1_000)), limit=7)
    again, _ = await read_all(source, cursor, limit=7)
    await source.close()
    assert values == list(range(10, 30))
    assert cursor["time"] == form
    assert again == list(range(24, 30))


async def test_documents_whose_time_is_of_another_type_are_told_of(server: MongoServer) -> None:
    strange = {"_id": "odd", "timestamp": "2025-01-31T11:00:00Z", "server_name": "web", "n": 9}
    server.insert("linborg", "server_metrics", [document(0, 0), strange])
    harness = Harness()
    source = harness.build({"uri": server.uri, **TABLE, "time_type": "date"}, MAPPING)
    values, _ = await read_all(source, source.begin(0))
    await source.close()
    assert values == [0]
    assert len(harness.warnings) == 1
    assert "'odd'" in harness.warnings[0]
    assert "of type number or string" in harness.warnings[0]


@pytest.mark.parametrize("kind", ["collection", "view"])
async def test_without_an_index_they_are_looked_for_among_some(server: MongoServer, kind: str) -> None:
    server.indexes.clear()
    server.kinds["server_metrics"] = kind
    strange = {"_id": 10**6, "timestamp": "yesterday", "server_name": "web", "n": 9}
    server.insert("linborg", "server_metrics", [document(n, n) for n in range(3)] + [strange])
    harness = Harness()
    source = harness.build({"uri": server.uri, **TABLE}, MAPPING)
    values, _ = await read_all(source, source.begin(0))
    await source.close()
    assert values == [0, 1, 2]
    assert "such as that with _id 1000000: they are not read" in harness.warnings[-1]
    (looked,) = [command for command in server.sent("find") if command.get("limit") == 1000]
    assert looked.get("sort") == ({"_id": -1} if kind == "collection" else None)


async def test_no_readable_time_is_an_error_that_lists_the_fields(server: MongoServer) -> None:
    server.insert("linborg", "server_metrics", [{"when": moment(0), "host": {"name": "web"}}])
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    with pytest.raises(SourceError, match=r"has a time in 'timestamp'; the first has _id, host.name, when"):
        await source.fetch(source.begin(0), 10)
    await source.close()


async def test_a_list_of_times_is_an_error_and_no_end(server: MongoServer) -> None:
    rows = [document(0, 0), *({"_id": n, "timestamp": [moment(n), moment(n)], "n": n} for n in range(1, 5))]
    server.insert("linborg", "server_metrics", rows)
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    with pytest.raises(SourceError, match="found by its time in 'timestamp', and has none"):
        await read_all(source, source.begin(0), limit=2)


async def test_text_that_is_no_time_is_an_error(server: MongoServer) -> None:
    server.insert("linborg", "server_metrics", [{"timestamp": "yesterday"}])
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    with pytest.raises(SourceError, match="'yesterday', which is no time"):
        await source.fetch(source.begin(0), 10)
    await source.close()


async def test_a_nested_time_orders_and_only_mapped_fields_are_fetched(server: MongoServer) -> None:
    rows = [{"meta": {"at": moment(n)}, "server_name": "web", "n": n, "huge": "x" * 99} for n in range(9)]
    server.insert("linborg", "server_metrics", rows)
    mapping = {"timestamp": ["meta.at", "meta"], "columns": {"load_average": "n"}}
    source = Harness().build({"uri": server.uri, **TABLE}, mapping)
    page = await source.fetch(source.begin(0), 100)
    await source.close()
    assert list(page.records.fields()) == ["huge", "meta.at", "n", "server_name"]
    assert page.records.column("huge") is None
    assert [command["sort"] for command in server.sent("find") if "sort" in command][1:] == [{"meta.at": 1}]
    assert "huge" not in server.sent("find")[-1]["projection"]


async def test_without_an_index_on_the_time_it_says_how_to_make_one(server: MongoServer) -> None:
    server.indexes["server_metrics"] = [{"server_name": 1, "timestamp": 1}]
    server.insert("linborg", "server_metrics", [document(0, 0)])
    harness = Harness()
    source = harness.build({"uri": server.uri, **TABLE}, MAPPING)
    await read_all(source, source.begin(0))
    await source.close()
    assert len(harness.warnings) == 1
    assert 'db.server_metrics.createIndex({"timestamp": 1})' in harness.warnings[0]


@pytest.mark.parametrize("kind", ["view", "timeseries"])
async def test_views_and_time_series_are_read_without_talk_of_indexes(server: MongoServer, kind: str) -> None:
    server.indexes.clear()
    server.kinds["server_metrics"] = kind
    server.insert("linborg", "server_metrics", [document(3, 0)])
    harness = Harness()
    source = harness.build({"uri": server.uri, **TABLE}, MAPPING)
    values, _ = await read_all(source, source.begin(0))
    await source.close()
    assert (values, harness.warnings) == ([3], [])


async def test_values_no_float_can_hold_do_not_fail_a_page(server: MongoServer) -> None:
    rows = [
        document(0, 0, cpu_user=Decimal128("12.5")),
        document(1, 1, cpu_user={"nested": 1}),
        {"timestamp": moment(2), "server_name": None, "n": 2, "cpu_user": "n/a"},
    ]
    server.insert("linborg", "server_metrics", rows)
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    page = await source.fetch(source.begin(0), 100)
    await source.close()
    assert list(page.records.column("cpu_user")) == [12.5, None, "n/a"]  # type: ignore[arg-type]


async def test_a_cursor_of_something_else_is_refused(server: MongoServer) -> None:
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    with pytest.raises(SourceError, match="not one of a MongoDB adapter"):
        await source.fetch({"offset": 5}, 10)
    with pytest.raises(SourceError, match="time format that is not known"):
        await source.fetch({"since_ms": 5, "time": {"kind": "sundial"}}, 10)
    await source.close()
