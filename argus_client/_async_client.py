"""The client for programs on an event loop."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from argus_client import _alert_calls, _unary
from argus_client._admin import ModelArtifact, ScenarioStatus, ServerInfo, ServerStatus
from argus_client._alerts import AlertMatcher, AlertRecord, MaintenanceWindow, Silence
from argus_client._async_alert_watch import AsyncAlertWatch
from argus_client._async_connection import AsyncConnection
from argus_client._async_history import AsyncHistory
from argus_client._async_publisher import AsyncPublisher
from argus_client._async_subscription import AsyncSubscription
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
from argus_client._enums import AlertLevel, AlertState, Scenario, ServingStatus, View
from argus_client._errors import ArgusError
from argus_client._publisher import default_source_id
from argus_client._readiness import POLL_SECONDS, not_ready, retry_health, seconds_left
from argus_client._snapshot import FleetForecast, FleetSnapshot, ModelInfo
from argus_client._subscribing import SubscriptionRequest
from argus_client._values import ConnectionState, RejectionCallback, StateCallback


class AsyncArgusClient:
    """The asyncio twin of `ArgusClient`: the same methods, awaited, doing the same.

        async with AsyncArgusClient("127.0.0.1:50051") as client:
            await client.wait_ready(timeout=30)
            snapshot = await client.get_snapshot()

    It belongs to the event loop of its first call; using it on another one is refused. Keep to one loop in a
    process: gRPC's second loop disturbs the first. Arguments and errors are those of `ArgusClient`.
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
        self._connection = AsyncConnection(
            ClientConfig(target, api_key, tls, timeouts, backoff, stream_backoff, keep_alive, insecure)
        )
        self._streams: list[AsyncPublisher | AsyncSubscription | AsyncAlertWatch] = []

    def __repr__(self) -> str:
        return f"<AsyncArgusClient {self._connection.config!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes every publisher and subscription, then the connection. May be called again."""
        streams, self._streams = self._streams, []
        for stream in streams:
            await stream.close()
        await self._connection.close()

    @property
    def history(self) -> AsyncHistory:
        """What has been, on servers that record it."""
        return AsyncHistory(self._connection)

    def publisher(
        self,
        source_id: str | None = None,
        *,
        config: PublisherConfig = PUBLISHER_CONFIG,
        on_state_change: StateCallback | None = None,
        on_rejection: RejectionCallback | None = None,
    ) -> AsyncPublisher:
        """See `ArgusClient.publisher`."""
        publisher = AsyncPublisher(
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
    ) -> AsyncSubscription:
        """See `ArgusClient.subscribe`."""
        subscription = AsyncSubscription(
            self._connection,
            SubscriptionRequest(
                _unary.snapshot_filter(view, servers, profiles, metrics, min_risk, outlook), min_interval
            ),
            on_state_change,
        )
        self._keep(subscription)
        return subscription

    async def get_snapshot(
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
        """See `ArgusClient.get_snapshot`."""
        wanted = _unary.snapshot_filter(view, servers, profiles, metrics, min_risk, outlook)
        return await self._connection.unary(_unary.get_snapshot(wanted, as_published), timeout)

    async def get_forecast(
        self,
        servers: Sequence[str],
        *,
        metrics: Sequence[str] = (),
        horizon_steps: int = 0,
        history_steps: int = 0,
        as_published: bool = False,
        timeout: Timeout = DEFAULT,
    ) -> FleetForecast:
        """See `ArgusClient.get_forecast`."""
        call = _unary.get_forecast(servers, metrics, horizon_steps, history_steps, as_published)
        return await self._connection.unary(call, timeout)

    async def get_server_info(self, *, timeout: Timeout = DEFAULT) -> ServerInfo:
        """See `ArgusClient.get_server_info`."""
        return await self._connection.unary(_unary.get_server_info(), timeout)

    async def get_status(self, *, timeout: Timeout = DEFAULT) -> ServerStatus:
        """See `ArgusClient.get_status`."""
        return await self._connection.unary(_unary.get_status(), timeout)

    async def list_models(self, *, timeout: Timeout = DEFAULT) -> tuple[ModelArtifact, ...]:
        """See `ArgusClient.list_models`."""
        return await self._connection.unary(_unary.list_models(), timeout)

    async def load_model(self, name: str, *, timeout: Timeout = DEFAULT) -> ModelInfo:
        """See `ArgusClient.load_model`."""
        return await self._connection.unary(_unary.load_model(name), timeout)

    async def reload_model(self, *, timeout: Timeout = DEFAULT) -> ModelInfo:
        """See `ArgusClient.reload_model`."""
        return await self._connection.unary(_unary.reload_model(), timeout)

    async def roll_back_model(self, *, timeout: Timeout = DEFAULT) -> ModelInfo:
        """See `ArgusClient.roll_back_model`."""
        return await self._connection.unary(_unary.roll_back_model(), timeout)

    # Alerts.

    async def list_alerts(
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
        """See `ArgusClient.list_alerts`."""
        call = _alert_calls.list_alerts(
            states, servers, min_level, unacknowledged_only, unmuted_only, max_resolved
        )
        return await self._connection.unary(call, timeout)

    def watch_alerts(
        self, *, servers: Sequence[str] = (), on_state_change: StateCallback | None = None
    ) -> AsyncAlertWatch:
        """See `ArgusClient.watch_alerts`."""
        watch = AsyncAlertWatch(self._connection, servers, on_state_change)
        self._keep(watch)
        return watch

    async def acknowledge_alert(
        self, alert_id: str, author: str, *, timeout: Timeout = DEFAULT
    ) -> AlertRecord:
        """See `ArgusClient.acknowledge_alert`."""
        return await self._connection.unary(_alert_calls.acknowledge_alert(alert_id, author), timeout)

    async def add_alert_note(
        self, alert_id: str, author: str, text: str, *, timeout: Timeout = DEFAULT
    ) -> AlertRecord:
        """See `ArgusClient.add_alert_note`."""
        return await self._connection.unary(_alert_calls.add_alert_note(alert_id, author, text), timeout)

    async def create_silence(
        self,
        matcher: AlertMatcher,
        duration: float,
        author: str,
        *,
        comment: str = "",
        starts_at_ms: int = 0,
        timeout: Timeout = DEFAULT,
    ) -> Silence:
        """See `ArgusClient.create_silence`."""
        call = _alert_calls.create_silence(matcher, duration, author, comment, starts_at_ms)
        return await self._connection.unary(call, timeout)

    async def expire_silence(
        self, silence_id: str, *, author: str = "", timeout: Timeout = DEFAULT
    ) -> Silence:
        """See `ArgusClient.expire_silence`."""
        return await self._connection.unary(_alert_calls.expire_silence(silence_id, author), timeout)

    async def list_silences(
        self, *, include_expired: bool = False, timeout: Timeout = DEFAULT
    ) -> tuple[Silence, ...]:
        """See `ArgusClient.list_silences`."""
        return await self._connection.unary(_alert_calls.list_silences(include_expired), timeout)

    async def put_maintenance_window(
        self, window: MaintenanceWindow, *, timeout: Timeout = DEFAULT
    ) -> MaintenanceWindow:
        """See `ArgusClient.put_maintenance_window`."""
        return await self._connection.unary(_alert_calls.put_maintenance_window(window), timeout)

    async def delete_maintenance_window(
        self, window_id: str, *, author: str = "", timeout: Timeout = DEFAULT
    ) -> None:
        """See `ArgusClient.delete_maintenance_window`."""
        await self._connection.unary(_alert_calls.delete_maintenance_window(window_id, author), timeout)

    async def list_maintenance_windows(self, *, timeout: Timeout = DEFAULT) -> tuple[MaintenanceWindow, ...]:
        """See `ArgusClient.list_maintenance_windows`."""
        return await self._connection.unary(_alert_calls.list_maintenance_windows(), timeout)

    # Simulators, and whether anybody is there.

    async def get_scenario(self, *, timeout: Timeout = DEFAULT) -> ScenarioStatus:
        """See `ArgusClient.get_scenario`."""
        return await self._connection.unary(_unary.get_scenario(), timeout)

    async def set_scenario(self, scenario: Scenario | str, *, timeout: Timeout = DEFAULT) -> ScenarioStatus:
        """See `ArgusClient.set_scenario`."""
        return await self._connection.unary(_unary.set_scenario(scenario), timeout)

    async def health(self, service: str = "", *, timeout: Timeout = DEFAULT) -> ServingStatus:
        """See `ArgusClient.health`."""
        return await self._connection.unary(_unary.health(service), timeout)

    async def wait_ready(self, timeout: float | None = 30.0, *, service: str = "") -> None:
        """See `ArgusClient.wait_ready`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        last: ServingStatus | ArgusError | None = None
        while (remaining := seconds_left(deadline)) is None or remaining > 0:
            try:
                if (last := await self.health(service, timeout=remaining)) is ServingStatus.SERVING:
                    return
            except ArgusError as error:
                if not retry_health(error):
                    raise
                last = error
            remaining = seconds_left(deadline)
            await self._connection.sleep(POLL_SECONDS if remaining is None else min(POLL_SECONDS, remaining))
        raise not_ready(self._connection.config.target, service, timeout, last)

    def _keep(self, stream: AsyncPublisher | AsyncSubscription | AsyncAlertWatch) -> None:
        self._streams = [kept for kept in self._streams if kept.state is not ConnectionState.CLOSED]
        self._streams.append(stream)
