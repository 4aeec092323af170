"""What time the server thinks it is: the wall's, or, for replays, that of the data."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time in Unix milliseconds, UTC."""

    def now_ms(self) -> int:
        """The current time."""
        ...


class WallClock:
    """The system's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class EventClock:
    """Time is the newest accepted sample's time, and 0 before the first: history replays at any speed.

    Nothing lies in the future of this clock and it never goes back. One sample with a date far ahead moves it
    there for good, so an event clock is for data that is known, not for senders that may be wrong.
    """

    def __init__(self) -> None:
        self._newest_ms = 0

    def now_ms(self) -> int:
        return self._newest_ms

    def observe(self, sample_ms: int) -> None:
        """Moves the clock on to an accepted sample's time; an older sample leaves it where it is."""
        self._newest_ms = max(self._newest_ms, sample_ms)


class ManualClock:
    """A wall clock that stands still until it is moved: for tests."""

    def __init__(self, now_ms: int = 0) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def set(self, now_ms: int) -> None:
        """Sets the time, forward or back."""
        self._now_ms = now_ms

    def advance(self, milliseconds: int) -> None:
        """Moves the time on."""
        self._now_ms += milliseconds
