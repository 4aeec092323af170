"""`Notices`: the same trouble is told once and then every few minutes, not every time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

REPEAT_SECONDS: Final = 300.0

log: Final = logging.getLogger("argus.adapter")
"""Everything an adapter says."""


@dataclass(slots=True)
class _Told:
    at: float
    unheard: int = 0


class Notices:
    """Decides what is worth telling again.

    Args:
        repeat_seconds: Between two tellings of one trouble.
        monotonic: Clock.
    """

    def __init__(
        self, repeat_seconds: float = REPEAT_SECONDS, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._repeat_seconds = repeat_seconds
        self._monotonic = monotonic
        self._told: dict[str, _Told] = {}

    def trouble(self, key: str, message: str) -> None:
        """Warns of a trouble, unless that was done a moment ago.

        Args:
            key: Tells troubles apart: what is the same trouble with another number in it has the same key.
            message: One line.
        """
        now = self._monotonic()
        told = self._told.get(key)
        if told is not None and now - told.at < self._repeat_seconds:
            told.unheard += 1
            return
        more = (
            f" (and {told.unheard} times since it was last said)" if told is not None and told.unheard else ""
        )
        self._told[key] = _Told(now)
        log.warning("%s%s", " ".join(message.split()), more, extra={"trouble": key})

    def over(self, key: str, message: str) -> None:
        """Says that a trouble is over, if it was ever told."""
        if self._told.pop(key, None) is not None:
            log.info("%s", message)
