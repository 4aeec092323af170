"""`Overlap`: what has been delivered already, so that late documents can be looked for without sending all again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus_client.adapters.source import wall_ms
from argus_client.samples import Samples

# Bits a Unix time in seconds needs up to the year 9999.
_SECOND_BITS: Final = 38
_SECOND_MASK: Final = (1 << _SECOND_BITS) - 1
_MAX_SERVERS: Final = 1_000_000
# Rows further ahead of the clock are refused by the server and need no remembering.
_SKEW_SECONDS: Final = 300


class Overlap:
    """Remembers servers and seconds for a while and lets through what is new: the server keeps one row of each.

    Args:
        seconds: How long, behind the newest time met.
        now_ms: Clock, Unix milliseconds UTC.
    """

    def __init__(self, seconds: float, now_ms: Callable[[], int] = wall_ms) -> None:
        self._seconds = int(seconds) + 1
        self._now_ms = now_ms
        self._servers: dict[str, int] = {}
        self._known = np.empty(0, np.int64)  # sorted: server << _SECOND_BITS | second
        self._newest = 0

    def fresh(self, samples: Samples) -> Samples:
        """The rows whose server and second have not been met; of several in one page the first. Remembers them."""
        if not len(samples):
            return samples
        keys = (self._numbers(samples.server_name) << _SECOND_BITS) | (samples.timestamp_ms // 1000)
        unique, first = np.unique(keys, return_index=True)
        unseen = ~self._has(unique)
        unique, first = unique[unseen], np.sort(first[unseen])
        self._remember(unique)
        if len(first) == len(samples):
            return samples
        return samples.where(first)

    def _numbers(self, names: NDArray[np.object_]) -> NDArray[np.int64]:
        servers = self._servers
        if len(servers) > _MAX_SERVERS:
            servers.clear()
            self._known = self._known[:0]
        cells = names.tolist()
        for name in set(cells):
            servers.setdefault(name, len(servers))
        return np.fromiter(map(servers.__getitem__, cells), np.int64, len(cells))

    def _has(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        if not len(self._known):
            return np.zeros(len(keys), np.bool_)
        place = np.searchsorted(self._known, keys)
        place[place == len(self._known)] = 0
        return np.asarray(self._known[place] == keys, np.bool_)

    def _remember(self, keys: NDArray[np.int64]) -> None:
        now = self._now_ms() // 1000
        keys = keys[(keys & _SECOND_MASK) <= now + _SKEW_SECONDS]
        if len(keys):
            # A clock that is ahead must not push out what the others have sent.
            self._newest = max(self._newest, min(now, int((keys & _SECOND_MASK).max())))
        known = np.concatenate([self._known, keys])
        known = known[(known & _SECOND_MASK) >= self._newest - self._seconds]
        self._known = np.sort(known, kind="stable")  # two sorted runs: merged in one pass
