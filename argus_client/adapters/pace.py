"""Recorded samples at the speed of a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from argus_client.adapters.source import Stop
from argus_client.samples import Samples


def paced(
    batches: Iterable[Samples],
    speed: float,
    stop: Stop,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Samples]:
    """Hold rows back until they are due: the first at once, others as far behind it as recorded / `speed`.

    Rows that are due together come together; a late consumer catches up.

    Args:
        batches: rows in order of time.
        speed: 1 = as recorded, 300 = 300 times as fast; 0 = never wait.
        stop: ends the iteration, also while it waits.
    """
    if not speed:
        yield from batches
        return
    origin_ms: int | None = None
    start = monotonic()
    for samples in batches:
        if origin_ms is None and len(samples):
            origin_ms = int(samples.timestamp_ms[0])
            start = monotonic()
        begin = 0
        while begin < len(samples) and origin_ms is not None:
            reached_ms = origin_ms + (monotonic() - start) * 1000 * speed
            due = int(np.searchsorted(samples.timestamp_ms, reached_ms, side="right"))
            if due > begin:
                yield samples.rows(begin, due)
                begin = due
                continue
            ahead_ms = int(samples.timestamp_ms[begin]) - reached_ms
            if stop.wait(ahead_ms / 1000 / speed):
                return
