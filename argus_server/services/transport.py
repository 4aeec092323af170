"""The gRPC server itself: its options, the services on it, its port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from argus_server.services.health import HealthBoard
from argus_server.services.registration import register

MAX_MESSAGE_BYTES: Final = 64 << 20

CHANNEL_OPTIONS: Final = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A second server on the same port must fail, not silently take half of the fleet.
    ("grpc.so_reuseport", 0),
    # Readers that stall must not make the transport buffer megabytes each.
    ("grpc.http2.bdp_probe", 0),
    # Agrees with the client's keepalive, which pings every 30 s.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the contract and what serves it.

    Attributes:
        descriptor: The service.
        servicer: Has a method for each of its own.
        raw: Methods whose messages are bytes, in or out.
    """

    descriptor: ServiceDescriptor
    servicer: object
    raw: frozenset[str] = frozenset()


def make_server(guard: grpc.aio.ServerInterceptor, max_request_bytes: int) -> grpc.aio.Server:
    """A server that lets every call pass through `guard`."""
    limit = ("grpc.max_receive_message_length", max_request_bytes)
    return grpc.aio.server(interceptors=(guard,), options=(*CHANNEL_OPTIONS, limit))


async def add_services(
    server: grpc.aio.Server, services: Sequence[Service]
) -> tuple[HealthBoard, tuple[str, ...]]:
    """Puts services on a server, with health and reflection; healthy none of them is yet.

    Returns:
        Their health, and the full names of all services, health and reflection last.
    """
    own = tuple(register(server, one.descriptor, one.servicer, one.raw) for one in services)
    board = HealthBoard(own)
    await board.set_serving(False)
    await board.set_model(False)
    health_pb2_grpc.add_HealthServicer_to_server(board.servicer, server)
    health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    names = (*own, health_name, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return board, names


def listen(server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None) -> int:
    """Binds a server; returns the port.

    Raises:
        OSError: The address cannot be had.
    """
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}: the address is taken or not this machine's") from error
