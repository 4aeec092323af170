"""A first run that finds no row says why: no documents, older ones only, or documents of another kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from argus_client.adapters.pull import Page
from tests.client.adapters.elasticsearch.reading import Harness
from tests.client.adapters.elasticsearch.search_server import SearchServer
from tests.client.adapters.elasticsearch.test_metricsets import beat, cpu
from tests.client.adapters.elasticsearch.test_source import document, ms, table
from tests.client.adapters.pulling import close_built

FLAVOURS = [("elasticsearch", "8.19.3"), ("opensearch", "2.19.0")]


@pytest.fixture(params=FLAVOURS, ids=lambda flavour: flavour[0])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[SearchServer]:
    async with SearchServer(*request.param) as running:
        running.create("metrics-a", "@timestamp", "date")
        yield running
        await close_built()


async def first(server: SearchServer, harness: Harness, *, again: bool = False, **values: Any) -> Page:
    """The first page of a first run; or of a later one, which begins with a cursor."""
    source = harness.build(table(server, **values), {"preset": values.pop("preset", "metricbeat")})
    cursor = {"since_ms": ms(0)} if again else source.begin(ms(0))
    page = await source.fetch(cursor, 10)
    await source.fetch(page.cursor, 10)
    return page


async def test_documents_metricbeat_did_not_write_are_named_with_their_fields(server: SearchServer) -> None:
    server.add("metrics-a", [document(n, n) for n in range(3)])
    harness = Harness()
    page = await first(server, harness)
    assert page.problem.startswith("No document of 'metrics-*' is of the metricsets cpu, memory, load")
    assert "has the fields @timestamp, n, server_name" in page.problem
    assert 'layout = "rows"' in page.problem
    assert harness.warnings == []


async def test_documents_without_a_host_are_named_with_their_fields(server: SearchServer) -> None:
    nameless = {
        key: value for key, value in beat("load", 1, system={"load": {"1": 2.0}}).items() if key != "host"
    }
    server.add("metrics-a", [nameless])
    harness = Harness()
    page = await first(server, harness)
    assert page.problem.startswith(
        "None of 1 documents names a host in host.name, host.hostname, agent.hostname."
    )
    assert "system.load.1" in page.problem
    assert harness.refused["no_server_name"] >= 1


async def test_a_filter_that_matches_nothing_is_named(server: SearchServer) -> None:
    server.add("metrics-a", [document(n, n) for n in range(3)])
    mapping = {"preset": "linborg"}
    source = Harness().build(table(server, filter={"term": {"env": "prod"}}), mapping)
    page = await source.fetch(source.begin(ms(0)), 10)
    assert "matches [source] filter. The newest document of" in page.problem


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "has no document with a @timestamp yet"), (-60, "the newest is of 2025-01-31 10:59:00Z")],
)
async def test_an_index_without_documents_as_new_is_waited_for_and_said_once(
    server: SearchServer, seconds: float | None, said: str
) -> None:
    server.add("metrics-a", [] if seconds is None else [cpu(seconds, 0.5)])
    harness = Harness()
    page = await first(server, harness)
    assert page.problem == ""
    assert len(harness.warnings) == 1
    assert said in harness.warnings[0]


async def test_rows_that_are_not_complete_are_no_problem(server: SearchServer) -> None:
    harness = Harness(now_ms=ms(3))
    server.add("metrics-a", [cpu(1, 0.5)])
    page = await first(server, harness)
    assert (len(page.records), page.problem, harness.warnings) == (0, "", [])


async def test_only_a_first_run_looks(server: SearchServer) -> None:
    harness = Harness()
    page = await first(server, harness, again=True)
    assert (page.problem, harness.warnings) == ("", [])
