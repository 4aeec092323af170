"""Snapshots for programs with threads."""

from __future__ import annotations

from argus_client._calls import SUBSCRIBE
from argus_client._connection import Connection
from argus_client._snapshot import FleetSnapshot
from argus_client._stream_reader import StreamReader
from argus_client._subscribing import SubscribingMachine, SubscriptionRequest
from argus_client._values import StateCallback


class Subscription(StreamReader[FleetSnapshot]):
    """Iterates over snapshots, each whole and immutable, until it is closed.

    Made by `ArgusClient.subscribe`; it connects when first asked for a snapshot. A lost connection is opened
    again and resumed where it broke; a restart of the server is no error. A reader slower than that gets the
    newest snapshot, and `skipped_revisions` counts what it missed.

        with client.subscribe(view="standard") as subscription:
            for snapshot in subscription:
                ...

    The loop ends when another thread calls `close`; it raises what makes a further connection hopeless, such
    as a wrong API key. State callbacks come from the subscription's own thread.
    """

    _machine: SubscribingMachine

    def __init__(
        self, connection: Connection, request: SubscriptionRequest, on_state_change: StateCallback | None
    ) -> None:
        config = connection.config
        machine = SubscribingMachine(request, config.stream_backoff, config.timeouts.silence_seconds)
        super().__init__(connection, SUBSCRIBE, machine, on_state_change)

    @property
    def skipped_revisions(self) -> int:
        """Published revisions the reader has not been handed."""
        return self._machine.skipped_revisions

    def next_snapshot(self, timeout: float | None = None) -> FleetSnapshot:
        """The next snapshot.

        Args:
            timeout: Seconds to wait; None waits for ever.

        Raises:
            DeadlineExceeded: none came in time.
            Closed: the subscription was closed.
            ArgusError: the subscription has failed for good.
        """
        return self._next(timeout)
