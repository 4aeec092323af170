"""Standard health: one status per service, one for the server as a whole, and one for the model."""

from __future__ import annotations

from typing import Final

from grpc_health.v1 import health, health_pb2

MODEL: Final = "argus.model"
STORE: Final = "argus.store"


class HealthBoard:
    """Keeps `grpc.health.v1` true.

    The whole server and its services are SERVING once the model or the declared fallback answers. `argus.model` is
    SERVING only while the model itself does, so a probe can tell a degraded server from a sound one, and `argus.store`
    only while rows can be kept; a server without a data directory does not have it.

    Args:
        services: Full names of the registered services.
    """

    def __init__(self, services: tuple[str, ...]) -> None:
        self.servicer = health.aio.HealthServicer()
        self._services = ("", *services)

    async def set_serving(self, serving: bool) -> None:
        """Sets the server and all its services."""
        for service in self._services:
            await self.servicer.set(service, _status(serving))

    async def set_model(self, running: bool) -> None:
        """Sets the model."""
        await self.servicer.set(MODEL, _status(running))

    async def set_store(self, working: bool) -> None:
        """Sets the store."""
        await self.servicer.set(STORE, _status(working))

    async def drain(self) -> None:
        """Sets everything to NOT_SERVING for good."""
        await self.servicer.enter_graceful_shutdown()


def _status(serving: bool) -> health_pb2.HealthCheckResponse.ServingStatus:
    response = health_pb2.HealthCheckResponse
    return response.SERVING if serving else response.NOT_SERVING
