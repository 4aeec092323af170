"""MongoDB and Elasticsearch through the whole adapter to a real Argus server: every document once, whatever breaks."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from argus_client import AsyncArgusClient, Backoff
from argus_client.adapters.core import fetching
from argus_client.adapters.core.config import parse
from argus_client.adapters.core.launch import Adapter
from argus_client.adapters.core.registry import find
from argus_client.adapters.core.runner import RunOptions
from argus_client.adapters.core.tally import Tally
from tests.client.adapters.elasticsearch.search_server import Failure, SearchServer
from tests.client.adapters.mongodb import wire
from tests.server.running import START_MS, Running, running

SERVERS, MOMENTS = 5, 60
SECONDS = 5


class _Mongo:
    """Documents in MongoDB, and what may break there."""

    name = "mongodb"

    def __init__(self) -> None:
        self.server = wire.MongoServer()
        self.server.indexes["metrics"].append({"timestamp": 1})

    def open(self) -> AbstractAsyncContextManager[Any]:
        return self.server

    def add(self, documents: list[Mapping[str, Any]]) -> None:
        self.server.insert("linborg", "metrics", documents)

    def source(self) -> Mapping[str, object]:
        return {"uri": self.server.uri, "database": "linborg", "collection": "metrics", "batch_documents": 9}

    def disturb(self) -> None:
        hang_up = wire.Failure(hang_up=True)
        self.server.fail(
            "find", hang_up, hang_up, wire.Failure(10107, "not primary"), wire.Failure(50, "slow")
        )
        self.server.forget_cursors = True


class _Elastic:
    """Documents in Elasticsearch, and what may break there."""

    name = "elasticsearch"

    def __init__(self) -> None:
        self.server = SearchServer()

    def open(self) -> AbstractAsyncContextManager[Any]:
        return self.server

    def add(self, documents: list[Mapping[str, Any]]) -> None:
        self.server.add(
            "metrics", [{"@timestamp": d["timestamp"].isoformat(), **_rest(d)} for d in documents]
        )

    def source(self) -> Mapping[str, object]:
        return {"hosts": self.server.url, "index": "metrics"}

    def disturb(self) -> None:
        self.server.expire()
        self.server.fail("/_search", Failure(429, {"error": "busy"}, {"Retry-After": "0"}), Failure(503))
        self.server.partial = [1]
        self.server.timed_out = 1


def _rest(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in document.items() if key != "timestamp"}


def documents(first: int, last: int) -> list[Mapping[str, Any]]:
    """A document per server and moment, with moments SECONDS apart."""
    return [
        {
            "timestamp": dt.datetime.fromtimestamp(START_MS / 1_000 + SECONDS * moment, dt.UTC),
            "server_name": f"web{server}",
            "cpu_user": 20.0 + server,
            "memory_used": 40.0,
            "status": "OK",
        }
        for moment in range(first, last)
        for server in range(SERVERS)
    ]


@pytest.fixture(params=[_Mongo, _Elastic], ids=["mongodb", "elasticsearch"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    made = request.param()
    async with made.open():
        yield made


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Backoff(initial_seconds=0.001, maximum_seconds=0.002)
    monkeypatch.setattr(fetching.Fetcher.__init__, "__defaults__", (quick, lambda low, high: high))


async def run(store: Any, argus: Running, state_dir: Path, page_rows: int = 40) -> Tally:
    """One `argus adapter run --once`, as a new process would do it."""
    spec = find(store.name)
    text = f"""
        [adapter]
        name = "test"
        since = "all"
        page_rows = {page_rows}
        state_dir = {json.dumps(str(state_dir))}
        [argus]
        target = "{argus.server.addresses.grpc}"
        [mapping]
        preset = "linborg"
        [source]
    """
    text += "\n".join(f"{key} = {json.dumps(value)}" for key, value in store.source().items())
    adapter = Adapter(spec, parse(text, spec), lambda: START_MS + 1_000 * SECONDS * 1_000)
    return await adapter.run(asyncio.Event(), RunOptions(once=True))


async def test_every_document_is_accepted_once_across_failures_and_restarts(
    store: Any, tmp_path: Path
) -> None:
    store.add(documents(0, MOMENTS))
    async with running() as argus, AsyncArgusClient(argus.server.addresses.grpc) as client:
        store.disturb()
        tally = await run(store, argus, tmp_path)
        assert (tally.rejected, tally.unmapped, dict(tally.problems)) == (0, 0, {})
        assert sum(tally.source_errors.values()) >= 2
        assert (await client.get_status()).accepted_rows == SERVERS * MOMENTS

        again = await run(store, argus, tmp_path)
        assert again.fetched < SERVERS * MOMENTS  # the overlap only
        assert (await client.get_status()).accepted_rows == SERVERS * MOMENTS

        store.add(documents(MOMENTS, MOMENTS + 10))
        await run(store, argus, tmp_path)
        assert (await client.get_status()).accepted_rows == SERVERS * (MOMENTS + 10)
        snapshot = await client.get_snapshot()
        assert sorted(snapshot.servers) == [f"web{server}" for server in range(SERVERS)]
