"""Waits for what is not so yet, for a bounded time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

SECONDS = 30.0


async def eventually(condition: Callable[[], Awaitable[object]], seconds: float = SECONDS) -> None:
    """Asks again and again until it is so."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, f"not so within {seconds:g} s"
        await asyncio.sleep(0.05)
