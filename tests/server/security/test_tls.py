"""Encrypted ports: who gets through the handshake, and certificates that change under load."""

from __future__ import annotations

import asyncio
import http.client
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from argus.v1 import admin_pb2, prediction_pb2
from argus_server.security.certificates import CertificateError, Certificates, TlsFiles
from argus_server.security.scopes import Scope
from argus_server.settings import ServerSettings, SettingsError
from tests.certificates import HOUR, Authority, Issued
from tests.server.running import IngestStream, Running, history, open_channel, running
from tests.server.security.guarded import Keys, bearer, call
from tests.waiting import eventually

STATUS = "/argus.v1.AdminService/GetStatus"
OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED


@dataclass
class Pki:
    """An authority, the files of a server, and what a client needs."""

    authority: Authority
    directory: Path

    def serve(self, issued: Issued) -> dict[str, Any]:
        certificate, key = issued.write(self.directory, "server")
        return {"tls_cert": certificate, "tls_key": key}

    def client(
        self, issued: Issued | None = None, authority: Authority | None = None
    ) -> grpc.ChannelCredentials:
        trusted = (authority or self.authority).pem
        if issued is None:
            return grpc.ssl_channel_credentials(trusted)
        return grpc.ssl_channel_credentials(trusted, issued.private_key, issued.certificate)

    def authority_file(self) -> Path:
        path = self.directory / "clients.pem"
        path.write_bytes(self.authority.pem)
        return path


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    directory = tmp_path / "tls"
    directory.mkdir()
    return Pki(Authority(), directory)


async def status_with(argus: Running, credentials: grpc.ChannelCredentials | None, **options: Any) -> Any:
    async with open_channel(argus.server.addresses.grpc, credentials) as channel:
        return (await call(channel, STATUS, bearer(options.get("key")))).code


async def test_who_gets_through_tls(pki: Pki) -> None:
    files = pki.serve(pki.authority.issue("argus"))
    async with running(credentials=pki.client(), **files) as argus:
        assert await status_with(argus, pki.client()) is OK
        assert await status_with(argus, None) is UNAVAILABLE  # in the clear to a TLS port
        assert await status_with(argus, pki.client(authority=Authority())) is UNAVAILABLE


async def test_tls_to_a_port_in_the_clear_fails(pki: Pki) -> None:
    async with running() as argus:
        assert await status_with(argus, pki.client()) is UNAVAILABLE


async def test_who_gets_through_mutual_tls(pki: Pki) -> None:
    files = pki.serve(pki.authority.issue("argus"))
    known = pki.authority.issue("publisher-1")
    async with running(credentials=pki.client(known), tls_client_ca=pki.authority_file(), **files) as argus:
        assert await status_with(argus, pki.client(known)) is OK
        assert await status_with(argus, pki.client()) is UNAVAILABLE  # no certificate
        stranger = Authority("somebody else").issue("publisher-1")
        assert await status_with(argus, pki.client(stranger)) is UNAVAILABLE
        expired = pki.authority.issue("publisher-1", -HOUR)
        assert await status_with(argus, pki.client(expired)) is UNAVAILABLE


async def test_an_expired_server_certificate_is_refused_by_clients(pki: Pki) -> None:
    """The server would refuse to start with it; so it expires while the server runs."""
    issued = pki.authority.issue("argus", timedelta(seconds=4))
    async with running(credentials=pki.client(), **pki.serve(issued)) as argus:
        await eventually(lambda: _is(status_with(argus, pki.client()), UNAVAILABLE))


async def _is(made: Any, code: grpc.StatusCode) -> bool:
    return (await made) is code


async def test_a_certificate_can_stand_for_a_key(pki: Pki, tmp_path: Path) -> None:
    key = Keys(tmp_path).make("reader", Scope.READ)
    reader, writer, unknown = (pki.authority.issue(name) for name in ("dashboard", "publisher", "nobody"))
    settings: dict[str, Any] = {
        **pki.serve(pki.authority.issue("argus")),
        "tls_client_ca": pki.authority_file(),
        "tls_identities": {"dashboard": ["read"], "publisher": ["ingest"]},
        "data_dir": tmp_path,
    }
    async with running(credentials=pki.client(reader), **settings) as argus:
        assert await status_with(argus, pki.client(reader)) is OK
        assert await status_with(argus, pki.client(writer)) is DENIED
        assert await status_with(argus, pki.client(unknown)) is UNAUTHENTICATED
        assert await status_with(argus, pki.client(unknown), key=key) is OK
        # A key counts more than a certificate: it is what the caller chose to say.
        assert await status_with(argus, pki.client(reader), key="nonsense") is UNAUTHENTICATED


