"""TLS, mTLS and answers that make no sense, against a bare gRPC server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from argus.v1 import admin_pb2
from argus_client import Backoff, ConnectionLost, Incompatible, MessageTooLarge, TLSConfig
from argus_client.testing import make_samples

from .conftest import Twin

ONCE = Backoff(initial_seconds=0.01, maximum_seconds=0.01, attempts=1)


@contextmanager
def answering(answer: bytes, credentials: grpc.ServerCredentials | None = None) -> Iterator[int]:
    """A server that answers every unary call and every subscription with these bytes; yields its port."""

    class Handlers(grpc.GenericRpcHandler):
        def service(self, handler_call_details: Any) -> Any:
            if handler_call_details.method.endswith("Subscribe"):
                return grpc.unary_stream_rpc_method_handler(lambda *_: iter([answer]))
            if handler_call_details.method.endswith("StreamMetrics"):
                return grpc.stream_stream_rpc_method_handler(lambda *_: iter([answer]))
            return grpc.unary_unary_rpc_method_handler(lambda *_: answer)

    options = [("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Handlers()], options=options)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost and its key."""
    folder = tmp_path_factory.mktemp("certificates")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [
            *command.split(),
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder


def server_credentials(folder: Path, *, mutual: bool) -> grpc.ServerCredentials:
    certificate, key = (folder / "cert.pem").read_bytes(), (folder / "key.pem").read_bytes()
    return grpc.ssl_server_credentials([(key, certificate)], certificate if mutual else None, mutual)


async def test_tls_encrypts_and_checks_the_name(twin: Twin, certificates: Path) -> None:
    status = admin_pb2.GetStatusResponse(serving=True).SerializeToString()
    tls = TLSConfig.from_files(authority=certificates / "cert.pem")
    with answering(status, server_credentials(certificates, mutual=False)) as port:
        trusting = twin.client(f"localhost:{port}", tls=tls, api_key="secret")
        assert (await twin.call(trusting.get_status)).serving

        other_name = twin.client(f"127.0.0.1:{port}", tls=tls, backoff=ONCE)
        with pytest.raises(ConnectionLost):
            await twin.call(other_name.get_status)
        named = TLSConfig.from_files(authority=certificates / "cert.pem", server_name="localhost")
        assert (await twin.call(twin.client(f"127.0.0.1:{port}", tls=named).get_status)).serving

        in_the_clear = twin.client(f"localhost:{port}", backoff=ONCE)
        with pytest.raises(ConnectionLost):
            await twin.call(in_the_clear.get_status)


async def test_mutual_tls_needs_the_clients_certificate(twin: Twin, certificates: Path) -> None:
    status = admin_pb2.GetStatusResponse(serving=True).SerializeToString()
    with answering(status, server_credentials(certificates, mutual=True)) as port:
        mine = TLSConfig.from_files(
            authority=certificates / "cert.pem",
            certificate=certificates / "cert.pem",
            private_key=certificates / "key.pem",
        )
        assert (await twin.call(twin.client(f"localhost:{port}", tls=mine).get_status)).serving

        nobody = TLSConfig.from_files(authority=certificates / "cert.pem")
        with pytest.raises(ConnectionLost):
            await twin.call(twin.client(f"localhost:{port}", tls=nobody, backoff=ONCE).get_status)


async def send(twin: Twin, publisher: Any) -> None:
    await twin.call(publisher.publish, make_samples())
    await twin.call(publisher.flush, 10)


async def test_an_answer_that_makes_no_sense_is_incompatible(twin: Twin) -> None:
    with answering(b"\xff\xff") as port:
        client = twin.client(f"127.0.0.1:{port}")

        with pytest.raises(Incompatible, match=r"no argus\.v1\.GetStatusResponse"):
            await twin.call(client.get_status)
        with pytest.raises(Incompatible, match=r"no argus\.v1\.SubscribeResponse"):
            await twin.call(client.subscribe().next_snapshot, 10)
        with pytest.raises(Incompatible, match=r"no argus\.v1\.StreamMetricsResponse"):
            await send(twin, client.publisher("source"))


async def test_a_message_over_the_limit_names_both_sizes(twin: Twin) -> None:
    too_large = (64 << 20) + 1
    with (
        answering(bytes(too_large)) as port,
        pytest.raises(MessageTooLarge, match=rf"{too_large} vs\. {64 << 20}.*Ask for fewer"),
    ):
        await twin.call(twin.client(f"127.0.0.1:{port}").get_status)
