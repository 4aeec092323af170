"""What a source of samples is, and how one waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from argus_client.samples import Samples


class SourceError(Exception):
    """A source cannot deliver."""


class Stop(Protocol):
    """When to end; a `threading.Event` is one. Waiting ends early once it is set."""

    def is_set(self) -> bool:
        """Whether the source has to end."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait up to `timeout` seconds; returns whether the source has to end."""
        ...


class Source(Protocol):
    """Somewhere metric rows come from."""

    @property
    def name(self) -> str:
        """Stable name of this source, for logs and as its source id."""
        ...

    def batches(self, stop: Stop) -> Iterator[Samples]:
        """Rows in batches, in order of time, until there are no more or `stop` is set.

        The iterator blocks while it waits for the next rows; run it in a thread of its own.

        Raises:
            SourceError: the source cannot deliver (any more).
        """
        ...


def wall_ms() -> int:
    """Unix milliseconds UTC."""
    return time.time_ns() // 1_000_000


def ticks(
    interval_seconds: float, stop: Stop, *, monotonic: Callable[[], float] = time.monotonic
) -> Iterator[None]:
    """Yield now and then every `interval_seconds` until `stop` is set, without drift.

    A consumer that is late gets its next tick on the same grid: missed ticks are left out, never made up for
    in a burst.

    Raises:
        ValueError: the interval is not positive.
    """
    if not interval_seconds > 0:
        raise ValueError(f"interval_seconds must be above 0; got {interval_seconds}.")
    start = monotonic()
    tick = 0
    while not stop.is_set():
        yield
        tick = max(tick + 1, int((monotonic() - start) // interval_seconds))
        while (wait := start + tick * interval_seconds - monotonic()) > 0:
            if stop.wait(wait):
                return


def in_batches(samples: Samples, rows: int) -> Iterator[Samples]:
    """Split `samples` into runs of at most `rows` rows."""
    for start in range(0, len(samples), rows):
        yield samples.rows(start, start + rows)
