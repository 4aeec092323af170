"""`argus.v1.AdminService`: what the server is, how it does, and which model it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from argus.v1 import admin_pb2
from argus_server.model_control import ModelControl


class AdminServicer:
    """Administers the server.

    Args:
        info: Says what the server is; fixed for its life.
        status: Says how the server does.
        models: Lists and swaps models.
        swapped: Called after a swap, so that the next snapshot comes from the new model.
    """

    def __init__(
        self,
        info: Callable[[], admin_pb2.GetServerInfoResponse],
        status: Callable[[], admin_pb2.GetStatusResponse],
        models: ModelControl,
        swapped: Callable[[], Awaitable[None]],
    ) -> None:
        self._info = info
        self._status = status
        self._models = models
        self._swapped = swapped

    async def GetServerInfo(self, request: admin_pb2.GetServerInfoRequest) -> admin_pb2.GetServerInfoResponse:
        """What the server is."""
        return self._info()

    async def GetStatus(self, request: admin_pb2.GetStatusRequest) -> admin_pb2.GetStatusResponse:
        """How the server does."""
        return self._status()

    async def ListModels(self, request: admin_pb2.ListModelsRequest) -> admin_pb2.ListModelsResponse:
        """The artifacts on disk."""
        return admin_pb2.ListModelsResponse(models=await self._models.artifacts())

    async def LoadModel(self, request: admin_pb2.LoadModelRequest) -> admin_pb2.LoadModelResponse:
        """Swaps to an artifact by name."""
        await self._models.load(request.name)
        await self._swapped()
        return admin_pb2.LoadModelResponse(model=self._models.info())

    async def ReloadModel(self, request: admin_pb2.ReloadModelRequest) -> admin_pb2.ReloadModelResponse:
        """Loads the configured artifact again."""
        await self._models.reload()
        await self._swapped()
        return admin_pb2.ReloadModelResponse(model=self._models.info())

    async def RollBackModel(self, request: admin_pb2.RollBackModelRequest) -> admin_pb2.RollBackModelResponse:
        """Swaps back to the former model."""
        await self._models.roll_back()
        await self._swapped()
        return admin_pb2.RollBackModelResponse(model=self._models.info())
