"""Alerts as browsers show them: one watch for all of them, begun when somebody first looks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from typing import Any, Final

from argus_client import (
    AlertRecord,
    AlertState,
    ArgusError,
    AsyncArgusClient,
    DeadlineExceeded,
)
from argus_ui.columns import LEVEL_NUMBERS, minutes_left
from argus_ui.feed import Document

_FIRST_SECONDS: Final = 10.0
# A watch ends for good when, say, the key is refused. Somebody may mend that while the dashboard runs.
_RETRY_SECONDS: Final = 5.0


class AlertBoard:
    """Follows the active alerts on behalf of all browsers.

    Args:
        client: Of the server. Closed by its owner.
        announce: Told the tag of every new document.
    """

    def __init__(self, client: AsyncArgusClient, announce: Callable[[str], None]) -> None:
        self._client = client
        self._announce = announce
        self._document: Document | None = None
        self._error: ArgusError | None = None
        self._heard = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    @property
    def tag(self) -> str:
        """Names what is known now; another one after every change."""
        return self._document.tag if self._document else ""

    async def active(self) -> Document:
        """Pending and firing alerts, most urgent first: `{"alerts": [...]}`.

        Raises:
            ArgusError: The server does not tell, or has not yet.
        """
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow(), name="argus-ui-alerts")
        if self._document is None:
            try:
                await asyncio.wait_for(self._heard.wait(), _FIRST_SECONDS)
            except TimeoutError:
                raise DeadlineExceeded(
                    "The Argus server has not told its alerts yet; they come by themselves."
                ) from None
        if self._error is not None:
            raise self._error
        assert self._document is not None
        return self._document

    async def _follow(self) -> None:
        while True:
            try:
                async with self._client.watch_alerts() as watch:
                    async for update in watch:
                        document = await asyncio.to_thread(alerts_document, update.active.values())
                        self._tell(document, None)
                    # An iteration ends quietly even if the watch has failed for good; this does not.
                    await watch.next_update(timeout=0)
            except ArgusError as error:
                self._tell(None, error)
            await asyncio.sleep(_RETRY_SECONDS)

    def _tell(self, document: Document | None, error: ArgusError | None) -> None:
        self._document, self._error = document, error
        self._heard.set()
        self._announce(self.tag)


def alerts_document(alerts: Iterable[AlertRecord]) -> Document:
    """Active alerts as the server lists them: firing before pending, then by level, then the longest firing."""
    ranked = sorted(
        alerts,
        key=lambda one: (
            one.state is not AlertState.FIRING,
            -LEVEL_NUMBERS.get(one.level, 0),
            one.fired_at_ms or one.started_at_ms,
        ),
    )
    return Document.of({"alerts": [alert_row(one) for one in ranked]})


def alert_row(alert: AlertRecord) -> dict[str, Any]:
    """One alert. Times are Unix milliseconds UTC, 0 for none; what is not known is None."""
    return {
        "id": alert.alert_id,
        "server": alert.server_name,
        "profile": alert.profile,
        "subject": str(alert.subject),
        "metric": alert.metric,
        "state": str(alert.state),
        "level": LEVEL_NUMBERS.get(alert.level, 0),
        "risk": _number(alert.risk_score, 1),
        "probability": _number(alert.probability, 3),
        "minutes": minutes_left(alert.minutes_to_breach),
        "cause": alert.cause,
        "started_at": alert.started_at_ms,
        "fired_at": alert.fired_at_ms,
        "resolved_at": alert.resolved_at_ms,
        "resolution": alert.resolution,
        "updated_at": alert.updated_at_ms,
        "fired_count": alert.fired_count,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_at": alert.acknowledged_at_ms,
        "silence_id": alert.silence_id,
        "window_id": alert.maintenance_window_id,
        "notes": [
            {"author": note.author, "at": note.written_at_ms, "text": note.text} for note in alert.notes
        ],
    }


def _number(value: float, decimals: int) -> float | None:
    return round(value, decimals) if math.isfinite(value) else None
