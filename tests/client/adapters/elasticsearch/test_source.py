"""Reading indices through the real client: order, ties, expiry, late documents, both flavours."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.source import SourceError
from tests.client.adapters.elasticsearch.reading import Harness
from tests.client.adapters.elasticsearch.search_server import SearchServer
from tests.client.adapters.pulling import NOW_MS, close_built, read_all, through_disk

MAPPING = {"preset": "linborg", "columns": {"load_average": "n"}}
FLAVOURS = [
    ("elasticsearch", "8.19.3"),
    ("elasticsearch", "9.5.1"),
    ("opensearch", "2.19.0"),
    ("opensearch", "3.3.0"),
]


@pytest.fixture(params=FLAVOURS, ids=lambda flavour: f"{flavour[0]}-{flavour[1]}")
async def server(request: pytest.FixtureRequest) -> AsyncIterator[SearchServer]:
    async with SearchServer(*request.param) as running:
        yield running


@pytest.fixture
async def elastic() -> AsyncIterator[SearchServer]:
    async with SearchServer() as running:
        yield running


def table(server: SearchServer, **values: object) -> Mapping[str, object]:
    return {"hosts": server.url, "index": "metrics-*", "flavour": server.flavour, **values}


def iso(seconds: float) -> str:
    """A time `seconds` after an hour before the harness's now."""
    moment = dt.datetime.fromtimestamp(NOW_MS / 1_000 - 3_600 + seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ms(seconds: float) -> int:
    return NOW_MS - 3_600_000 + round(1_000 * seconds)


def document(n: int, seconds: float, **fields: Any) -> Mapping[str, Any]:
    return {"@timestamp": iso(seconds), "server_name": f"web{n % 3}", "n": n, **fields}


async def test_pages_bring_every_document_once_in_order_of_time(server: SearchServer) -> None:
    server.add("metrics-a", [document(n, n // 9) for n in reversed(range(0, 95, 2))])
    server.add("metrics-b", [document(n, n // 9) for n in range(1, 95, 2)])
    server.add("other", [document(1000, 0)])
    source = Harness().build(table(server), MAPPING)
    values, cursor = await read_all(source, source.begin(0), limit=7)
    assert sorted(values) == list(range(95))
    assert [n // 9 for n in values] == sorted(n // 9 for n in values)
    assert cursor == {"since_ms": ms(10 - 120)}
    assert server.open_points == 0


async def test_only_mapped_fields_are_fetched_and_the_others_are_known_by_name(server: SearchServer) -> None:
    server.add("metrics-a", [document(0, 0, huge="x" * 99, host={"name": "h", "ip": "10.0.0.1"})])
    source = Harness().build(table(server), MAPPING)
    page = await source.fetch(source.begin(0), 10)
    assert list(page.records.fields()) == ["@timestamp", "host.ip", "host.name", "huge", "n", "server_name"]
    assert page.records.column("host.name") is not None
    assert page.records.column("host.ip") is None
    assert page.records.column("huge") is None


async def test_since_is_where_it_begins(server: SearchServer) -> None:
    server.add("metrics-a", [document(n, n) for n in range(20)])
    source = Harness().build(table(server), MAPPING)
    values, cursor = await read_all(source, source.begin(ms(15)))
    assert values == [15, 16, 17, 18, 19]
    assert cursor == {"since_ms": ms(15)}  # no overlap leads before it


async def test_a_page_is_no_larger_than_the_server_allows(elastic: SearchServer) -> None:
    elastic.add("metrics-a", [document(n, n / 100) for n in range(30)])
    source = Harness().build(table(elastic, batch_documents=20), MAPPING)
    values, _ = await read_all(source, source.begin(0), limit=1_000_000)
    assert values == list(range(30))
    assert [body["size"] for body in elastic.bodies("/_search")[1:]] == [20, 20]


@settings(max_examples=25, deadline=None)
@given(
    times=st.lists(st.integers(0, 5), max_size=40),
    limit=st.integers(1, 9),
    expiries=st.sets(st.integers(0, 12)),
    flavour=st.sampled_from(FLAVOURS),
)
def test_no_ties_no_page_size_and_no_expiry_lose_a_document(
    times: list[int], limit: int, expiries: set[int], flavour: tuple[str, str]
) -> None:
    """An expiry may bring the documents of one moment twice, which the runner knows by server and second."""

    async def read() -> list[int]:
        async with SearchServer(*flavour) as server:
            server.create("metrics-a")
            server.add("metrics-a", [document(n, seconds) for n, seconds in enumerate(times)])
            source = Harness().build(table(server), MAPPING)
            cursor, values = source.begin(0), list[int]()
            # A moment with more documents than fit a page has no end where every page is interrupted; these do.
            for page_number in range(1_000):
                if page_number in expiries:
                    server.expire()
                page = await source.fetch(through_disk(cursor), limit)
                found = page.records.column("n")
                values += [] if found is None else list(found)
                cursor = page.cursor
                if page.is_last:
                    break
            await source.close()
            assert server.open_points == 0
            return values

    values = asyncio.run(read())
    assert set(values) == set(range(len(times)))
    if not expiries:
        assert sorted(values) == list(range(len(times)))


async def test_an_expired_point_in_time_is_opened_anew_and_goes_on(server: SearchServer) -> None:
    server.add("metrics-a", [document(n, n) for n in range(30)])
    source = Harness().build(table(server), MAPPING)
    first = await source.fetch(source.begin(0), 10)
    server.expire()
    values, _ = await read_all(source, first.cursor)
    assert values == list(range(9, 30))  # the last moment once more
    assert server.open_points == 0


async def test_a_new_process_goes_on_where_the_cursor_says(server: SearchServer) -> None:
    server.add("metrics-a", [document(n, n) for n in range(30)])
    first = Harness().build(table(server), MAPPING)
    page = await first.fetch(first.begin(0), 10)
    second = Harness().build(table(server), MAPPING)
    values, _ = await read_all(second, through_disk(page.cursor))
    assert values == list(range(9, 30))


async def test_asked_again_with_an_old_cursor_it_gives_that_page_again(server: SearchServer) -> None:
    """All of one moment: the cursors of its pages must not be taken for one another."""
    server.add("metrics-a", [document(n, 5) for n in range(30)])
    source = Harness().build(table(server), MAPPING)
    begin = source.begin(ms(5))
    first = await source.fetch(begin, 10)
    again = await source.fetch(begin, 10)
    assert list(again.records.column("n")) == list(first.records.column("n"))  # type: ignore[arg-type]
    rest, _ = await read_all(source, again.cursor)
    assert sorted([*again.records.column("n"), *rest]) == list(range(30))  # type: ignore[misc]


async def test_a_late_document_is_found_within_the_overlap(server: SearchServer) -> None:
    server.add("metrics-a", [document(n, 10 * n) for n in range(20)])
    source = Harness(overlap_seconds=60).build(table(server), MAPPING)
    _, cursor = await read_all(source, source.begin(0), limit=7)
    server.add("metrics-a", [document(100, 135), document(101, 100)])
    values, after = await read_all(source, cursor, limit=4)
    assert set(values) == {13, 14, 15, 16, 17, 18, 19, 100}
    assert after == cursor


async def test_a_document_from_the_future_does_not_take_the_cursor_with_it(server: SearchServer) -> None:
    server.add("metrics-a", [document(0, 3_590), document(1, 90_000)])
    harness = Harness()
    source = harness.build(table(server), MAPPING)
    _, cursor = await read_all(source, source.begin(0))
    harness.now_ms += 30_000
    server.add("metrics-a", [document(2, 3_620)])
    values, _ = await read_all(source, cursor)
    assert 2 in values


async def test_what_is_indexed_while_a_point_in_time_is_open_is_found_by_the_next(
    server: SearchServer,
) -> None:
    server.add("metrics-a", [document(n, n) for n in range(20)])
    source = Harness().build(table(server), MAPPING)
    first = await source.fetch(source.begin(0), 10)
    server.add("metrics-a", [document(50, 15)])
    rest, cursor = await read_all(source, first.cursor)
    assert 50 not in rest
    values, _ = await read_all(source, cursor)
    assert 50 in values


async def test_dates_in_nanoseconds_are_read_in_order_with_others(server: SearchServer) -> None:
    server.create("metrics-n", kind="date_nanos")
    server.add("metrics-n", [document(n, n) for n in range(0, 20, 2)])
    server.add("metrics-a", [document(n, n) for n in range(1, 20, 2)])
    source = Harness().build(table(server), MAPPING)
    values, cursor = await read_all(source, source.begin(0), limit=3)
    assert values == list(range(20))
    assert cursor == {"since_ms": ms(19 - 120)}


async def test_a_filter_of_ones_own_is_sent_along(server: SearchServer) -> None:
    server.add("metrics-a", [document(n, n, os="linux" if n % 2 else "windows") for n in range(8)])
    source = Harness().build(table(server, filter={"term": {"os": "linux"}}), MAPPING)
    values, _ = await read_all(source, source.begin(0))
    assert values == [1, 3, 5, 7]


@pytest.mark.parametrize(
    ("flavour", "version", "field"),
    [
        ("opensearch", "2.19.0", "_id"),
        ("opensearch", "3.3.0", "_shard_doc"),
        ("elasticsearch", "8.19.3", "_shard_doc"),
    ],
)
async def test_the_tiebreaker_is_one_the_server_knows(flavour: str, version: str, field: str) -> None:
    async with SearchServer(flavour, version) as server:
        server.add("metrics-a", [document(0, 0)])
        source = Harness().build(table(server), MAPPING)
        await read_all(source, source.begin(0))
        assert list(server.bodies("/_search")[0]["sort"][1]) == [field]
        await source.close()


async def test_where_ids_cannot_be_sorted_it_says_what_to_set() -> None:
    async with SearchServer("opensearch", "2.19.0") as server:
        server.id_sortable = False
        server.add("metrics-a", [document(n, 0) for n in range(5)])
        source = Harness().build(table(server), MAPPING)
        with pytest.raises(ConfigError, match="tiebreaker"):
            await source.fetch(source.begin(0), 10)
        source = Harness().build(table(server, tiebreaker="n"), MAPPING)
        values, _ = await read_all(source, source.begin(0), limit=2)
        assert values == list(range(5))
        await close_built()


@pytest.mark.parametrize(
    ("kind", "message"),
    [("", "has a field '@timestamp': set .source. time_field"), ("keyword", "is of type keyword; only date")],
)
async def test_a_time_that_cannot_be_read_in_order_is_refused(
    server: SearchServer, kind: str, message: str
) -> None:
    server.create("metrics-a", "@timestamp" if kind else "", kind)
    source = Harness().build(table(server), MAPPING)
    with pytest.raises(ConfigError, match=message):
        await source.fetch(source.begin(0), 10)


async def test_a_cursor_of_something_else_is_refused(elastic: SearchServer) -> None:
    source = Harness().build(table(elastic), MAPPING)
    with pytest.raises(SourceError, match="not one of an Elasticsearch adapter"):
        await source.fetch({"offset": 5}, 10)