@pytest.fixture
async def rotating(pki: Pki, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(credentials=pki.client(), **pki.serve(pki.authority.issue("first"))) as argus:
        yield argus


async def test_a_new_certificate_is_taken_under_load_and_open_streams_stay(
    rotating: Running, pki: Pki
) -> None:
    stream = IngestStream(rotating.ingest)
    await stream.hello()
    names = ["web-1", "web-2"]
    subscription = rotating.prediction.Subscribe(prediction_pb2.SubscribeRequest())
    assert await subscription.read()
    for sequence in range(1, 20):
        answer = await stream.send(sequence, history(names, 30, seed=sequence))
        assert answer.WhichOneof("message") == "ack"
        if sequence == 5:
            pki.serve(pki.authority.issue("second"))
            await eventually(lambda: _shows(rotating, pki, "second"))
    assert await subscription.read()
    assert await stream.close() is OK
    assert await status_with(rotating, pki.client()) is OK
    assert await shown(rotating.metrics_address, pki) == "second"  # the metrics port follows as well
    subscription.cancel()


async def _shows(argus: Running, pki: Pki, name: str) -> bool:
    return await shown(argus.server.addresses.grpc, pki) == name


async def shown(address: str, pki: Pki) -> str:
    """Common name of the certificate a port shows to a new connection."""
    host, port = address.split(":")
    context = ssl.create_default_context(cadata=pki.authority.pem.decode())
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname="localhost")
    try:
        certificate: Any = writer.get_extra_info("peercert")
        return str(certificate["subject"][0][0][1])
    finally:
        writer.close()


async def test_a_broken_new_certificate_leaves_the_old_one_and_is_seen(rotating: Running, pki: Pki) -> None:
    async def status() -> Any:
        return await rotating.admin.GetStatus(admin_pb2.GetStatusRequest())

    assert not (await status()).degraded_reason.count("TLS")
    (pki.directory / "server.pem").write_text("-----BEGIN CERTIFICATE-----\nrubbish\n")
    await eventually(lambda: _says(status, "the former TLS certificate stays in force"))
    assert await shown(rotating.server.addresses.grpc, pki) == "first"
    metrics = await scrape(rotating.metrics_address, pki)
    assert b"argus_tls_reload_failures_total 1.0" in metrics
    pki.serve(pki.authority.issue("mended"))
    await eventually(lambda: _shows(rotating, pki, "mended"))
    assert "TLS" not in (await status()).degraded_reason


async def _says(status: Any, text: str) -> bool:
    found = await status()
    return found.degraded and text in found.degraded_reason


async def test_the_metrics_say_when_the_certificate_expires(rotating: Running, pki: Pki) -> None:
    lines = (await scrape(rotating.metrics_address, pki)).decode().splitlines()
    name = "argus_tls_certificate_expiry_timestamp_seconds "
    (value,) = [float(line.removeprefix(name)) for line in lines if line.startswith(name)]
    import time

    assert 0 < value - time.time() <= 3600


async def scrape(address: str, pki: Pki, key: str | None = None, client: Issued | None = None) -> bytes:
    def ask() -> bytes:
        context = ssl.create_default_context(cadata=pki.authority.pem.decode())
        if client is not None:
            context.load_cert_chain(*client.write(pki.directory, "scraper"))
        connection = http.client.HTTPSConnection(address, timeout=10, context=context)
        try:
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            connection.request("GET", "/metrics", headers=headers)
            answer = connection.getresponse()
            return f"{answer.status}\n".encode() + answer.read()
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


