"""OTLP over HTTP: POST /v1/metrics, as protobuf or JSON, packed with gzip or not."""

from __future__ import annotations

import math
import ssl
import tempfile
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.rpc import status_pb2

from argus_client.adapters.otlp.access import Certificate, Endpoint
from argus_client.adapters.otlp.grpc_endpoint import packed, retry_info
from argus_client.adapters.otlp.intake import Intake
from argus_client.adapters.pull import SourceUnavailable
from argus_client.extras import require

if TYPE_CHECKING:
    from aiohttp import web

PATH: Final = "/v1/metrics"
_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_STOP_SECONDS: Final = 2.0
_INVALID_ARGUMENT: Final = 3
_UNAUTHENTICATED: Final = 16
_UNAVAILABLE: Final = 14


@asynccontextmanager
async def listening_http(endpoint: Endpoint, intake: Intake, max_bytes: int) -> AsyncIterator[str]:
    """Serves OTLP/HTTP inside the block; yields HOST:PORT.

    Raises:
        SourceError: the port cannot be had.
        MissingExtraError: aiohttp or opentelemetry-proto is not installed.
    """
    web = require("aiohttp.web", "adapters")
    application = web.Application(client_max_size=max_bytes)
    application.router.add_post(PATH, _Handler(endpoint, intake, web, max_bytes).post)
    runner = web.AppRunner(
        application, access_log=None, auto_decompress=False, shutdown_timeout=_STOP_SECONDS
    )
    await runner.setup()
    try:
        tls = None if endpoint.certificate is None else _tls(endpoint.certificate)
        site = web.TCPSite(runner, endpoint.host, endpoint.port, ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            raise endpoint.taken("HTTP", error.strerror or error) from None
        yield f"{endpoint.host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class _Handler:
    """Answers POST requests in the encoding they came in."""

    def __init__(self, endpoint: Endpoint, intake: Intake, web: Any, max_bytes: int) -> None:
        self._endpoint = endpoint
        self._intake = intake
        self._web = web
        self._max_bytes = max_bytes
        self._service = require("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2", "adapters")

    async def post(self, request: web.Request) -> web.Response:
        """Takes an export."""
        kind = request.content_type
        if kind not in (_PROTOBUF, _JSON):
            said = f"The content type is {kind}; it must be {_PROTOBUF} or {_JSON}."
            return self._respond(415, "text/plain", said.encode())
        if not self._endpoint.admits(request.headers.get("Authorization", "")):
            said = "The bearer token is missing or wrong. Set the header Authorization."
            return self._answer(401, kind, status_pb2.Status(code=_UNAUTHENTICATED, message=said))
        body = await request.read()
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            said = f"The content encoding is {encoding}; it must be gzip or none."
            return self._respond(415, "text/plain", said.encode())
        try:
            body = _unpacked(body, self._max_bytes) if encoding == "gzip" else body
        except zlib.error as error:
            said = f"The body is no gzip: {error}. Do not send it again."
            return self._answer(400, kind, status_pb2.Status(code=_INVALID_ARGUMENT, message=said))
        if len(body) > self._max_bytes:
            said = f"The body has more than {self._max_bytes} bytes unpacked. Export smaller batches."
            return self._answer(413, kind, status_pb2.Status(code=_INVALID_ARGUMENT, message=said))
        message = self._service.ExportMetricsServiceRequest()
        try:
            if kind == _JSON:
                json_format.Parse(body, message, ignore_unknown_fields=True)
            else:
                message.ParseFromString(body)
        except (DecodeError, json_format.ParseError, UnicodeDecodeError) as error:
            said = f"The body is no ExportMetricsServiceRequest: {error}. Do not send it again."
            return self._answer(400, kind, status_pb2.Status(code=_INVALID_ARGUMENT, message=said))
        try:
            taken = await self._intake.take(message)
        except SourceUnavailable as error:
            status = status_pb2.Status(
                code=_UNAVAILABLE, message=str(error), details=[packed(retry_info(error))]
            )
            seconds = str(math.ceil(error.retry_after_seconds or 1.0))
            return self._answer(503, kind, status, {"Retry-After": seconds})
        response = self._service.ExportMetricsServiceResponse()
        if taken.problem:
            response.partial_success.rejected_data_points = taken.rejected_points
            response.partial_success.error_message = taken.problem
        return self._answer(200, kind, response)

    def _answer(
        self, status: int, kind: str, message: Any, headers: dict[str, str] | None = None
    ) -> web.Response:
        body = json_format.MessageToJson(message).encode() if kind == _JSON else message.SerializeToString()
        return self._respond(status, kind, body, headers)

    def _respond(
        self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None
    ) -> web.Response:
        response: web.Response = self._web.Response(
            status=status, body=body, content_type=kind, headers=headers
        )
        return response


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    """What was packed; of what would be too large, only that much more that it shows.

    Raises:
        zlib.error: it is no gzip, or not all of it.
    """
    unpacking = zlib.decompressobj(wbits=31)
    unpacked = unpacking.decompress(body, max_bytes + 1)
    if not unpacking.eof and len(unpacked) <= max_bytes:
        raise zlib.error("it ends too early")
    return unpacked


def _tls(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory(prefix="argus-otlp-") as directory:  # ssl reads chains from files only
        chain, key = Path(directory, "chain.pem"), Path(directory, "key.pem")
        chain.write_bytes(certificate.chain)
        key.touch(mode=0o600)
        key.write_bytes(certificate.private_key)
        context.load_cert_chain(chain, key)
    if certificate.client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=certificate.client_authority.decode())
    return context
