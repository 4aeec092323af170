"""The history of a fake server: the answers a test gives it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import grpc

from argus.v1 import history_pb2
from argus_client._calls import method_path

_METHODS: Final = ("GetHistorySummary", "ListAlertEvents", "GetServerHistory", "GetFleetHistory")


class FakeHistory:
    """Answers questions about history with what it was given. Nothing was ever recorded, if not said otherwise.

    Attributes:
        summary: Answer to `GetHistorySummary`.
        events: Answer to `ListAlertEvents`.
        servers: Answers to `GetServerHistory`, by name; others are not found.
        fleet: Answer to `GetFleetHistory`.
        chunks: What an export streams.
        break_export: Lets an export end in an error after its chunks.
        requests: All requests, in order.
    """

    def __init__(self) -> None:
        self.summary = history_pb2.GetHistorySummaryResponse()
        self.events = history_pb2.ListAlertEventsResponse()
        self.servers: dict[str, history_pb2.GetServerHistoryResponse] = {}
        self.fleet = history_pb2.GetFleetHistoryResponse()
        self.chunks: list[bytes] = []
        self.break_export = False
        self.requests: list[Any] = []

    def methods(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Handlers by path."""
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            method_path(history_pb2, "HistoryService", name): grpc.unary_unary_rpc_method_handler(
                getattr(self, f"_{name}"), getattr(history_pb2, f"{name}Request").FromString, _serialize
            )
            for name in _METHODS
        }
        path = method_path(history_pb2, "HistoryService", "ExportHistory")
        handlers[path] = grpc.unary_stream_rpc_method_handler(
            self._export, history_pb2.ExportHistoryRequest.FromString, _serialize
        )
        return handlers

    def _GetHistorySummary(self, request: Any, _: Any) -> history_pb2.GetHistorySummaryResponse:
        self.requests.append(request)
        return self.summary

    def _ListAlertEvents(self, request: Any, _: Any) -> history_pb2.ListAlertEventsResponse:
        self.requests.append(request)
        return self.events

    def _GetServerHistory(
        self, request: history_pb2.GetServerHistoryRequest, context: grpc.ServicerContext
    ) -> history_pb2.GetServerHistoryResponse:
        self.requests.append(request)
        if request.server_name not in self.servers:
            context.abort(grpc.StatusCode.NOT_FOUND, f"nothing is recorded of {request.server_name!r}")
        return self.servers[request.server_name]

    def _GetFleetHistory(self, request: Any, _: Any) -> history_pb2.GetFleetHistoryResponse:
        self.requests.append(request)
        return self.fleet

    def _export(
        self, request: Any, context: grpc.ServicerContext
    ) -> Iterator[history_pb2.ExportHistoryResponse]:
        self.requests.append(request)
        for chunk in self.chunks:
            yield history_pb2.ExportHistoryResponse(chunk=chunk)
        if self.break_export:
            context.abort(grpc.StatusCode.INTERNAL, "as the test wants it")


def _serialize(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data
