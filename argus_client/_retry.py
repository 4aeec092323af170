"""When to try a unary call again: one policy inside one deadline."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from argus_client._config import Backoff
from argus_client._errors import ArgusError


class RetryBudget:
    """Attempts and time left of one call.

    Args:
        backoff: Waits between attempts.
        timeout: Seconds for everything together; None has no end.
        monotonic: Clock, seconds.
        uniform: Source of jitter.
    """

    def __init__(
        self,
        backoff: Backoff,
        timeout: float | None,
        monotonic: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._backoff = backoff
        self._monotonic = monotonic
        self._uniform = uniform
        self._deadline = None if timeout is None else monotonic() + timeout
        self._failures = 0
        self._maybe_done = False

    def remaining(self) -> float | None:
        """Seconds the next attempt may take; None has no end."""
        return None if self._deadline is None else max(0.0, self._deadline - self._monotonic())

    def delay_after(self, error: ArgusError) -> float | None:
        """Seconds to wait before the next attempt; None when there is none and `error` is the outcome.

        As the outcome it speaks for all attempts: `maybe_done` if any of them may be.
        """
        self._failures += 1
        self._maybe_done = error.maybe_done = self._maybe_done or error.maybe_done
        if not error.retryable or self._backoff.exhausted(self._failures):
            return None
        delay = max(self._backoff.delay(self._failures, self._uniform), error.retry_delay or 0.0)
        remaining = self.remaining()
        return delay if remaining is None or delay < remaining else None
