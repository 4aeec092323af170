"""How much a source may send before it is asked to pause."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol


class Quota(Protocol):
    """What somebody may send over all streams together."""

    def take_rows(self, rows: int) -> float:
        """Takes rows; returns the seconds the source should pause."""
        ...

    def refuse(self, names: Iterable[str]) -> dict[str, str]:
        """Of names that are new to the fleet, those that may not join it, and why."""
        ...


class TokenBucket:
    """A bucket of one second's worth of rows that never refuses: what exceeds it is paid for by a pause.

    Args:
        rate: Rows per second; also the size of the bucket.
        monotonic: Clock, seconds.
    """

    def __init__(self, rate: int, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._tokens = float(rate)
        self._filled_at = monotonic()

    def take(self, rows: int) -> float:
        """Takes rows out; returns the seconds until the bucket is even again, 0 while it is not in debt."""
        now = self._monotonic()
        self._tokens = min(self._tokens + (now - self._filled_at) * self._rate, float(self._rate)) - rows
        self._filled_at = now
        return max(-self._tokens / self._rate, 0.0)
