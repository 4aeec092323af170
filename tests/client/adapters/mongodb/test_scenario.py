"""One scenario against the wire-level server of these tests, and against a real MongoDB if there is one.

A real one is named by its URL, with credentials if it asks for any: `ARGUS_TEST_MONGODB_URL=mongodb://localhost:27017`.
The tests make a database of their own there, and drop it.
"""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from bson.objectid import ObjectId
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from argus_client.adapters.pull import PullSource
from argus_client.adapters.source import SourceError
from tests.client.adapters.mongodb.reading import Harness
from tests.client.adapters.mongodb.test_source import MAPPING, document, moment
from tests.client.adapters.mongodb.wire import MongoServer
from tests.client.adapters.pulling import close_built, read_all

REAL = "ARGUS_TEST_MONGODB_URL"


@dataclass
class Store:
    """A server, and a database that is this test's own."""

    uri: str
    database: AsyncDatabase[dict[str, Any]]

    def source(self, harness: Any = None, collection: str = "server_metrics") -> PullSource:
        table = {"uri": self.uri, "database": self.database.name, "collection": collection}
        source: PullSource = (harness or Harness()).build(table, MAPPING)
        return source


@pytest.fixture(params=["wire", "real"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    name = f"argus_test_{uuid.uuid4().hex[:12]}"
    async with MongoServer() as server:
        uri = server.uri if request.param == "wire" else os.environ.get(REAL, "")
        if not uri:
            pytest.skip(f"needs a MongoDB: set {REAL} to its URL, such as mongodb://localhost:27017")
        async with AsyncMongoClient[dict[str, Any]](uri) as client:
            try:
                yield Store(uri, client[name])
            finally:
                await client.drop_database(name)
                await close_built()


async def test_every_document_once_in_order_whatever_its_id(store: Store) -> None:
    ids: list[Any] = [
        *range(20),
        *(f"id{i}" for i in range(20)),
        *(ObjectId() for _ in range(20)),
        *(float(i) + 0.5 for i in range(20)),
        *(dt.datetime.fromtimestamp(i, dt.UTC) for i in range(20)),
    ]
    rows = [{**document(n, n // 25), "_id": key} for n, key in enumerate(ids)]
    await store.database["server_metrics"].insert_many(rows)
    await store.database["server_metrics"].create_index("timestamp")
    harness = Harness()
    source = store.source(harness)
    values, cursor = await read_all(source, source.begin(0), limit=7)
    assert sorted(values) == list(range(100))
    assert [n // 25 for n in values] == sorted(n // 25 for n in values)
    assert harness.warnings == []

    await store.database["server_metrics"].insert_one({**document(500, 2)})
    late, _ = await read_all(source, cursor, limit=7)
    assert 500 in late


async def test_time_as_text_is_asked_for_as_text(store: Store) -> None:
    rows = [
        {"timestamp": moment(60 * n).strftime("%Y-%m-%dT%H:%M:%SZ"), "server_name": "web", "n": n}
        for n in range(30)
    ]
    await store.database["server_metrics"].insert_many(rows)
    await store.database["server_metrics"].create_index("timestamp")
    source = store.source()
    values, _ = await read_all(source, source.begin(int(moment(600).timestamp() * 1_000)), limit=7)
    assert values == list(range(10, 30))


async def test_a_missing_index_is_said_and_documents_of_another_type_are_told_of(store: Store) -> None:
    await store.database["server_metrics"].insert_many([dict(document(n, n)) for n in range(5)])
    harness = Harness()
    source = store.source(harness)
    values, _ = await read_all(source, source.begin(0))
    assert values == list(range(5))
    assert [line.partition(":")[0] for line in harness.warnings] == [
        f"No index of {store.database.name}.server_metrics starts with 'timestamp'"
    ]

    await store.database["server_metrics"].create_index("timestamp")
    await store.database["server_metrics"].insert_one({"timestamp": "soon", "n": 9})
    harness = Harness()
    source = store.source(harness)
    values, _ = await read_all(source, source.begin(0))
    assert values == list(range(5))
    assert "of type number or string" in harness.warnings[0]


async def test_a_missing_collection_is_an_error(store: Store) -> None:
    await store.database["server_metrics"].insert_one({**document(0, 0)})
    source = store.source(collection="absent")
    with pytest.raises(SourceError, match="no collection 'absent'; it has server_metrics"):
        await source.fetch(source.begin(0), 10)
