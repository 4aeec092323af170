"""`Runner`: the loop of an adapter that asks its source: fetch, map, send, and keep how far it has come."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from argus_client import ArgusError, Backoff, ConnectionState, Samples, Superseded
from argus_client.adapters.core.config import AdapterConfig, since_ms
from argus_client.adapters.core.cursor import State, StateFile
from argus_client.adapters.core.delivery import Delivery
from argus_client.adapters.core.fetching import Fetcher, pause, unless
from argus_client.adapters.core.first_run import has_taken, unusable
from argus_client.adapters.core.mapping import Mapper
from argus_client.adapters.core.notices import Notices, log
from argus_client.adapters.core.overlap import Overlap
from argus_client.adapters.core.progress import Progress
from argus_client.adapters.core.session import Session
from argus_client.adapters.core.tally import Tally
from argus_client.adapters.pull import Cursor, Page, PullSource
from argus_client.adapters.source import SourceError, wall_ms

GRACE_SECONDS: Final = 10.0
"""How long the server has to answer for what was sent, once somebody wants to stop."""
SERVER_BACKOFF: Final = Backoff(initial_seconds=1.0, maximum_seconds=60.0)
_TROUBLE: Final = "delivery"
_PROBLEM: Final = "page"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run, beside what the configuration says.

    Attributes:
        once: End when the source has nothing more for now.
        since: Where to begin if there is no cursor yet, in place of the configuration's.
        restart: Forget the cursor.
        grace_seconds: How long to wait for answers once somebody wants to stop.
    """

    once: bool = False
    since: str | None = None
    restart: bool = False
    grace_seconds: float = GRACE_SECONDS


