"""Brings one target what is queued for it: in order, again and again until it is taken, refused, or too old."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from argus.v1 import snapshot_pb2
from argus_server.alerts.desk import AlertDesk
from argus_server.alerts.events import AlertEvent, EventKind
from argus_server.alerts.notify.formats import Format, Post
from argus_server.alerts.store import MAX_QUEUED, Queued, StoreError
from argus_server.metrics import METRIC_INDEX
from argus_server.telemetry.metrics import ServerMetrics

_LOG: Final = logging.getLogger(__name__)

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 300.0

# The request itself is at fault: the same one will never be taken. Anything else may be mended on the other side.
_REFUSALS: Final = frozenset({400, 410, 413, 422})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        taken: Whether the target has it now.
        reason: Why not; without addresses or secrets.
        final: Whether it makes no sense to try again.
        retry_after: Seconds the target wants to be left alone; 0 when it did not say.
    """

    taken: bool
    reason: str = ""
    final: bool = False
    retry_after: float = 0.0


def backoff(failures: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Seconds to wait after so many failures on end."""
    wait = min(FIRST_WAIT_SECONDS * 2.0 ** min(failures - 1, 16), LONGEST_WAIT_SECONDS)
    return wait * uniform(0.5, 1.0)


class Courier:
    """Serves one target. Lives on the notifiers' event loop.

    Args:
        name: Of the target.
        address: Where it is.
        speaks: How it is spoken to.
        desk: Where notifications are queued.
        client: Makes requests.
        metrics: Where to count.
        timeout_seconds: How long an attempt may take, as a whole.
        give_up_seconds: How long a notification is tried.
        resend_seconds: How often what is firing is told again, if the target wants that.
        wait: Seconds to wait after so many failures on end.
    """

    def __init__(
        self,
        *,
        name: str,
        address: str,
        speaks: Format,
        desk: AlertDesk,
        client: httpx.AsyncClient,
        metrics: ServerMetrics,
        timeout_seconds: float,
        give_up_seconds: float,
        resend_seconds: float,
        wait: Callable[[int], float] = backoff,
    ) -> None:
        self.name = name
        self._address = address
        self._speaks = speaks
        self._desk = desk
        self._client = client
        self._metrics = metrics
        self._timeout_seconds = timeout_seconds
        self._give_up_seconds = give_up_seconds
        self._resend_seconds = resend_seconds
        self._wait = wait
        self._moment = asyncio.Event()
        self._failures = 0
        self._patient = False
        # Right away: what fires since before a restart is told again at once.
        self._resend_at = 0.0

    def wake(self) -> None:
        """There may be something new."""
        self._moment.set()

    async def run(self) -> None:
        """Serves for ever."""
        while True:
            self._moment.clear()
            self._patient = False
            try:
                pause = await self._round()
            except Exception as error:
                # A store that fails: whether something was told is not written down, and it is told again, which
                # at-least-once allows. Anything else must not end this either; its message may name the address.
                reason = str(error) if isinstance(error, StoreError) else type(error).__name__
                _LOG.error("notifications of %s wait: %s", self.name, reason)
                pause = self._back_off(0.0)
            if pause is None or pause > 0:
                await self._rest(pause)

    async def _round(self) -> float | None:
        """One attempt, if there is something to tell; returns how long to wait, None until there is something new."""
        self._drop_what_is_too_much_or_too_old()
        queued = self._desk.store.queued(self.name, self._speaks.batch)
        if not queued:
            return await self._resend()
        outcome = await self._send(self._speaks.post([one.payload for one in queued], datetime.now(UTC)))
        if outcome.taken:
            self._taken(queued)
            return 0.0
        self._metrics.notification_failures.labels(self.name).inc()
        _LOG.warning("notifying %s failed, attempt %d: %s", self.name, self._failures + 1, outcome.reason)
        if not outcome.final:
            return self._back_off(outcome.retry_after)
        if len(queued) > 1:
            # One of them spoils the request: find out which, one at a time.
            return await self._one_by_one(queued)
        self._drop(queued, outcome.reason)
        return 0.0

    def _taken(self, queued: Sequence[Queued]) -> None:
        self._metrics.notifications.labels(self.name).inc(len(queued))
        self._settle(queued, EventKind.NOTIFIED, self.name)
        self._failures = 0

    def _back_off(self, retry_after: float) -> float:
        """Seconds until the next attempt; news do not cut them short."""
        self._failures += 1
        self._patient = True
        return max(self._wait(self._failures), min(retry_after, LONGEST_WAIT_SECONDS))

    async def _one_by_one(self, queued: Sequence[Queued]) -> float:
        for one in queued:
            outcome = await self._send(self._speaks.post([one.payload], datetime.now(UTC)))
            if outcome.taken:
                self._taken([one])
            elif outcome.final:
                self._drop([one], outcome.reason)
            else:
                return self._back_off(outcome.retry_after)
        return 0.0

    async def _resend(self) -> float | None:
        """Tells again what is firing, when it is time; a failure is not worth a retry before the next time."""
        if not self._speaks.resends:
            return None
        left = self._resend_at - time.monotonic()
        if left > 0:
            return left
        self._resend_at = time.monotonic() + self._resend_seconds
        standing = self._desk.book.standing()
        for start in range(0, len(standing), self._speaks.batch):
            part = standing[start : start + self._speaks.batch]
            outcome = await self._send(self._speaks.post(part, datetime.now(UTC)))
            if not outcome.taken:
                self._metrics.notification_failures.labels(self.name).inc()
                _LOG.warning("telling %s again what fires failed: %s", self.name, outcome.reason)
                break
        return self._resend_seconds

    async def _send(self, post: Post) -> Outcome:
        try:
            # One limit on all of it: a target that answers a byte at a time must not hold the queue.
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._client.stream(
                    "POST",
                    self._address + post.path,
                    content=post.body,
                    headers={**post.headers, "content-type": "application/json"},
                ) as response,
            ):
                return _judge(response)
        except TimeoutError:
            return Outcome(False, f"no answer within {self._timeout_seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Not its message: it may name the address.
            return Outcome(False, type(error).__name__)

    def _drop_what_is_too_much_or_too_old(self) -> None:
        if surplus := self._desk.store.surplus(self.name, MAX_QUEUED):
            self._drop(surplus, f"more than {MAX_QUEUED} notifications wait")
        if expired := self._desk.store.expired(self.name, time.time() - self._give_up_seconds):
            self._drop(expired, f"not taken within {self._give_up_seconds / 3600:g} h")

    def _drop(self, lost: Sequence[Queued], reason: str) -> None:
        self._metrics.notifications_dropped.labels(self.name).inc(len(lost))
        _LOG.error("%d notifications of %s are given up: %s", len(lost), self.name, reason)
        self._settle(lost, EventKind.NOTIFY_FAILED, f"{self.name}: {reason}")

    def _settle(self, done: Sequence[Queued], kind: EventKind, detail: str) -> None:
        self._desk.settle_notifications(
            [one.number for one in done], [_event(one.payload, kind, detail) for one in done]
        )

    async def _rest(self, seconds: float | None) -> None:
        """Waits; news cut the wait short unless the target has just failed."""
        if self._patient and seconds is not None:
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._moment.wait()
        except TimeoutError:
            return


def _judge(response: httpx.Response) -> Outcome:
    status = response.status_code
    if 200 <= status < 300:
        return Outcome(True)
    after = response.headers.get("retry-after", "")
    retry_after = float(after) if after.isascii() and after.isdigit() else 0.0
    return Outcome(False, f"HTTP status {status}", status in _REFUSALS, retry_after)


def _event(told: Mapping[str, Any], kind: EventKind, detail: str) -> AlertEvent:
    return AlertEvent(
        kind,
        told["at_ms"],
        alert_id=told["alert_id"],
        server_name=told["server"],
        subject=snapshot_pb2.AlertSubject.Value(f"ALERT_SUBJECT_{told['subject'].upper()}"),
        metric=METRIC_INDEX[told["metric"]] + 1 if told["metric"] else 0,
        level=snapshot_pb2.AlertLevel.Value(f"ALERT_LEVEL_{told['level'].upper()}"),
        probability=told["probability"],
        detail=detail,
    )
