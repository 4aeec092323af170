"""Snapshots for an event loop."""

from __future__ import annotations

from argus_client._async_connection import AsyncConnection
from argus_client._async_stream_reader import AsyncStreamReader
from argus_client._calls import SUBSCRIBE
from argus_client._snapshot import FleetSnapshot
from argus_client._subscribing import SubscribingMachine, SubscriptionRequest
from argus_client._values import StateCallback


class AsyncSubscription(AsyncStreamReader[FleetSnapshot]):
    """The asyncio twin of `Subscription`: the same methods, awaited, doing the same.

    async with client.subscribe(view="standard") as subscription:
        async for snapshot in subscription:
            ...
    """

    _machine: SubscribingMachine

    def __init__(
        self, connection: AsyncConnection, request: SubscriptionRequest, on_state_change: StateCallback | None
    ) -> None:
        config = connection.config
        machine = SubscribingMachine(request, config.stream_backoff, config.timeouts.silence_seconds)
        super().__init__(connection, SUBSCRIBE, machine, on_state_change)

    @property
    def skipped_revisions(self) -> int:
        """Published revisions the reader has not been handed."""
        return self._machine.skipped_revisions

    async def next_snapshot(self, timeout: float | None = None) -> FleetSnapshot:
        """See `Subscription.next_snapshot`."""
        return await self._next(timeout)
