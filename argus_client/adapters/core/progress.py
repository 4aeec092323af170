"""`Progress`: says now and then how a back-fill comes along, and how an adapter does once it has caught up."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from argus_client.adapters.core.notices import log
from argus_client.adapters.core.tally import Tally

BEHIND_SECONDS: Final = 10.0
STEADY_SECONDS: Final = 300.0


class Progress:
    """Logs a line every few seconds while an adapter is behind, every few minutes once it is not.

    Args:
        tally: What it reads.
        monotonic: Clock.
    """

    def __init__(self, tally: Tally, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._tally = tally
        self._monotonic = monotonic
        self._told_at = monotonic()
        self._told_rows = 0
        self._behind = False

    def page(self, is_last: bool) -> None:
        """A page has been sent; `is_last` when there was nothing more."""
        now = self._monotonic()
        caught_up = is_last and self._behind
        self._behind = not is_last
        if caught_up:
            self._tell(now, "caught up")
        elif now - self._told_at >= (STEADY_SECONDS if is_last else BEHIND_SECONDS):
            self._tell(now, "steady" if is_last else "catching up")

    def finish(self) -> None:
        """The adapter ends."""
        self._tell(self._monotonic(), "ending")

    def _tell(self, now: float, what: str) -> None:
        tally = self._tally
        rate = (tally.mapped - self._told_rows) / max(now - self._told_at, 1e-9)
        at = (
            datetime.fromtimestamp(tally.newest_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            if tally.newest_ms
            else "no row yet"
        )
        log.info(
            "%s: %s; at %s; %.0f rows/s",
            what,
            summed(tally),
            at,
            rate,
            extra={"tally": tally.to_json_dict(), "rows_per_second": round(rate, 1)},
        )
        self._told_at, self._told_rows = now, tally.mapped


def summed(tally: Tally) -> str:
    """The records of a run and what became of each: the parts add up to the whole."""
    parts = (
        (tally.duplicate, "duplicate"),
        (tally.rejected, "rejected"),
        (tally.repeated, "repeated by the overlap"),
        (tally.early, "before since"),
        (tally.unmapped, "not mapped"),
        (tally.unreported, "with an answer that was lost"),
        (tally.buffered, "on their way"),
        (tally.undelivered, "not delivered"),
    )
    told = [f"{tally.accepted} accepted", *(f"{count} {what}" for count, what in parts if count)]
    unreadable = f"; {tally.unreadable} more could not be read" if tally.unreadable else ""
    return f"{tally.fetched} records: {', '.join(told)}{unreadable}"