async def test_the_metrics_port_asks_for_a_key_when_told(pki: Pki, tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    read, ingest = keys.make("prometheus", Scope.READ), keys.make("publisher", Scope.INGEST)
    settings = {**pki.serve(pki.authority.issue("argus")), "data_dir": tmp_path, "metrics_require_key": True}
    async with running(credentials=pki.client(), **settings) as argus:
        assert (await scrape(argus.metrics_address, pki, read)).startswith(b"200\n")
        refused = await scrape(argus.metrics_address, pki)
        assert refused == b"401\nthis server asks for an API key; send authorization: Bearer KEY\n"
        assert b"needs the scope read" in await scrape(argus.metrics_address, pki, ingest)


async def test_the_metrics_port_takes_a_certificate_for_a_key(pki: Pki, tmp_path: Path) -> None:
    scraper, other = pki.authority.issue("prometheus"), pki.authority.issue("other")
    settings: dict[str, Any] = {
        **pki.serve(pki.authority.issue("argus")),
        "tls_client_ca": pki.authority_file(),
        "tls_identities": {"prometheus": ["read"]},
        "metrics_require_key": True,
    }
    async with running(credentials=pki.client(scraper), **settings) as argus:
        assert (await scrape(argus.metrics_address, pki, client=scraper)).startswith(b"200\n")
        assert (await scrape(argus.metrics_address, pki, client=other)).startswith(b"401\n")
        with pytest.raises((ssl.SSLError, OSError)):
            await scrape(argus.metrics_address, pki)


async def test_a_connection_that_never_shakes_hands_holds_up_no_scrape(rotating: Running, pki: Pki) -> None:
    host, port = rotating.metrics_address.split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    assert (await scrape(rotating.metrics_address, pki)).startswith(b"200\n")
    writer.close()


def load(pki: Pki, certificate: Path, key: Path, authority: Path | None = None) -> str:
    with pytest.raises(CertificateError) as refused:
        Certificates(TlsFiles(certificate, key, authority))
    return str(refused.value)


def test_what_a_server_cannot_start_with_is_named(pki: Pki) -> None:
    certificate, key = pki.authority.issue("argus").write(pki.directory, "good")
    _, other_key = pki.authority.issue("argus").write(pki.directory, "other")
    expired, expired_key = pki.authority.issue("argus", -HOUR).write(pki.directory, "expired")
    rubbish = pki.directory / "rubbish"
    rubbish.write_text("rubbish")
    assert f"cannot read {pki.directory / 'none'}" in load(pki, pki.directory / "none", key)
    assert f"{rubbish} has no PEM certificate" in load(pki, rubbish, key)
    assert f"{other_key} is no unencrypted PEM key of {certificate}" in load(pki, certificate, other_key)
    assert f"{rubbish} is no unencrypted PEM key" in load(pki, certificate, rubbish)
    assert f"{expired} expired at" in load(pki, expired, expired_key)
    assert f"{rubbish} has no PEM certificate" in load(pki, certificate, key, rubbish)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"tls_cert": "a.pem"}, "only one of tls_cert and tls_key is given"),
        ({"tls_client_ca": "a.pem"}, "tls_client_ca needs tls_cert and tls_key"),
        (
            {"tls_cert": "a", "tls_key": "b", "tls_identities": {"x": ["read"]}},
            "tls_identities needs tls_client_ca",
        ),
        ({"require_keys": True}, "require_keys needs data_dir"),
        ({"metrics_require_key": True}, "metrics_require_key needs data_dir"),
        (
            {"listen": "0.0.0.0:1"},
            "nothing is encrypted: give --tls-cert and --tls-key; nobody is authenticated",
        ),
        ({"listen": "0.0.0.0:1", "data_dir": "d"}, "nothing is encrypted: give --tls-cert"),
        (
            {"listen": "0.0.0.0:1", "tls_cert": "a", "tls_key": "b"},
            "nobody is authenticated: give --data-dir",
        ),
        ({"metrics_listen": "0.0.0.0:1", "data_dir": "d"}, "0.0.0.0:1 can be reached from other machines"),
    ],
)
def test_settings_that_leave_a_gap_are_refused(given: dict[str, Any], fault: str) -> None:
    with pytest.raises(SettingsError) as refused:
        ServerSettings.load(given)
    assert fault in str(refused.value)


def test_beyond_loopback_with_tls_and_keys_is_allowed_and_then_keys_are_asked_for() -> None:
    tls: dict[str, Any] = {"tls_cert": "a", "tls_key": "b", "data_dir": "d"}
    far = ServerSettings.load({**tls, "listen": "0.0.0.0:1", "metrics_listen": "0.0.0.0:2"})
    assert (far.is_exposed, far.metrics_need_key) == (True, True)
    near = ServerSettings.load(tls)
    assert (near.is_exposed, near.metrics_need_key) == (False, False)
    trusted = ServerSettings.load(
        {"listen": "0.0.0.0:1", "metrics_listen": "0.0.0.0:2", "insecure_listen": True}
    )
    assert (trusted.is_reachable, trusted.is_exposed, trusted.metrics_need_key) == (True, False, False)


async def test_beyond_loopback_nobody_gets_in_before_there_is_a_key(pki: Pki, tmp_path: Path) -> None:
    settings = {
        **pki.serve(pki.authority.issue("argus")),
        "data_dir": tmp_path,
        "listen": "0.0.0.0:0",
        "metrics_listen": "",
    }
    async with running(credentials=pki.client(), **settings) as argus:
        target = argus.server.addresses.grpc.replace("0.0.0.0", "127.0.0.1")
        async with open_channel(target, pki.client()) as channel:
            assert (await call(channel, STATUS, ())).code is UNAUTHENTICATED
            key = Keys(tmp_path).make("first", Scope.READ)

            async def works() -> bool:
                return (await call(channel, STATUS, bearer(key))).code is OK

            await eventually(works)
