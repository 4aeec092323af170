"""What time the server thinks it is: the wall's, or, for replays, that of the data."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

_JUMP_MS: Final = 3_600_000


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
    there for good, so an event clock is for data that is known, not for senders that may be wrong. Samples more than
    31 days ahead of the time of day are refused before they reach it.
    """

    def __init__(self) -> None:
        self._newest_ms = 0

    def now_ms(self) -> int:
        return self._newest_ms

    def observe(self, sample_ms: int) -> None:
        """Moves the clock on to an accepted sample's time; an older sample leaves it where it is."""
        self._newest_ms = max(self._newest_ms, sample_ms)


class JumpGuard:
    """Tells by what time to forget, so that a wall clock that is wrong for a moment costs nothing for good.

    A clock that gets more than an hour further than time has passed has been set, or is wrong. Until it has stayed
    there for an hour, or has come back, what is forgotten is forgotten by the time it would be without the jump; when
    it is set once more meanwhile, that hour begins again. A clock that goes back is followed: it forgets too little,
    not too much. The first time asked for is trusted, as there is none before it.

    Args:
        monotonic: Seconds that pass.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._trusted_ms: int | None = None
        self._jumped_at_ms = 0
        self._jumped_to_ms: int | None = None

    def settled(self, now_ms: int) -> int:
        """The time to forget by, at most `now_ms`, which is what the clock says; Unix milliseconds UTC."""
        passed_ms = round(1000 * self._monotonic())
        start_ms = now_ms - passed_ms
        if self._trusted_ms is None or start_ms - self._trusted_ms <= _JUMP_MS:
            self._trusted_ms, self._jumped_to_ms = start_ms, None
        elif self._jumped_to_ms is None or abs(start_ms - self._jumped_to_ms) > _JUMP_MS:
            self._jumped_at_ms, self._jumped_to_ms = passed_ms, start_ms
        elif passed_ms - self._jumped_at_ms >= _JUMP_MS:
            self._trusted_ms, self._jumped_to_ms = start_ms, None
        return self._trusted_ms + passed_ms


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
