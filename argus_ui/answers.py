"""Answers that many browsers ask for: made once, then kept for a while or until the next snapshot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, Generic, TypeVar

from argus_ui.feed import Document

_MOST: Final = 100
T = TypeVar("T")


class Answers:
    """Keeps answers as documents, and has those who ask for the same thing at once wait for one question.

    Args:
        clock: Seconds, for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[float, asyncio.Task[Document]]] = {}

    async def get(self, name: str, keep_seconds: float, ask: Callable[[], Awaitable[Any]]) -> Document:
        """The answer of this name.

        Args:
            name: Names the question; everything that makes another question is in it.
            keep_seconds: How old an answer may be.
            ask: Asks; returns plain values for JSON. An error reaches everybody who waits, and is not kept.
        """
        now = self._clock()
        held = self._kept.get(name)
        if held is None or (held[1].done() and now >= held[0]) or _failed(held[1]):
            self._forget_old(now)
            held = (now + keep_seconds, asyncio.create_task(_document(ask)))
            self._kept[name] = held
        # Whoever goes away leaves the question to the others.
        return await asyncio.shield(held[1])

    def forget(self) -> None:
        """Asks anew from now on: something was changed."""
        self._kept = {}

    def _forget_old(self, now: float) -> None:
        if len(self._kept) >= _MOST:
            self._kept = {name: held for name, held in self._kept.items() if now < held[0]}
        while len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]


class PerSnapshot(Generic[T]):
    """Holds what was made for the newest snapshot, and lets those who ask at the same time wait for one answer.

    Args:
        tag: Names the newest snapshot.
    """

    def __init__(self, tag: Callable[[], str]) -> None:
        self._tag = tag
        self._held_tag = ""
        self._held: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What was made for this key since the newest snapshot came, else what `make` returns now.

        Raises:
            Exception: What `make` raises. It is not held.
        """
        if (tag := self._tag()) != self._held_tag:
            self._held_tag, self._held = tag, {}
        held = self._held
        if key not in held:
            held[key] = asyncio.create_task(_await(make))
        try:
            # A browser that goes away must not take the answer from the others.
            return await asyncio.shield(held[key])
        except Exception:
            held.pop(key, None)
            raise


async def _document(ask: Callable[[], Awaitable[Any]]) -> Document:
    found = await ask()
    # Thousands of rows take a while to write and to compress.
    return await asyncio.to_thread(Document.of, found)


def _failed(task: asyncio.Task[Document]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


async def _await(make: Callable[[], Awaitable[T]]) -> T:
    return await make()
