"""Sends a source's batches through a publisher until they end or somebody interrupts."""

from __future__ import annotations

import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from argus_client import ArgusClient, PublisherStats, Rejection
from argus_client.adapters import Source


def feed(
    target: str,
    source: Source,
    stop: threading.Event,
    *,
    source_id: str,
    on_batch: Callable[[PublisherStats], None] = lambda _: None,
    on_rejection: Callable[[Rejection], None] | None = None,
) -> PublisherStats:
    """Publishes everything a source yields and waits until the server has answered for it.

    Args:
        target: The server.
        source: Where rows come from.
        stop: Set it to end early; what was published by then is still answered for.
        source_id: Names the source of the sequence numbers.
        on_batch: Called after each batch with the counters so far.
        on_rejection: Called for every refused row or batch.

    Raises:
        ArgusError: The server cannot be used; SourceError: the source cannot deliver.
    """
    with ArgusClient(target) as client:
        client.wait_ready(timeout=10)
        with client.publisher(source_id, on_rejection=on_rejection) as publisher:
            for samples in source.batches(stop):
                publisher.publish(samples)
                on_batch(publisher.stats)
            publisher.flush()
            return publisher.stats


def unique_source_id(name: str) -> str:
    """A source id for one run only: a run that is repeated starts its own sequence."""
    text = f"{name}@{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    return "".join(character if "!" <= character <= "~" else "_" for character in text)[-253:]


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; a second Ctrl-C ends the program at once."""
    stop = threading.Event()

    def ask_to_stop(number: int, frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    former = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
