"""From ingest to the store and back: rows go out to the store's thread, news of them comes back to the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Protocol

from argus_server.store.samples import SampleRows

Settled = Callable[[str], None]
"""Told, on the event loop, why rows could not be made durable; an empty string when they are."""


class SampleStore(Protocol):
    """What ingest needs of a store."""

    @property
    def failure(self) -> str:
        """Why rows cannot be kept now; empty when they can."""
        ...

    def append_samples(self, rows: SampleRows, source_id: str, sequence: int) -> Future[None]:
        """Queues rows and commits a sequence with them; when the future fails, the rows are kept for later."""
        ...


class SampleLog:
    """Keeps samples in a store, or takes them as kept when there is none. Used on the event loop.

    Args:
        store: Where they go; None keeps them in memory only.
    """

    def __init__(self, store: SampleStore | None) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._news: deque[tuple[Settled, Future[None]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def failure(self) -> str:
        """Why rows cannot be kept now; empty when they can."""
        return self._store.failure if self._store is not None else ""

    def append(self, rows: SampleRows, source_id: str, sequence: int, settled: Settled) -> None:
        """Hands rows over; `settled` is called once, at once if there is no store."""
        if self._store is None:
            settled("")
            return
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        done = self._store.append_samples(rows, source_id, sequence)
        done.add_done_callback(lambda future: self._came(settled, future))

    def _came(self, settled: Settled, done: Future[None]) -> None:
        """On the thread of the store: one call wakes the loop for all that became durable together."""
        with self._lock:
            self._news.append((settled, done))
            first = len(self._news) == 1
        if first and self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        with self._lock:
            news, self._news = self._news, deque()
        for settled, done in news:
            error = done.exception()
            settled("" if error is None else str(error))
