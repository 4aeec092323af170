"""How often somebody may guess the password."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

PER_ADDRESS: Final = 5
OVERALL: Final = 60
SECONDS: Final = 60.0
_ADDRESSES_KEPT: Final = 10_000
_EVERYBODY: Final = ""


class Attempts:
    """Failed log-ins of the last minute, per address and of all addresses together.

    Args:
        now: Clock in seconds.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def seconds_to_wait(self, address: str) -> float:
        """Seconds until this address may try again; 0 when it may now."""
        return max(self._wait(address, PER_ADDRESS), self._wait(_EVERYBODY, OVERALL))

    def failed(self, address: str) -> None:
        """Notes a wrong password."""
        for key in (address, _EVERYBODY):
            self._failures.setdefault(key, []).append(self._now())
            self._failures.move_to_end(key)
        while len(self._failures) > _ADDRESSES_KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forgets what went wrong before."""
        self._failures.pop(address, None)

    def _wait(self, key: str, limit: int) -> float:
        since = self._now() - SECONDS
        recent = [at for at in self._failures.get(key, ()) if at > since]
        if not recent:
            self._failures.pop(key, None)
            return 0.0
        self._failures[key] = recent
        return recent[-limit] - since if len(recent) >= limit else 0.0
