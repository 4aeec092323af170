"""Metricbeat's documents: one per host, metricset and moment, become one row per host and bucket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_client.adapters.core.mapping import Mapper
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.elasticsearch import SPEC
from argus_client.adapters.elasticsearch.metricsets import MetricSets, flattened
from argus_client.adapters.pull import Cursor, PullSource, Records
from argus_client.samples import METRICS
from tests.client.adapters.elasticsearch.reading import Harness
from tests.client.adapters.elasticsearch.search_server import SearchServer
from tests.client.adapters.elasticsearch.test_source import iso, ms
from tests.client.adapters.pulling import through_disk

Row = tuple[str, int]
"""Host, and beginning of the bucket."""


@pytest.fixture
async def server() -> AsyncIterator[SearchServer]:
    async with SearchServer() as running:
        yield running


def beat(metricset: str, seconds: float, host: str = "web1", **fields: Any) -> Mapping[str, Any]:
    """A document of Metricbeat; of nested fields, as it writes them."""
    return {
        "@timestamp": iso(seconds),
        "host": {"name": host, **fields.pop("traffic", {})},
        "metricset": {"name": metricset, "period": 10_000},
        **fields,
    }


def cpu(seconds: float, share: float, host: str = "web1") -> Mapping[str, Any]:
    modes = {"user": share, "system": 0.1, "iowait": 0.02, "idle": 0.88 - share}
    norm = {mode: {"norm": {"pct": value}, "pct": value * 8} for mode, value in modes.items()}
    return beat("cpu", seconds, host, system={"cpu": {"cores": 8, **norm}})


def everything(seconds: float, host: str = "web1") -> list[Mapping[str, Any]]:
    """What Metricbeat sends of one host, a little apart."""
    traffic = {"network": {"ingress": {"bytes": 50_000_000}, "egress": {"bytes": 20_000_000}}}
    memory = {"actual": {"used": {"pct": 0.5}}, "used": {"pct": 0.9}, "swap": {"used": {"pct": 0.01}}}
    return [
        cpu(seconds, 0.4, host),
        beat("memory", seconds + 0.1, host, system={"memory": memory}),
        beat("load", seconds + 0.2, host, system={"load": {"1": 2.5, "5": 2.0}}),
        beat("filesystem", seconds + 0.3, host, system={"filesystem": {"used": {"pct": 0.3}}}),
        beat("filesystem", seconds + 0.3, host, system={"filesystem": {"used": {"pct": 0.7}}}),
        beat("network", seconds + 0.4, host, system={"network": {"name": "eth0", "in": {"bytes": 123}}}),
        beat("network", seconds + 0.4, host, traffic=traffic),
        beat("uptime", seconds + 0.5, host, system={"uptime": {"duration": {"ms": 86_400_000 * 3}}}),
    ]


async def read(
    source: PullSource, cursor: Cursor, limit: int = 100
) -> tuple[list[Mapping[str, Any]], Cursor]:
    rows: list[Mapping[str, Any]] = []
    for _ in range(1_000):
        page = await source.fetch(through_disk(cursor), limit)
        rows += as_rows(page.records)
        cursor = page.cursor
        if page.is_last:
            return rows, cursor
    raise AssertionError("no end")


def as_rows(records: Records) -> list[Mapping[str, Any]]:
    columns = {name: records.column(name) for name in records.fields()}
    return [
        {name: column[row] for name, column in columns.items() if column is not None}
        for row in range(len(records))
    ]


def keys(rows: list[Mapping[str, Any]]) -> list[Row]:
    return [(row["host.name"], row["@timestamp"]) for row in rows]


def build(server: SearchServer, harness: Any = None, **values: object) -> PullSource:
    table = {"hosts": server.url, "index": "metricbeat-*", **values}
    source: PullSource = (harness or Harness()).build(table)
    return source


async def test_metricsets_of_a_host_become_one_row_of_contract_columns(server: SearchServer) -> None:
    server.add("metricbeat-8", everything(5))
    source = build(server)
    page = await source.fetch(source.begin(0), 100)
    mapping = MappingConfig.from_table({}, SPEC.presets, SPEC.preset)
    mapped = Mapper(mapping).apply(page.records)
    assert mapped.problems == ()
    assert list(mapped.samples.server_name) == ["web1"]
    assert list(mapped.samples.timestamp_ms) == [ms(0)]
    found = dict(zip(METRICS, map(float, mapped.samples.metrics[0]), strict=True))
    expected = {
        "cpu_user_pct": 40.0,
        "cpu_sys_pct": 10.0,
        "cpu_iowait_pct": 2.0,
        "cpu_idle_pct": 48.0,
        "mem_used_pct": 50.0,  # without what the page cache holds
        "swap_used_pct": 1.0,
        "disk_usage_pct": 70.0,  # the fullest
        "net_in_mb_s": 5.0,
        "net_out_mb_s": 2.0,
        "load_average": 2.5,
        "uptime_days": 3.0,
    }
    nothing = dict.fromkeys(("java_cpu_pct", "back_close_wait", "front_close_wait"), float("nan"))
    assert found == pytest.approx(expected | nothing, rel=1e-6, nan_ok=True)


async def test_only_the_metricsets_that_are_needed_are_asked_for(server: SearchServer) -> None:
    process = beat("process", 5, "other", system={"process": {"cpu": {"total": {"pct": 1.0}}}})
    server.add("metricbeat-8", [*everything(5), process])
    rows, _ = await read(build(server), {"since_ms": 0})
    assert keys(rows) == [("web1", ms(0))]


async def test_numbers_are_averaged_over_a_bucket(server: SearchServer) -> None:
    server.add("metricbeat-8", [cpu(second, 0.1 * index) for index, second in enumerate(range(0, 60, 10))])
    rows, _ = await read(build(server), {"since_ms": 0})
    assert rows[0]["system.cpu.user.norm.pct"] == pytest.approx(0.25)


async def test_without_normalised_shares_the_sum_over_cores_is_divided(server: SearchServer) -> None:
    whole = {"cores": 4, "user": {"pct": 2.0}, "system": {"pct": 1.0}}
    server.add("metricbeat-8", [beat("cpu", 5, system={"cpu": whole})])
    rows, _ = await read(build(server), {"since_ms": 0})
    assert rows[0]["system.cpu.user.norm.pct"] == 0.5
    assert rows[0]["system.cpu.system.norm.pct"] == 0.25


async def test_a_network_counter_that_began_anew_is_no_traffic(server: SearchServer) -> None:
    wrapped = {"network": {"ingress": {"bytes": 2**64 - 5}, "egress": {"bytes": 1_000}}}
    server.add("metricbeat-8", [beat("network", 5, traffic=wrapped)])
    rows, _ = await read(build(server), {"since_ms": 0})
    assert "host.network.ingress.bytes_per_second" not in rows[0]
    assert rows[0]["host.network.egress.bytes_per_second"] == 100.0


async def test_dotted_keys_are_as_good_as_nested_ones(server: SearchServer) -> None:
    flat = {"@timestamp": iso(5), "host.name": "web1", "metricset.name": "load", "system.load.1": 1.5}
    server.add("metricbeat-8", [flat])
    rows, _ = await read(build(server), {"since_ms": 0})
    assert rows == [{"@timestamp": ms(0), "host.name": "web1", "system.load.1": 1.5}]


async def test_a_bucket_is_held_back_until_it_has_settled_and_then_comes_whole(server: SearchServer) -> None:
    """The harness's now is 3600 s after the beginning, which is a bucket's edge."""
    server.add("metricbeat-8", [cpu(3_545, 0.2), cpu(3_605, 0.4)])
    harness = Harness(overlap_seconds=0)
    source = build(server, harness)
    rows, cursor = await read(source, source.begin(0))
    assert rows == []  # the first bucket ended just now
    harness.now_ms += 20_000
    server.add("metricbeat-8", [beat("load", 3_550, system={"load": {"1": 1.0}})])
    rows, cursor = await read(source, cursor)
    assert keys(rows) == [("web1", ms(3_540))]
    assert rows[0]["system.load.1"] == 1.0
    harness.now_ms += 60_000
    rows, _ = await read(source, cursor)
    assert ("web1", ms(3_600)) in keys(rows)


async def test_a_host_whose_clock_is_ahead_is_shown_and_not_hidden(server: SearchServer) -> None:
    """The Argus server refuses such rows by name, which is how somebody learns of the clock."""
    server.add("metricbeat-8", [cpu(3_000, 0.2), cpu(3_600 + 7_200, 0.4, "ahead")])
    rows, cursor = await read(build(server), {"since_ms": 0})
    assert keys(rows) == [("web1", ms(3_000)), ("ahead", ms(10_800))]
    assert cursor == {"since_ms": ms(3_600 - 120)}


async def test_documents_that_name_no_host_are_counted(server: SearchServer) -> None:
    nameless = {key: value for key, value in cpu(5, 0.1).items() if key != "host"}
    server.add("metricbeat-8", [nameless, nameless, cpu(6, 0.1)])
    harness = Harness()
    rows, _ = await read(build(server, harness), {"since_ms": 0})
    assert keys(rows) == [("web1", ms(0))]
    assert harness.refused == {"no_server_name": 2}


@settings(max_examples=20, deadline=None)
@given(
    seconds=st.lists(st.integers(0, 400), min_size=1, max_size=60),
    batch=st.integers(1, 25),
    expiries=st.sets(st.integers(0, 6)),
    restarts=st.sets(st.integers(0, 6)),
)
def test_pages_expiries_and_restarts_change_no_row(
    seconds: list[int], batch: int, expiries: set[int], restarts: set[int]
) -> None:
    """Rows are those of all documents at once, each row once, however it was read."""
    documents = [cpu(second, index / 100, f"web{index % 3}") for index, second in enumerate(seconds)]
    expected = MetricSets(["system.cpu.user.norm.pct"], ["host.name"], "@timestamp", 60_000)
    for second, document in zip(seconds, documents, strict=True):
        assert expected.add(ms(second), document)
    whole = {
        (row["host.name"], row["@timestamp"]): row["system.cpu.user.norm.pct"]
        for row in expected.take(ms(9_999))
    }

    async def run() -> list[Mapping[str, Any]]:
        async with SearchServer() as server:
            server.add("metricbeat-8", documents)
            source = build(server, batch_documents=batch)
            cursor, rows = source.begin(0), list[Mapping[str, Any]]()
            for number in range(1_000):
                if number in expiries:
                    server.expire()
                if number in restarts:
                    await source.close()
                    source = build(server, batch_documents=batch)
                page = await source.fetch(through_disk(cursor), 10)
                rows += as_rows(page.records)
                cursor = page.cursor
                if page.is_last:
                    break
            await source.close()
            return rows

    rows = asyncio.run(run())
    assert sorted(keys(rows)) == sorted(whole)  # none twice
    for row in rows:
        assert row["system.cpu.user.norm.pct"] == pytest.approx(whole[row["host.name"], row["@timestamp"]])


@pytest.mark.parametrize(
    ("document", "values"),
    [
        ({"a": {"b": {"c": 1}}}, {"a.b.c": 1}),
        ({"a.b.c": 1}, {"a.b.c": 1}),
        ({"a.b": {"c": 1}}, {"a.b.c": 1}),
        ({"a": {"b.c": 1}}, {"a.b.c": 1}),
        ({"a": {"b": None}, "a.b": {"c": 1}}, {"a.b.c": 1}),
        ({"a": {"b": [1], "c": None}, "d": "x"}, {"d": "x"}),
        ({}, {}),
    ],
)
def test_flattened(document: Mapping[str, Any], values: Mapping[str, object]) -> None:
    assert flattened(document) == values
