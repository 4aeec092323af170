"""One scenario against the HTTP server of these tests, and against a real Elasticsearch or OpenSearch if there is one.

A real one is named by its URL, with credentials if it asks for any:
`ARGUS_TEST_ELASTICSEARCH_URL=http://elastic:changeme@localhost:9200`, or `ARGUS_TEST_OPENSEARCH_URL`. The tests make an
index of their own there, and delete it.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
import pytest

from argus_client.adapters.elasticsearch.source import SearchSource
from argus_client.adapters.source import SourceError
from tests.client.adapters.elasticsearch.reading import Harness
from tests.client.adapters.elasticsearch.search_server import SearchServer
from tests.client.adapters.elasticsearch.test_metricsets import everything, keys, read
from tests.client.adapters.elasticsearch.test_source import MAPPING, document, ms
from tests.client.adapters.pulling import close_built, read_all

REAL = {"elasticsearch": "ARGUS_TEST_ELASTICSEARCH_URL", "opensearch": "ARGUS_TEST_OPENSEARCH_URL"}


@dataclass
class Store:
    """A server, and an index that is this test's own."""

    url: str
    flavour: str
    index: str

    async def call(self, method: str, path: str, body: str = "") -> Mapping[str, Any]:
        """Prepares what the adapter reads; without its own client, which OpenSearch would not do for."""
        parts = urlsplit(self.url)
        auth = (
            aiohttp.BasicAuth(unquote(parts.username), unquote(parts.password or ""))
            if parts.username
            else None
        )
        base = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
        headers = {"content-type": "application/x-ndjson" if "_bulk" in path else "application/json"}
        async with (
            aiohttp.ClientSession(auth=auth, headers=headers) as session,
            session.request(method, f"{base}{path}", data=body.encode() or None) as answer,
        ):
            found: Mapping[str, Any] = await answer.json()
            assert answer.status < 300, found
            return found

    async def create(self, kind: str = "date") -> None:
        mappings = {"properties": {"@timestamp": {"type": kind}}}
        await self.call("PUT", f"/{self.index}", json.dumps({"mappings": mappings}))

    async def add(self, documents: Sequence[Mapping[str, Any]]) -> None:
        lines: list[Mapping[str, Any]] = []
        for source in documents:
            lines += [{"index": {"_index": self.index, "_id": uuid.uuid4().hex}}, source]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        assert not (await self.call("POST", "/_bulk?refresh=true", text))["errors"]

    def source(self, mapping: Mapping[str, object] = MAPPING, **values: object) -> SearchSource:
        table = {"hosts": self.url, "index": self.index, "flavour": self.flavour, **values}
        source = Harness().build(table, mapping)
        assert isinstance(source, SearchSource)
        return source


@pytest.fixture(params=["wire", "real"])
async def store(request: pytest.FixtureRequest, flavour: str) -> AsyncIterator[Store]:
    version = "3.3.0" if flavour == "opensearch" else "8.19.3"
    async with SearchServer(flavour, version) as server:
        url = server.url if request.param == "wire" else os.environ.get(REAL[flavour], "")
        if not url:
            pytest.skip(
                f"needs a server of {flavour}: set {REAL[flavour]} to its URL, such as http://localhost:9200"
            )
        made = Store(url, flavour, f"argus-test-{uuid.uuid4().hex[:12]}")
        await made.create()
        try:
            yield made
        finally:
            await close_built()
            await made.call("DELETE", f"/{made.index}")


@pytest.fixture(params=sorted(REAL))
def flavour(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def test_every_document_once_in_order(store: Store) -> None:
    await store.add([document(n, n // 25) for n in reversed(range(100))])
    source = store.source()
    values, cursor = await read_all(source, source.begin(0), limit=7)
    assert sorted(values) == list(range(100))
    assert [n // 25 for n in values] == sorted(n // 25 for n in values)

    await store.add([document(500, 2)])
    late, _ = await read_all(source, cursor, limit=7)
    assert 500 in late


async def test_a_point_in_time_that_is_gone_loses_nothing(store: Store) -> None:
    await store.add([document(n, n) for n in range(40)])
    source = store.source()
    first = await source.fetch(source.begin(0), 10)
    assert source._walk is not None
    assert source._service is not None
    await source._service.close_point_in_time(source._walk.pit)
    rest, _ = await read_all(source, first.cursor, limit=10)
    assert rest == list(range(9, 40))


async def test_metricbeat_becomes_rows(store: Store) -> None:
    await store.add([*everything(5, "a"), *everything(6, "b"), *everything(65, "a")])
    source = store.source({}, batch_documents=3)
    rows, _ = await read(source, source.begin(0))
    assert sorted(keys(rows)) == [("a", ms(0)), ("a", ms(60)), ("b", ms(0))]
    assert rows[0]["system.filesystem.used.pct"] == 0.7


async def test_a_missing_index_is_an_error(store: Store) -> None:
    for index in (f"{store.index}-absent", f"{store.index}-absent-*"):
        source = store.source(index=index)
        with pytest.raises(SourceError, match="index"):
            await source.fetch(source.begin(0), 10)


async def test_a_time_that_is_text_is_refused(store: Store) -> None:
    source = store.source(time_field="server_name")
    await store.add([document(0, 0)])
    with pytest.raises(SourceError, match="server_name"):
        await source.fetch(source.begin(0), 10)
