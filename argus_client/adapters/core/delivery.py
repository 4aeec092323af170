"""`Delivery`: pages on their way to the server; a page's cursor is kept once it and all before it are through."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from argus_client import AsyncPublisher, Samples
from argus_client.adapters.pull import Cursor

MAX_PAGES: Final = 8
"""Pages that may be on their way at once."""


@dataclass(frozen=True, slots=True)
class _Underway:
    """A page: the publisher's position behind its last row, and the cursor that goes on after it."""

    position: int
    cursor: Cursor


class Delivery:
    """Publishes pages in order and saves their cursors in that order, never ahead of an answer.

    Made inside a running event loop. A page without a row to send is a page like any other: its cursor is saved once
    all pages before it are through.

    Args:
        publisher: Sends; nobody else may publish through it.
        save: Keeps a cursor durably. It runs in a thread and may block.
        may_save: Asked on the event loop before each: whether a cursor may be kept yet. What it raises ends all.
        max_pages: Pages that may be on their way before `send` waits.
    """

    def __init__(
        self,
        publisher: AsyncPublisher,
        save: Callable[[Cursor], None],
        may_save: Callable[[], bool],
        max_pages: int = MAX_PAGES,
    ) -> None:
        self._publisher = publisher
        self._save = save
        self._may_save = may_save
        self._underway: deque[_Underway] = deque()
        self._room = asyncio.Semaphore(max_pages)
        self._added = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.create_task(self._settle(), name="argus-adapter-delivery")

    async def send(self, samples: Samples, cursor: Cursor) -> None:
        """Publishes a page; waits while too many are on their way.

        Raises:
            ArgusError: the publisher has failed for good.
            OSError: a cursor could not be saved.
            ConfigError: the server refuses everything.
        """
        await self._or_failure(self._room.acquire())
        await self._or_failure(self._publisher.publish(samples))
        self._underway.append(_Underway(self._publisher.stats.rows_published, cursor))
        self._idle.clear()
        self._added.set()

    async def drain(self, seconds: float | None = None) -> bool:
        """Waits until every page is through and its cursor saved; False when that takes longer.

        Raises:
            ArgusError: the publisher has failed for good.
            OSError: a cursor could not be saved.
            ConfigError: the server refuses everything.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._or_failure(self._idle.wait())
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Stops saving cursors. What is still on its way will be fetched again."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _settle(self) -> None:
        while True:
            while not self._underway:
                self._added.clear()
                await self._added.wait()
            await self._publisher.wait_settled(self._underway[0].position)
            settled = self._publisher.stats.rows_settled
            done: list[_Underway] = []
            while self._underway and self._underway[0].position <= settled:
                done.append(self._underway.popleft())
            if self._may_save():
                await asyncio.to_thread(self._save, done[-1].cursor)
            for _ in done:
                self._room.release()
            if not self._underway:
                self._idle.set()

    async def _or_failure(self, wait: Awaitable[object]) -> None:
        """Waits, unless what settles pages has failed: then nothing would ever end the wait."""
        waiting = asyncio.ensure_future(wait)
        try:
            await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                waiting.result()
                return
            self._task.result()
            raise AssertionError("the task that settles pages ends only by an error")
        finally:
            if not waiting.done():
                waiting.cancel()