class Runner:
    """Runs one adapter until it is told to stop, or until its source has ended.

    Args:
        config: The adapter.
        source: Its source.
        state: Where its cursor is kept.
        stop: Set it to end; what was sent by then is still answered for, if that can be had soon.
        options: How to run.
        tally: Where to count.
        now_ms: Clock, Unix milliseconds UTC.
    """

    def __init__(
        self,
        config: AdapterConfig,
        source: PullSource,
        state: StateFile,
        stop: asyncio.Event,
        options: RunOptions = RunOptions(),
        tally: Tally | None = None,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._config = config
        self._source = source
        self._state = state
        self._stop = stop
        self._options = options
        self._now_ms = now_ms
        self._notices = Notices()
        self.tally = tally or Tally(now_ms)
        self._mapper = Mapper(config.mapping)
        self._progress = Progress(self.tally)
        self._fetcher = Fetcher(source, config.page_rows, stop, self.tally, self._notices, options.once)
        self._session: Session | None = None
        self._since_ms = 0
        self._saved: Cursor | None = None

    async def run(self) -> None:
        """Runs to the end.

        Raises:
            ConfigError: the state cannot be used, or nothing of a first page could be mapped or is taken by the server.
            SourceError: the source can never deliver.
            ArgusError: the server cannot be used, and never could; or another process speaks for this adapter.
        """
        try:
            self._begin()
            await self._run_sessions()
        finally:
            await self._source.close()

    def follow(self) -> None:
        """Brings the tally up to date."""
        if self._session is not None:
            self._session.follow()

    def _begin(self) -> None:
        """Finds out where to go on."""
        if self._options.restart:
            self._state.forget()
        state = self._state.load()
        if state is None:
            self._since_ms = since_ms(self._options.since or self._config.since, self._now_ms())
            return
        self._since_ms, self._saved = state.since_ms, state.cursor
        log.info("going on where the last run ended; the state is %s", self._state.path)
        if self._options.since:
            log.warning("--since is for a first run and does nothing now; add --restart to begin there")

    async def _run_sessions(self) -> None:
        failures = 0
        ever_live = False
        while True:
            live = False
            try:
                async with Session(self._config, self.tally, self._notices, asks="the source") as session:
                    self._session = session
                    try:
                        await self._run_session(session)
                        return
                    finally:
                        live, self._session = session.was_live, None
            except Superseded as error:
                raise Superseded(
                    f"Another process feeds this server as {self._config.name!r}; stop one of them, or give one "
                    f"another [adapter] name. {error}"
                ) from None
            except (ArgusError, OSError) as error:
                ever_live = ever_live or live
                if not ever_live and not isinstance(error, OSError):
                    raise
                failures = 1 if live else failures + 1
                wait = SERVER_BACKOFF.delay(failures, lambda _, high: random.uniform(high / 2, high))
                self._notices.trouble(
                    _TROUBLE, f"Rows cannot be delivered; trying again, now in {wait:.1f} s: {error}"
                )
                if await pause(self._stop, wait):
                    return

    async def _run_session(self, session: Session) -> None:
        delivery = Delivery(session.publisher, self._save, self._may_save)
        try:
            try:
                # What a broken session has left unanswered is fetched again, and is not to be taken for delivered.
                await self._pump(delivery, Overlap(self._config.overlap_seconds, self._now_ms))
            except SourceError:
                await delivery.drain(self._options.grace_seconds)  # what was had before is worth keeping
                raise
            if await self._drained(delivery, session):
                self._may_save(is_over=not self._stop.is_set())
            else:
                self.follow()
                log.warning(
                    "%d rows are not answered for by the server; the cursor stays before them",
                    self.tally.buffered,
                )
        finally:
            await delivery.close()
            self.follow()
            self._progress.finish()

    async def _pump(self, delivery: Delivery, overlap: Overlap) -> None:
        """Fetches and sends until there is no more, or somebody wants to stop."""
        cursor = self._source.begin(self._since_ms) if self._saved is None else self._saved
        while True:
            started = time.monotonic()
            page = await self._fetcher.fetch(cursor)
            if page is None:
                return
            rows = self._mapped(page)
            samples = overlap.fresh(rows)
            self.tally.repeated += len(rows) - len(samples)
            if await unless(self._stop, self._sent(delivery, samples, page.cursor)) is None:
                return
            cursor = page.cursor
            self.follow()
            self._progress.page(page.is_last)
            if page.is_end or (page.is_last and self._options.once):
                return
            if page.is_last and self._saved is None:
                # Nobody is to wait for the next look to hear that the server takes nothing of this.
                await unless(self._stop, delivery.drain())
            if page.is_last and await pause(
                self._stop, started + self._config.interval_seconds - time.monotonic()
            ):
                return

    async def _sent(self, delivery: Delivery, samples: Samples, cursor: Cursor) -> bool:
        await delivery.send(samples, cursor)
        return True

    async def _drained(self, delivery: Delivery, session: Session) -> bool:
        """Waits for answers: as long as it takes, or for a moment once somebody wants to stop."""
        if await unless(self._stop, delivery.drain()):
            return True
        is_away = session.publisher.state is not ConnectionState.LIVE
        return await delivery.drain(0.0 if is_away else self._options.grace_seconds)

    def _mapped(self, page: Page) -> Samples:
        mapped = self._mapper.apply(page.records)
        before = self.tally.mapped
        for problem in self.tally.page(mapped):
            log.warning(
                "not mapped: %s in %s, such as %s (further ones are only counted)",
                problem.kind.replace("_", " "),
                problem.field,
                problem.example,
            )
        is_first = not before and self._saved is None
        if (
            is_first
            and not len(mapped.samples)
            and (error := unusable(mapped, page, self.tally, self._config))
        ):
            raise error
        if page.problem:
            self._notices.trouble(_PROBLEM, page.problem)
        elif mapped.records:
            self._notices.over(_PROBLEM, "The source gives rows again.")
        samples = mapped.samples
        if self._since_ms and (early := samples.timestamp_ms < self._since_ms).any():
            self.tally.early += int(early.sum())
            samples = samples.where(~early)
        return samples

    def _may_save(self, *, is_over: bool = False) -> bool:
        """Whether a cursor may be kept: not before the server has taken a row.

        Raises:
            ConfigError: it refuses all of them.
        """
        self.follow()
        return self._saved is not None or has_taken(self.tally, self._config, is_over=is_over)

    def _save(self, cursor: Cursor) -> None:
        if cursor == self._saved:
            return
        self._state.save(State(cursor, self._since_ms, self._now_ms()))
        self._saved = cursor
        self.tally.last_saved_ms = self._now_ms()
