"""Rows for servers that run as processes, and threads that see them through."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from argus_client import ArgusClient, Backoff, Publisher, Samples
from argus_client.testing import make_samples
from tests.processes import SECONDS
from tests.server.running import START_MS, STEP_MS

QUICK = Backoff(initial_seconds=0.05, maximum_seconds=0.2)
WARM_STEPS = 30


def step(names: Sequence[str], number: int) -> Samples:
    """One row per server at a step; no two steps are alike."""
    return make_samples(names, timestamp_ms=START_MS + number * STEP_MS, value=20.0 + number % 60)


def history(names: Sequence[str], steps: int = WARM_STEPS) -> Samples:
    """Rows of the first steps: enough for the model, if not said otherwise."""
    return Samples.concat([step(names, number) for number in range(steps)])


def feed(client: ArgusClient, samples: Samples, source_id: str = "history") -> None:
    """Publishes samples and waits until the server has taken them all."""
    with client.publisher(source_id) as publisher:
        publisher.publish(samples)
        publisher.flush(timeout=SECONDS, strict=True)
        assert publisher.stats.rows_accepted == len(samples)


@contextmanager
def beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Runs `work` on a thread for as long as the block lasts; what it raises fails the test."""
    stop = threading.Event()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work(stop)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=SECONDS)
    assert not thread.is_alive()
    assert not raised, raised


def load(
    publisher: Publisher, names: Sequence[str], first: int = WARM_STEPS
) -> Callable[[threading.Event], None]:
    """Work that publishes one step after another, a few hundred per second at most."""

    def work(stop: threading.Event) -> None:
        number = first
        while not stop.wait(0.005):
            publisher.publish(step(names, number), timeout=SECONDS)
            number += 1

    return work
