"""Sends a source's batches through a publisher until they end or somebody interrupts."""

from __future__ import annotations

import os
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from argus_client import (
    BufferFull,
    DeadlineExceeded,
    Publisher,
    PublisherStats,
    Rejection,
    Samples,
)
from argus_client.adapters import Source
from argus_client.cli.connecting import Connect

# How often a wait for a server that is away looks whether somebody wants to stop.
_LOOK_SECONDS: Final = 0.5
# How long a server has to answer for what was sent, once somebody wants to stop.
_GRACE_SECONDS: Final = 5.0


def feed(
    target: str,
    source: Source,
    stop: threading.Event,
    *,
    source_id: str,
    timeout: float = 10.0,
    connect: Connect | None = None,
    on_batch: Callable[[PublisherStats], None] = lambda _: None,
    on_rejection: Callable[[Rejection], None] | None = None,
) -> PublisherStats:
    """Publishes everything a source yields and waits until the server has answered for it.

    Args:
        target: The server.
        source: Where rows come from.
        stop: Set it to end early; what was published by then is still answered for, if that can be had soon.
        source_id: Names the source of the sequence numbers.
        timeout: Seconds to wait for the server at the start. Later it may be away for as long as it likes.
        connect: How to reach it; in the clear if not given, with the key of the environment.
        on_batch: Called after each batch with the counters so far.
        on_rejection: Called for every refused row or batch.

    Raises:
        ArgusError: The server cannot be used, or was away when somebody wanted to stop.
        SourceError: The source cannot deliver.
    """
    with (connect or Connect()).client(target) as client:
        client.wait_ready(timeout=timeout)
        with client.publisher(source_id, on_rejection=on_rejection) as publisher:
            for samples in source.batches(stop):
                _publish(publisher, samples, stop)
                on_batch(publisher.stats)
            _flush(publisher, stop)
            return publisher.stats


def _publish(publisher: Publisher, samples: Samples, stop: threading.Event) -> None:
    """Waits for room for as long as nobody wants to stop."""
    while True:
        try:
            publisher.publish(samples, timeout=_LOOK_SECONDS)
            return
        except BufferFull as full:
            if stop.is_set():
                return
            samples = samples.rows(full.rows_taken, len(samples))


def _flush(publisher: Publisher, stop: threading.Event) -> None:
    """Waits for answers: for as long as it takes, or for a moment once somebody wants to stop."""
    while not stop.is_set():
        with suppress(DeadlineExceeded):
            publisher.flush(timeout=_LOOK_SECONDS)
            return
    publisher.flush(timeout=_GRACE_SECONDS)


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
