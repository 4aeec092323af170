"""The one subscription of the dashboard: newest fleet, state of the connection, what the server can do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from argus_client import ArgusError, AsyncArgusClient, ConnectionState, MetricThreshold, ServerInfo
from argus_ui.feed import EMPTY, Fleet
from argus_ui.refusals import reason_of

# A subscription ends for good when, say, the key is refused. Somebody may mend that while the dashboard runs.
_RETRY_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Link:
    """The connection to the Argus server, as browsers show it.

    Attributes:
        state: Where it is.
        error: Why, when something is wrong; empty otherwise.
        target: HOST:PORT of the server.
        version: Of the server; empty while it is not known.
        services: Short names of what it offers, such as `"Alert"`; of the last one known.
        low_is_bad: Metrics whose small values are the bad ones.
        thresholds: By metric and profile, "" for all others, the warning and the critical value; without those that
            are per core.
    """

    state: str
    error: str
    target: str
    version: str = ""
    services: tuple[str, ...] = ()
    low_is_bad: tuple[str, ...] = ()
    thresholds: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class FleetSubscription:
    """Follows the fleet on behalf of all browsers.

    Args:
        client: Of the server. Closed by its owner.
        target: HOST:PORT of it, for people.
        on_change: Called when `fleet` or `link` has changed.
    """

    def __init__(self, client: AsyncArgusClient, target: str, on_change: Callable[[], None]) -> None:
        self.fleet: Fleet = EMPTY
        self.info: ServerInfo | None = None
        self.link = Link(ConnectionState.CONNECTING, "", target)
        self._client = client
        self._on_change = on_change
        self._asking: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Follows until cancelled."""
        while True:
            try:
                async with self._client.subscribe(outlook=True, on_state_change=self._enter) as subscription:
                    async for snapshot in subscription:
                        self.fleet = await asyncio.to_thread(Fleet.of, snapshot)
                        self._on_change()
                        if self.info is None or self.info.instance_id != snapshot.header.instance_id:
                            self._ask()
                    # An iteration ends quietly even if the subscription has failed for good; this does not.
                    await subscription.next_snapshot(timeout=0)
            except ArgusError as error:
                self._enter(ConnectionState.RECONNECTING, error)
            await asyncio.sleep(_RETRY_SECONDS)

    def _enter(self, state: ConnectionState, error: ArgusError | None) -> None:
        if state is ConnectionState.CLOSED:
            return  # it is opened again
        self.link = replace(self.link, state=str(state), error="" if error is None else reason_of(error))
        self._on_change()
        if state is ConnectionState.LIVE:
            self._ask()

    def _ask(self) -> None:
        """Asks what the server is and can do; it may be another one since the last time."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._get_info(), name="argus-ui-info")

    async def _get_info(self) -> None:
        with suppress(ArgusError):
            self.info = await self._client.get_server_info()
            thresholds = self.info.thresholds
            self.link = replace(
                self.link,
                version=self.info.version,
                services=short_names(self.info.capabilities),
                low_is_bad=tuple(dict.fromkeys(found.metric for found in thresholds if found.low_is_bad)),
                thresholds=by_metric(thresholds),
            )
            self._on_change()


def short_names(services: tuple[str, ...]) -> tuple[str, ...]:
    """`argus.v1.AlertService` -> `Alert`."""
    return tuple(name.rpartition(".")[2].removesuffix("Service") for name in services)


def by_metric(thresholds: Iterable[MetricThreshold]) -> dict[str, dict[str, tuple[float, float]]]:
    """Warning and critical value by metric and profile; not those per core: nobody here knows the cores."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for one in thresholds:
        if not one.per_core:
            found.setdefault(one.metric, {})[one.profile] = (round(one.warning, 3), round(one.critical, 3))
    return found
