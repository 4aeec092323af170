"""Changes of alerts for an event loop."""

from __future__ import annotations

from collections.abc import Sequence

from argus_client._alert_calls import WATCH_ALERTS
from argus_client._alerts import AlertsUpdate
from argus_client._async_connection import AsyncConnection
from argus_client._async_stream_reader import AsyncStreamReader
from argus_client._values import StateCallback
from argus_client._watching import WatchingMachine


class AsyncAlertWatch(AsyncStreamReader[AlertsUpdate]):
    """The asyncio twin of `AlertWatch`: the same methods, awaited, doing the same."""

    def __init__(
        self, connection: AsyncConnection, servers: Sequence[str], on_state_change: StateCallback | None
    ) -> None:
        config = connection.config
        machine = WatchingMachine(servers, config.stream_backoff, config.timeouts.silence_seconds)
        super().__init__(connection, WATCH_ALERTS, machine, on_state_change)

    async def next_update(self, timeout: float | None = None) -> AlertsUpdate:
        """See `AlertWatch.next_update`."""
        return await self._next(timeout)
