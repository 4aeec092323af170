"""MongoDB over TLS: the authority is checked, and a wrong or missing one is one clear line."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from argus_client.adapters.pull import SourceUnavailable
from argus_client.adapters.source import SourceError
from tests.certificates import Authority
from tests.client.adapters.mongodb.reading import Harness
from tests.client.adapters.mongodb.test_source import MAPPING, TABLE, document
from tests.client.adapters.mongodb.wire import MongoServer
from tests.client.adapters.pulling import close_built, read_all


@pytest.mark.usefixtures("_forgotten_sockets")
async def test_tls_checks_the_certificate(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue("mongodb").write(tmp_path, "server")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "other.pem").write_bytes(Authority("another").pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async with MongoServer(tls=context) as server:
        server.insert("linborg", "server_metrics", [document(1, 0)])
        base = {"uri": server.uri, "timeout_seconds": 1.0, **TABLE}

        async def read(values: Mapping[str, object]) -> list[int]:
            source = Harness(base_dir=tmp_path).build({**base, **values}, MAPPING)
            found, _ = await read_all(source, source.begin(0))
            return found

        assert await read({"tls": True, "tls_ca_file": "ca.pem"}) == [1]
        assert await read({"tls": True, "tls_allow_invalid_certificates": True}) == [1]
        with pytest.raises(SourceError, match="its certificate is not trusted: set tls_ca_file") as error:
            await read({"tls": True, "tls_ca_file": "other.pem"})
        assert not isinstance(error.value, SourceUnavailable)
        with pytest.raises(SourceUnavailable, match="tls = true"):
            await read({})
        await close_built()


@pytest.mark.usefixtures("_forgotten_sockets")
async def test_a_server_that_answers_in_the_clear_is_an_error() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"no TLS is spoken here\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        values = {"uri": f"mongodb://{host}:{port}", "timeout_seconds": 1.0, "tls": True, **TABLE}
        source = Harness().build(values, MAPPING)
        with pytest.raises(SourceError, match="it does not speak TLS: set tls = false") as error:
            await source.fetch(source.begin(0), 10)
        await close_built()
    assert not isinstance(error.value, SourceUnavailable)
