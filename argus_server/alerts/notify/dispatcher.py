"""All couriers, on a thread and an event loop of their own: no target, however slow, is felt anywhere else."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Final

import httpx

from argus_server.alerts.desk import AlertDesk
from argus_server.alerts.entries import TargetNeeds
from argus_server.alerts.notify.courier import Courier, backoff
from argus_server.alerts.notify.formats import Alertmanager, Format, Slack, Webhook
from argus_server.alerts.notify.target import AlertTarget
from argus_server.telemetry.metrics import ServerMetrics

_LOG: Final = logging.getLogger(__name__)

_USER_AGENT: Final = "argus"
_POLL_SECONDS: Final = 0.05


def format_of(target: AlertTarget, dashboard_url: str) -> Format:
    """How a target is spoken to.

    Raises:
        ValueError: Its secret cannot be had.
    """
    if target.kind == "alertmanager":
        return Alertmanager(dashboard_url, target.resend_seconds)
    if target.kind == "slack":
        return Slack(dashboard_url)
    return Webhook(dashboard_url, target.secret())


class Dispatcher:
    """Couriers of all targets.

    Args:
        targets: Who is told.
        dashboard_url: Address of the dashboard; empty for none.
        wait: Seconds a courier waits after so many failures on end.

    Raises:
        ValueError: An address or secret cannot be had.
    """

    def __init__(
        self,
        targets: Sequence[AlertTarget],
        dashboard_url: str = "",
        wait: Callable[[int], float] = backoff,
    ) -> None:
        self._targets = [(target, target.address(), format_of(target, dashboard_url)) for target in targets]
        self._wait = wait
        self._couriers: list[Courier] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None

    def needs(self) -> tuple[TargetNeeds, ...]:
        """What the targets want to hear."""
        return tuple(TargetNeeds(target.name, speaks.falls) for target, _, speaks in self._targets)

    def start(self, desk: AlertDesk, metrics: ServerMetrics) -> None:
        """Begins to deliver; does nothing without targets.

        Raises:
            OSError: It cannot, such as for want of the certificates that the environment names.
        """
        known = {target.name for target, _, _ in self._targets}
        for name, waiting in desk.store.queue_lengths().items():
            if name not in known:
                _LOG.warning("%d notifications wait for %s, which is no alert target any more", waiting, name)
        if not self._targets:
            return
        for name in known:
            for counter in (
                metrics.notifications,
                metrics.notification_failures,
                metrics.notifications_dropped,
            ):
                counter.labels(name)  # 0 from the start, not absent until the first
        # It logs every address it calls, and some addresses are secrets.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._thread = threading.Thread(
            target=self._run, args=(desk, metrics), name="argus-notify", daemon=True
        )
        self._thread.start()
        self._started.wait()
        if self._loop is None:
            raise OSError("notifications cannot be sent; the server's log has the details")

    def wake(self) -> None:
        """There may be something new. Any thread may call it."""
        if (loop := self._loop) is not None:
            with suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(self._wake)

    def close(self, desk: AlertDesk, grace_seconds: float) -> None:
        """Stops, after giving what is queued a little time to be delivered. Blocks; may be called again."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stop is None:
            return
        names = {target.name for target, _, _ in self._targets}
        rounds = round(grace_seconds / _POLL_SECONDS)
        while rounds > 0 and names & desk.store.queue_lengths().keys():
            thread.join(_POLL_SECONDS)
            rounds -= 1
        loop, self._loop = self._loop, None
        loop.call_soon_threadsafe(self._stop.set)
        thread.join()

    def _run(self, desk: AlertDesk, metrics: ServerMetrics) -> None:
        try:
            asyncio.run(self._serve(desk, metrics))
        except Exception:
            _LOG.exception("notifications have ended")
        finally:
            self._started.set()

    def _wake(self) -> None:
        for courier in self._couriers:
            courier.wake()

    async def _serve(self, desk: AlertDesk, metrics: ServerMetrics) -> None:
        self._stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            for target, address, speaks in self._targets:
                client = await stack.enter_async_context(
                    httpx.AsyncClient(
                        timeout=target.timeout_seconds,
                        follow_redirects=False,
                        headers={"user-agent": _USER_AGENT},
                    )
                )
                self._couriers.append(
                    Courier(
                        name=target.name,
                        address=address,
                        speaks=speaks,
                        desk=desk,
                        client=client,
                        metrics=metrics,
                        timeout_seconds=target.timeout_seconds,
                        give_up_seconds=3600 * target.give_up_hours,
                        resend_seconds=target.resend_seconds,
                        wait=self._wait,
                    )
                )
            tasks = [asyncio.create_task(courier.run()) for courier in self._couriers]
            self._loop = asyncio.get_running_loop()
            self._started.set()
            try:
                await self._stop.wait()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
