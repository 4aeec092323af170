"""Answers that are made once per snapshot, however many browsers ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


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


async def _await(make: Callable[[], Awaitable[T]]) -> T:
    return await make()
