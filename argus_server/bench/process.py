"""Runs one side of a benchmark in a process of its own, so that its processor time and memory can be told apart."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final

_READY_SECONDS: Final = 120.0


@contextmanager
def beside(target: Callable[..., None], *arguments: Any) -> Iterator[Connection]:
    """Starts `target(connection, *arguments)` in a fresh interpreter and yields the other end of the connection.

    Closing the connection tells the process to end; it is terminated if it does not.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=target, args=(there, *arguments), daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join(timeout=10)
        if process.is_alive():
            process.terminate()
            process.join()


def answer(connection: Connection) -> Any:
    """Waits for the process's next message.

    Raises:
        RuntimeError: It says nothing for too long.
    """
    if not connection.poll(_READY_SECONDS):
        raise RuntimeError(f"the benchmark's server said nothing for {_READY_SECONDS:g} s")
    return connection.recv()


def resident_mb() -> float:
    """Resident memory of this process."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6
