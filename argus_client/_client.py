"""The client for programs with threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from argus_client import _alert_calls, _unary
from argus_client._admin import ModelArtifact, ScenarioStatus, ServerInfo, ServerStatus
from argus_client._alert_watch import AlertWatch
from argus_client._alerts import AlertMatcher, AlertRecord, MaintenanceWindow, Silence
from argus_client._config import (
    DEFAULT,
    DEFAULT_TARGET,
    KEEP_ALIVE,
    PUBLISHER_CONFIG,
    STREAM_BACKOFF,
    TIMEOUTS,
    UNARY_BACKOFF,
    Backoff,
    ClientConfig,
    KeepAlive,
    PublisherConfig,
    Timeout,
    Timeouts,
    TLSConfig,
)
from argus_client._connection import Connection
from argus_client._enums import AlertLevel, AlertState, Scenario, ServingStatus, View
from argus_client._errors import ArgusError
from argus_client._history import History
from argus_client._publisher import Publisher, default_source_id
from argus_client._readiness import POLL_SECONDS, not_ready, retry_health, seconds_left
from argus_client._snapshot import FleetForecast, FleetSnapshot, ModelInfo
from argus_client._subscribing import SubscriptionRequest
from argus_client._subscription import Subscription
from argus_client._values import ConnectionState, RejectionCallback, StateCallback


class ArgusClient:
    """Talks to one Argus server. Thread-safe; `AsyncArgusClient` is its twin for asyncio.

        with ArgusClient("127.0.0.1:50051") as client:
            client.wait_ready(timeout=30)
            for server in client.get_snapshot().servers.values():
                print(server.server_name, server.risk_score, server.alert.label)

    Nothing is connected before the first call. Every call takes `timeout`: seconds for the call and all its
    retries together, None for no limit; left out, the one in `timeouts` holds. A call that finds the server
    unavailable is tried again within it, as `backoff` says. Errors are the tree of `argus_client.ArgusError`.

    A client does not survive a fork: make it in the child process.

    Args:
        target: HOST:PORT.
        api_key: Proves who you are; sent as `authorization: Bearer`. A path names a file with the key, which is
            read again for every call, so that a rotated key is taken over.
        tls: Encrypts the connection; None sends everything in the clear.
        timeouts: How long to wait.
        backoff: Waits between attempts of a call that found the server unavailable.
        stream_backoff: Waits before a publisher or subscription connects again.
        keep_alive: Pings that find dead connections.
        insecure: Allows to send the API key to another machine in the clear.

    Raises:
        ValueError: the target is no HOST:PORT, the API key is none, or it would be sent in the clear.
        OSError: the file with the API key cannot be read.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        api_key: str | Path | None = None,
        tls: TLSConfig | None = None,
        timeouts: Timeouts = TIMEOUTS,
        backoff: Backoff = UNARY_BACKOFF,
        stream_backoff: Backoff = STREAM_BACKOFF,
        keep_alive: KeepAlive = KEEP_ALIVE,
        insecure: bool = False,
    ) -> None:
        self._connection = Connection(
            ClientConfig(target, api_key, tls, timeouts, backoff, stream_backoff, keep_alive, insecure)
        )
        self._streams: list[Publisher | Subscription | AlertWatch] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<ArgusClient {self._connection.config!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes every publisher and subscription, then the connection. May be called again."""
        with self._lock:
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.close()
        self._connection.close()

    @property
    def history(self) -> History:
        """What has been, on servers that record it."""
        return History(self._connection)

    def publisher(
        self,
        source_id: str | None = None,
        *,
        config: PublisherConfig = PUBLISHER_CONFIG,
        on_state_change: StateCallback | None = None,
        on_rejection: RejectionCallback | None = None,
    ) -> Publisher:
        """A stream of metrics to the server.

        Args:
            source_id: Names the source: unique among running publishers, the same after every restart. Left
                out, it is `program@host`.
            config: How to buffer.
            on_state_change: Called when the connection changes.
            on_rejection: Called for refused rows and batches.
        """
        publisher = Publisher(
            self._connection, source_id or default_source_id(), config, on_state_change, on_rejection
        )
        self._keep(publisher)
        return publisher

    def subscribe(
        self,
        *,
        view: View | str = View.SUMMARY,
        servers: Sequence[str] = (),
        profiles: Sequence[str] = (),
        metrics: Sequence[str] = (),
        min_risk: float = 0.0,
        outlook: bool = False,
        min_interval: float = 0.0,
        on_state_change: StateCallback | None = None,
    ) -> Subscription:
        """Snapshots as the server publishes them, connection losses bridged.

            for snapshot in client.subscribe(view="standard"):
                print(snapshot.revision, snapshot.summary.critical_count)

        Args:
            view: How much of each forecast: none, the first hour, or all.
            servers: Names; empty means all.
            profiles: Such as `"database"`; empty means all.
            metrics: Metrics whose forecasts to send; empty means all.
            min_risk: Least risk score, 0 to 100.
            outlook: Whether to send `ServerPrediction.outlook`: what a row of a table draws of each server.
            min_interval: Least seconds between two snapshots.
            on_state_change: Called when the connection changes.

        Raises:
            InvalidArgument: there is no such view or metric.
        """
        subscription = Subscription(
            self._connection,
            SubscriptionRequest(
                _unary.snapshot_filter(view, servers, profiles, metrics, min_risk, outlook), min_interval
            ),
            on_state_change,
        )
        self._keep(subscription)
        return subscription

    def get_snapshot(
        self,
        *,
        view: View | str = View.SUMMARY,
        servers: Sequence[str] = (),
        profiles: Sequence[str] = (),
        metrics: Sequence[str] = (),
        min_risk: float = 0.0,
        outlook: bool = False,
        as_published: bool = False,
        timeout: Timeout = DEFAULT,
    ) -> FleetSnapshot:
        """The newest snapshot; for the arguments see `subscribe`.

        Every row acknowledged before the call is in it, for which the server may have to forecast first. With
        `as_published` it answers at once with what it published last: right for whoever asks often.
        """
        wanted = _unary.snapshot_filter(view, servers, profiles, metrics, min_risk, outlook)
        return self._connection.unary(_unary.get_snapshot(wanted, as_published), timeout)

    def get_forecast(
        self,
        servers: Sequence[str],
        *,
        metrics: Sequence[str] = (),
        horizon_steps: int = 0,
        history_steps: int = 0,
        as_published: bool = False,
        timeout: Timeout = DEFAULT,
    ) -> FleetForecast:
        """Forecasts of the newest snapshot.

        Args:
            servers: Names; at least one.
            metrics: Empty means all that a server measures.
            horizon_steps: Steps ahead; 0 means the whole horizon.
            history_steps: Steps of the past to send with each forecast, 0 to 288.
            as_published: As in `get_snapshot`.
            timeout: Seconds.

        Raises:
            NotFound: a server is unknown.
        """
        call = _unary.get_forecast(servers, metrics, horizon_steps, history_steps, as_published)
        return self._connection.unary(call, timeout)

    def get_server_info(self, *, timeout: Timeout = DEFAULT) -> ServerInfo:
        """What the server is: versions, services, limits."""
        return self._connection.unary(_unary.get_server_info(), timeout)

    def get_status(self, *, timeout: Timeout = DEFAULT) -> ServerStatus:
        """How the server is doing."""
        return self._connection.unary(_unary.get_status(), timeout)

    def list_models(self, *, timeout: Timeout = DEFAULT) -> tuple[ModelArtifact, ...]:
        """The model artifacts the server can load, newest first."""
        return self._connection.unary(_unary.list_models(), timeout)

    def load_model(self, name: str, *, timeout: Timeout = DEFAULT) -> ModelInfo:
        """Switches to another model; when that fails the running one stays.

        Raises:
            NotFound: there is no such artifact.
            FailedPrecondition: it cannot be loaded.
        """
        return self._connection.unary(_unary.load_model(name), timeout)

    def reload_model(self, *, timeout: Timeout = DEFAULT) -> ModelInfo:
        """Loads the running model's artifact again from disk, with the same promise."""
        return self._connection.unary(_unary.reload_model(), timeout)

    def roll_back_model(self, *, timeout: Timeout = DEFAULT) -> ModelInfo:
        """Switches back to the model that ran before.

        Raises:
            FailedPrecondition: there is none.
        """
        return self._connection.unary(_unary.roll_back_model(), timeout)

    # Alerts.

    def list_alerts(
        self,
        *,
        states: Sequence[AlertState | str] = (),
        servers: Sequence[str] = (),
        min_level: AlertLevel | str | None = None,
        unacknowledged_only: bool = False,
        unmuted_only: bool = False,
        max_resolved: int = 0,
        timeout: Timeout = DEFAULT,
    ) -> tuple[AlertRecord, ...]:
        """Alerts, most urgent first.

        Args:
            states: Empty means pending and firing.
            servers: Names; empty means all.
            min_level: Least level; None means all.
            unacknowledged_only: Leave out those that somebody is on.
            unmuted_only: Leave out those that are kept quiet.
            max_resolved: Most resolved ones, newest first; 0 means 1,000.
            timeout: Seconds.
        """
        call = _alert_calls.list_alerts(
            states, servers, min_level, unacknowledged_only, unmuted_only, max_resolved
        )
        return self._connection.unary(call, timeout)

    def watch_alerts(
        self, *, servers: Sequence[str] = (), on_state_change: StateCallback | None = None
    ) -> AlertWatch:
        """Changes of alerts as they happen, connection losses bridged.

        Args:
            servers: Names; empty means all.
            on_state_change: Called when the connection changes.
        """
        watch = AlertWatch(self._connection, servers, on_state_change)
        self._keep(watch)
        return watch

    def acknowledge_alert(self, alert_id: str, author: str, *, timeout: Timeout = DEFAULT) -> AlertRecord:
        """Says that `author` is on an alert, until it resolves.

        Raises:
            NotFound: there is no such alert.
            FailedPrecondition: it is resolved.
        """
        return self._connection.unary(_alert_calls.acknowledge_alert(alert_id, author), timeout)

    def add_alert_note(
        self, alert_id: str, author: str, text: str, *, timeout: Timeout = DEFAULT
    ) -> AlertRecord:
        """Adds a note to an alert, resolved or not.

        Raises:
            NotFound: there is no such alert.
        """
        return self._connection.unary(_alert_calls.add_alert_note(alert_id, author, text), timeout)

    def create_silence(
        self,
        matcher: AlertMatcher,
        duration: float,
        author: str,
        *,
        comment: str = "",
        starts_at_ms: int = 0,
        timeout: Timeout = DEFAULT,
    ) -> Silence:
        """Keeps alerts quiet for a while.

        Args:
            matcher: Which alerts.
            duration: Seconds.
            author: Who wants it.
            comment: Why.
            starts_at_ms: When it begins, Unix milliseconds UTC; 0 means now.
            timeout: Seconds.
        """
        call = _alert_calls.create_silence(matcher, duration, author, comment, starts_at_ms)
        return self._connection.unary(call, timeout)

    def expire_silence(self, silence_id: str, *, author: str = "", timeout: Timeout = DEFAULT) -> Silence:
        """Ends a silence early.

        Raises:
            NotFound: there is no such silence.
        """
        return self._connection.unary(_alert_calls.expire_silence(silence_id, author), timeout)

    def list_silences(
        self, *, include_expired: bool = False, timeout: Timeout = DEFAULT
    ) -> tuple[Silence, ...]:
        """Silences, the one that ends first first."""
        return self._connection.unary(_alert_calls.list_silences(include_expired), timeout)

    def put_maintenance_window(
        self, window: MaintenanceWindow, *, timeout: Timeout = DEFAULT
    ) -> MaintenanceWindow:
        """Makes a maintenance window, or replaces the one with its id."""
        return self._connection.unary(_alert_calls.put_maintenance_window(window), timeout)

    def delete_maintenance_window(
        self, window_id: str, *, author: str = "", timeout: Timeout = DEFAULT
    ) -> None:
        """Removes a maintenance window.

        Raises:
            NotFound: there is no such window.
        """
        self._connection.unary(_alert_calls.delete_maintenance_window(window_id, author), timeout)

    def list_maintenance_windows(self, *, timeout: Timeout = DEFAULT) -> tuple[MaintenanceWindow, ...]:
        """Maintenance windows, the one that begins next first."""
        return self._connection.unary(_alert_calls.list_maintenance_windows(), timeout)

    # Simulators, and whether anybody is there.

    def get_scenario(self, *, timeout: Timeout = DEFAULT) -> ScenarioStatus:
        """The scenario of a simulator; only simulators serve it."""
        return self._connection.unary(_unary.get_scenario(), timeout)

    def set_scenario(self, scenario: Scenario | str, *, timeout: Timeout = DEFAULT) -> ScenarioStatus:
        """Switches a simulator to another scenario."""
        return self._connection.unary(_unary.set_scenario(scenario), timeout)

    def health(self, service: str = "", *, timeout: Timeout = DEFAULT) -> ServingStatus:
        """Whether a service serves; the empty name asks for the server as a whole.

        Raises:
            NotFound: the server does not know the service.
        """
        return self._connection.unary(_unary.health(service), timeout)

    def wait_ready(self, timeout: float | None = 30.0, *, service: str = "") -> None:
        """Waits until the server serves.

        Args:
            timeout: Seconds; None waits for ever.
            service: Full name of a service; empty for the server as a whole.

        Raises:
            NotReady: it does not after `timeout`; the message has what it said last.
            ArgusError: it never will, such as with a wrong API key.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        last: ServingStatus | ArgusError | None = None
        while (remaining := seconds_left(deadline)) is None or remaining > 0:
            try:
                if (last := self.health(service, timeout=remaining)) is ServingStatus.SERVING:
                    return
            except ArgusError as error:
                if not retry_health(error):
                    raise
                last = error
            remaining = seconds_left(deadline)
            self._connection.sleep(POLL_SECONDS if remaining is None else min(POLL_SECONDS, remaining))
        raise not_ready(self._connection.config.target, service, timeout, last)

    def _keep(self, stream: Publisher | Subscription | AlertWatch) -> None:
        with self._lock:
            self._streams = [kept for kept in self._streams if kept.state is not ConnectionState.CLOSED]
            self._streams.append(stream)
