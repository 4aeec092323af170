"""Sources that speak HTTP, pointed at the wrong kind of port: what lasts ends a first run, in words that help."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from argus_client.adapters.core.spec import AdapterSpec
from argus_client.adapters.elasticsearch import SPEC as ELASTICSEARCH
from argus_client.adapters.prometheus import SPEC as PROMETHEUS
from argus_client.adapters.pull import SourceUnavailable
from argus_client.adapters.source import SourceError
from tests.certificates import Authority
from tests.client.adapters.pulling import Harness, close_built

Table = Callable[[str], Mapping[str, object]]
SOURCES: list[tuple[AdapterSpec, Table]] = [
    (PROMETHEUS, lambda url: {"url": url, "preset": "none", "queries": {"load_average": "load"}}),
    (ELASTICSEARCH, lambda url: {"hosts": url, "index": "metrics-*"}),
    (ELASTICSEARCH, lambda url: {"hosts": url, "index": "metrics-*", "flavour": "opensearch"}),
]


@pytest.fixture(params=SOURCES, ids=["prometheus", "elasticsearch", "opensearch"])
async def failing(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[str], Any]]:
    """The error of a source of a URL."""
    spec, table = request.param

    async def failure(url: str) -> SourceError:
        harness = Harness(spec)
        source = harness.build(table(url))
        with pytest.raises(SourceError) as caught:
            await source.fetch(source.begin(harness.now_ms - 600_000), 10)
        assert "ssl:default" not in str(caught.value)
        return caught.value

    yield failure
    await close_built()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes = b"") -> None:
    await reader.read(1000)
    writer.write(answer)
    writer.close()


async def test_tls_to_a_port_in_the_clear(failing: Any) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await plain(reader, writer, b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        error = await failing(f"https://127.0.0.1:{port_of(server)}")
    assert not isinstance(error, SourceUnavailable)
    assert "does not speak TLS: begin [source]" in str(error)


async def test_the_clear_to_a_tls_port_that_says_so(failing: Any) -> None:
    said = b"Client sent an HTTP request to an HTTPS server.\n"
    head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {len(said)}\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await plain(reader, writer, head.encode() + said)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        error = await failing(f"http://127.0.0.1:{port_of(server)}")
    assert not isinstance(error, SourceUnavailable)
    assert "https://" in str(error)


async def test_the_clear_to_a_tls_port_that_says_nothing(failing: Any, tmp_path: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*Authority().issue("here").write(tmp_path, "server"))
    async with await asyncio.start_server(plain, "127.0.0.1", 0, ssl=tls) as server:
        error = await failing(f"http://127.0.0.1:{port_of(server)}")
    # A server that ends looks the same: it is asked again.
    assert isinstance(error, SourceUnavailable)
    assert "without an answer; if it speaks TLS, begin [source]" in str(error)


async def test_a_grpc_port(failing: Any) -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        error = await failing(f"http://127.0.0.1:{port}")
    finally:
        await server.stop(None)
    assert not isinstance(error, SourceUnavailable)
    assert "does not speak HTTP/1.1: it may be" in str(error)


async def test_a_handshake_that_is_broken_off_may_pass(failing: Any) -> None:
    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        error = await failing(f"https://127.0.0.1:{port_of(server)}")
    assert isinstance(error, SourceUnavailable)


async def test_a_port_where_nobody_listens(failing: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await failing(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert isinstance(error, SourceUnavailable)
    assert "cannot be reached: " in str(error)


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port
