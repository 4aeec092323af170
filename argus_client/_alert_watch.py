"""Changes of alerts for programs with threads."""

from __future__ import annotations

from collections.abc import Sequence

from argus_client._alert_calls import WATCH_ALERTS
from argus_client._alerts import AlertsUpdate
from argus_client._connection import Connection
from argus_client._stream_reader import StreamReader
from argus_client._values import StateCallback
from argus_client._watching import WatchingMachine


class AlertWatch(StreamReader[AlertsUpdate]):
    """Iterates over changes of alerts, connection losses bridged, until it is closed.

    Made by `ArgusClient.watch_alerts`; it connects when first asked. The first update has all active alerts. A reader
    slower than the changes gets the newest state of each alert.

        with client.watch_alerts() as watch:
            for update in watch:
                for alert in update.changed:
                    print(alert.state, alert.server_name, alert.cause)
    """

    def __init__(
        self, connection: Connection, servers: Sequence[str], on_state_change: StateCallback | None
    ) -> None:
        config = connection.config
        machine = WatchingMachine(servers, config.stream_backoff, config.timeouts.silence_seconds)
        super().__init__(connection, WATCH_ALERTS, machine, on_state_change)

    def next_update(self, timeout: float | None = None) -> AlertsUpdate:
        """The next update.

        Args:
            timeout: Seconds to wait; None waits for ever.

        Raises:
            DeadlineExceeded: none came in time.
            Closed: the watch was closed.
            ArgusError: the watch has failed for good.
        """
        return self._next(timeout)
