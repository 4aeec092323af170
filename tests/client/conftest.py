"""Both clients behind one interface, so that every test of behaviour runs against both."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from argus_client import ArgusClient, AsyncArgusClient, Backoff
from argus_client.testing import FakeServer

QUICK = Backoff(initial_seconds=0.01, maximum_seconds=0.05)


class Twin:
    """Makes clients of one kind and awaits what either kind returns."""

    def __init__(self, kind: type[ArgusClient] | type[AsyncArgusClient]) -> None:
        self.kind = kind
        self._opened: list[Any] = []

    def client(self, target: str, **arguments: Any) -> Any:
        """A client that is closed with the test."""
        client = self.kind(target, **{"stream_backoff": QUICK, **arguments})
        self._opened.append(client)
        return client

    async def call(self, method: Callable[..., Any], *args: Any, **arguments: Any) -> Any:
        """Calls a method of a client: awaits it, or runs it in a thread."""
        if inspect.iscoroutinefunction(method):
            return await method(*args, **arguments)
        return await asyncio.to_thread(method, *args, **arguments)

    async def close(self) -> None:
        for client in self._opened:
            await self.call(client.close)


@pytest.fixture(params=[ArgusClient, AsyncArgusClient], ids=["sync", "async"])
async def twin(request: pytest.FixtureRequest) -> AsyncIterator[Twin]:
    twin = Twin(request.param)
    yield twin
    await twin.close()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def black_hole() -> Iterator[str]:
    """Address of a server that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
