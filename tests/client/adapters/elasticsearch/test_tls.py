"""Elasticsearch and OpenSearch over TLS: the authority is checked, and a wrong one is one clear line."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from argus_client.adapters.pull import SourceUnavailable
from argus_client.adapters.source import SourceError
from tests.certificates import Authority
from tests.client.adapters.elasticsearch.reading import Harness
from tests.client.adapters.elasticsearch.search_server import SearchServer
from tests.client.adapters.elasticsearch.test_source import MAPPING, document, table
from tests.client.adapters.pulling import close_built, read_all


@pytest.mark.parametrize("flavour", ["elasticsearch", "opensearch"])
async def test_tls_checks_the_certificate(flavour: str, tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue("search").write(tmp_path, "server")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "other.pem").write_bytes(Authority("another").pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async with SearchServer(flavour, "8.19.3", tls=context) as server:
        server.add("metrics-a", [document(1, 0)])

        async def read(values: Mapping[str, object]) -> list[int]:
            source = Harness(base_dir=tmp_path).build(table(server, **values), MAPPING)
            found, _ = await read_all(source, source.begin(0))
            return found

        assert await read({"ca_file": "ca.pem"}) == [1]
        assert await read({"verify_certificates": False}) == [1]
        for values in ({}, {"ca_file": "other.pem"}):
            with pytest.raises(SourceError, match=r"TLS failed.*Set ca_file") as error:
                await read(values)
            assert not isinstance(error.value, SourceUnavailable)
        await close_built()
