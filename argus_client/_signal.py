"""Wakes everybody who waits for something to change on an event loop."""

from __future__ import annotations

import asyncio


class Signal:
    """What a condition is to threads. Whoever changes state fires; whoever waits looks again."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def fire(self) -> None:
        """Wakes all who wait now."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self, seconds: float | None) -> bool:
        """Waits for the next firing; False when it has not come in time."""
        event = self._event
        if seconds is None:
            await event.wait()
            return True
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await event.wait()
        except TimeoutError:
            return False
        return True
