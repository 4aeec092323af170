"""History for programs on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc

from argus_client import _history_calls as calls
from argus_client._async_connection import AsyncConnection
from argus_client._config import DEFAULT, Timeout
from argus_client._enums import ExportFormat, HistoryTable
from argus_client._history_calls import Instant, Length
from argus_client._history_values import AlertEvents, FleetHistory, HistorySummary, ServerHistory


class AsyncHistory:
    """The asyncio twin of `History`: the same methods, awaited, doing the same."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def summary(
        self,
        *,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        timeout: Timeout = DEFAULT,
    ) -> HistorySummary:
        """See `History.summary`."""
        return await self._connection.unary(calls.get_summary(calls.time_range(last, since, until)), timeout)

    async def alert_events(
        self,
        *,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        servers: Sequence[str] = (),
        limit: int = 1000,
        timeout: Timeout = DEFAULT,
    ) -> AlertEvents:
        """See `History.alert_events`."""
        span = calls.time_range(last, since, until)
        return await self._connection.unary(calls.list_events(span, servers, limit), timeout)

    async def server(
        self,
        server_name: str,
        *,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        metrics: Sequence[str] = (),
        horizon_minutes: int = 60,
        max_points: int = 500,
        timeout: Timeout = DEFAULT,
    ) -> ServerHistory:
        """See `History.server`."""
        span = calls.time_range(last, since, until)
        call = calls.get_server(server_name, span, metrics, horizon_minutes, max_points)
        return await self._connection.unary(call, timeout)

    async def fleet(
        self,
        *,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        max_points: int = 500,
        timeout: Timeout = DEFAULT,
    ) -> FleetHistory:
        """See `History.fleet`."""
        span = calls.time_range(last, since, until)
        return await self._connection.unary(calls.get_fleet(span, max_points), timeout)

    def export(
        self,
        table: HistoryTable | str,
        *,
        format: ExportFormat | str = ExportFormat.ARROW,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        servers: Sequence[str] = (),
        timeout: float | None = None,
    ) -> AsyncIterator[bytes]:
        """See `History.export`."""
        span = calls.time_range(last, since, until, default=None)
        return self._chunks(calls.export_request(table, format, span, servers), timeout)

    async def save(
        self,
        path: Path | str,
        table: HistoryTable | str,
        *,
        format: ExportFormat | str = ExportFormat.ARROW,
        last: Length | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        servers: Sequence[str] = (),
        timeout: float | None = None,
    ) -> int:
        """See `History.save`."""
        chunks = self.export(
            table, format=format, last=last, since=since, until=until, servers=servers, timeout=timeout
        )
        file = calls.PartialFile(Path(path))
        try:
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
            file.keep()
        finally:
            file.discard()
        return file.bytes_written

    async def _chunks(self, request: bytes, timeout: float | None) -> AsyncIterator[bytes]:
        connection = self._connection
        invoke = connection.server_stream(calls.EXPORT_HISTORY)
        call: Any = invoke(request, timeout=timeout, metadata=connection.config.call_metadata())
        try:
            async for message in call:
                yield calls.chunk_of(message)
        except grpc.RpcError as cause:
            raise connection.error(cause, calls.EXPORT_HISTORY) from cause
        finally:
            call.cancel()
