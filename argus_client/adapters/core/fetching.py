"""`Fetcher`: asks a source until it answers, for as long as nobody wants to stop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from argus_client import Backoff
from argus_client.adapters.core.notices import Notices, log
from argus_client.adapters.core.tally import Tally
from argus_client.adapters.pull import Cursor, Page, PullSource, SourceUnavailable
from argus_client.adapters.source import SourceError

SOURCE_BACKOFF: Final = Backoff(initial_seconds=1.0, maximum_seconds=60.0)
UNAVAILABLE: Final = "unavailable"
FAILED: Final = "failed"
_TROUBLE: Final = "source"

T = TypeVar("T")


class Fetcher:
    """Fetches pages; waits between attempts with jitter, and never gives up on a source that has once given records.

    Args:
        source: Whom to ask.
        page_rows: How many rows to ask for.
        stop: Set when somebody wants to stop.
        tally: Where to count.
        notices: Where to say why it waits.
        once: Gives up on a lasting error even of a source that has worked.
        backoff: Waits between attempts.
        uniform: Source of jitter.
    """

    def __init__(
        self,
        source: PullSource,
        page_rows: int,
        stop: asyncio.Event,
        tally: Tally,
        notices: Notices,
        once: bool,
        backoff: Backoff = SOURCE_BACKOFF,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._source = source
        self._page_rows = page_rows
        self._stop = stop
        self._tally = tally
        self._notices = notices
        self._once = once
        self._backoff = backoff
        self._uniform = uniform

    async def fetch(self, cursor: Cursor) -> Page | None:
        """The page behind a cursor; None when somebody wants to stop.

        Raises:
            SourceError: it will never answer, and never has given a record, or only one look was asked for.
        """
        failures = 0
        while not self._stop.is_set():
            try:
                page = await unless(self._stop, self._source.fetch(cursor, self._page_rows))
            except SourceError as error:
                lasting = not isinstance(error, SourceUnavailable)
                # An empty answer proves nothing: an index or a collection of another name gives one too.
                if lasting and (self._once or not self._tally.fetched):
                    raise
                failures += 1
                self._tally.source_errors[FAILED if lasting else UNAVAILABLE] += 1
                # Half of the ceiling at least: a source that is down is not to be asked at once again.
                wait = max(
                    self._backoff.delay(failures, lambda _, high: self._uniform(high / 2, high)),
                    _least(error),
                )
                self._notices.trouble(
                    _TROUBLE, f"The source cannot deliver; asking again, now in {wait:.1f} s: {error}"
                )
                await pause(self._stop, wait)
                continue
            if page is not None:
                if not self._tally.last_success_ms:
                    log.info("the source answers: %d records to begin with", len(page.records))
                self._tally.last_success_ms = self._tally.now_ms()
                self._notices.over(_TROUBLE, "The source delivers again.")
            return page
        return None


def _least(error: SourceError) -> float:
    return (error.retry_after_seconds or 0.0) if isinstance(error, SourceUnavailable) else 0.0


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Waits, but no longer than until somebody wants to stop; returns whether somebody does."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await stop.wait()
    except TimeoutError:
        return False
    return True


async def unless(stop: asyncio.Event, work: Awaitable[T]) -> T | None:
    """What comes of `work`; None, with the work cancelled, when somebody wants to stop first."""
    task = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for waiting in (task, stopped):
            if not waiting.done():
                waiting.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)
