"""OTLP over gRPC: `opentelemetry.proto.collector.metrics.v1.MetricsService`."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from argus_client.adapters.otlp.access import Endpoint
from argus_client.adapters.otlp.intake import Intake
from argus_client.adapters.pull import SourceUnavailable
from argus_client.extras import require

_STOP_SECONDS: Final = 2.0
_SERVICE: Final = "opentelemetry.proto.collector.metrics.v1.MetricsService"


@asynccontextmanager
async def listening_grpc(endpoint: Endpoint, intake: Intake, max_bytes: int) -> AsyncIterator[str]:
    """Serves OTLP/gRPC inside the block; yields HOST:PORT.

    Raises:
        SourceError: the port cannot be had.
        MissingExtraError: opentelemetry-proto is not installed.
    """
    service = require("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2", "adapters")

    async def export(request: Any, context: Any) -> Any:
        metadata = {key.lower(): value for key, value in context.invocation_metadata() or ()}
        if not endpoint.admits(str(metadata.get("authorization", ""))):
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                "The bearer token is missing or wrong. Set the header authorization.",
            )
        try:
            taken = await intake.take(request)
        except SourceUnavailable as error:
            await _unavailable(context, error)
        response = service.ExportMetricsServiceResponse()
        if taken.problem:
            response.partial_success.rejected_data_points = taken.rejected_points
            response.partial_success.error_message = taken.problem
        return response

    handler = grpc.unary_unary_rpc_method_handler(
        export,
        request_deserializer=service.ExportMetricsServiceRequest.FromString,
        response_serializer=service.ExportMetricsServiceResponse.SerializeToString,
    )
    options = [("grpc.max_receive_message_length", max_bytes), ("grpc.so_reuseport", 0)]
    server = grpc.aio.server(options=options)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler}),))
    try:
        port = _bind(server, endpoint)
    except RuntimeError as error:
        raise endpoint.taken("gRPC", error) from None
    await server.start()
    try:
        yield f"{endpoint.host}:{port}"
    finally:
        await server.stop(_STOP_SECONDS)


def _bind(server: grpc.aio.Server, endpoint: Endpoint) -> int:
    address = f"{endpoint.host}:{endpoint.port}"
    if (certificate := endpoint.certificate) is None:
        return server.add_insecure_port(address)
    credentials = grpc.ssl_server_credentials(
        [(certificate.private_key, certificate.chain)],
        root_certificates=certificate.client_authority,
        require_client_auth=certificate.client_authority is not None,
    )
    return server.add_secure_port(address, credentials)


async def _unavailable(context: Any, error: SourceUnavailable) -> NoReturn:
    """Ends a call so that its sender tries again, at the time it is told."""
    status = status_pb2.Status(
        code=grpc.StatusCode.UNAVAILABLE.value[0],
        message=str(error),
        details=[packed(retry_info(error))],
    )
    details = ("grpc-status-details-bin", status.SerializeToString())
    await context.abort(grpc.StatusCode.UNAVAILABLE, str(error), (details,))
    raise AssertionError("abort raises")


def retry_info(error: SourceUnavailable) -> error_details_pb2.RetryInfo:
    """When to try again."""
    seconds = error.retry_after_seconds or 1.0
    nanos = math.ceil(math.modf(seconds)[0] * 1e9)
    return error_details_pb2.RetryInfo(
        retry_delay=Duration(seconds=int(seconds), nanos=min(nanos, 999_999_999))
    )


def packed(message: Any) -> AnyMessage:
    """A message as a detail of a status."""
    detail = AnyMessage()
    detail.Pack(message)
    return detail
