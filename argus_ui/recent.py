"""Answers of the Argus server that many browsers ask for at once, asked for once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_SECONDS: Final = 2.0


class Recent(Generic[T]):
    """Remembers an answer for a moment; who asks while a question is open waits for that one.

    Errors are told to all who wait, and not remembered.

    Args:
        ask: Asks the server.
        seconds: How long an answer is good for.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], seconds: float = _SECONDS) -> None:
        self._ask = ask
        self._seconds = seconds
        self._open: asyncio.Future[T] | None = None
        self._answered_at = 0.0

    async def get(self) -> T:
        """The answer.

        Raises:
            ArgusError: The server could not be asked, or refused.
        """
        if self._open is None or (self._open.done() and not self._is_good(self._open)):
            self._open = asyncio.ensure_future(self._answer())
        # A browser that goes away must not end the question of the others.
        return await asyncio.shield(self._open)

    def forget(self) -> None:
        """Makes the next one ask again: something has changed."""
        self._open = None

    def _is_good(self, answer: asyncio.Future[T]) -> bool:
        failed = answer.cancelled() or answer.exception() is not None
        return not failed and time.monotonic() - self._answered_at < self._seconds

    async def _answer(self) -> T:
        answer = await self._ask()
        self._answered_at = time.monotonic()
        return answer
