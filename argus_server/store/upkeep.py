"""The thread that keeps the store in order: rolls, merges, forgets and writes checkpoints, at low priority."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

import pyarrow as pa

from argus_server.store.errors import StoreError

_LOG: Final = logging.getLogger(__name__)

_NICENESS: Final = 10
_RETRY_SECONDS: Final = 30.0

Task = Callable[[], bool]
"""Does a part of some work; says whether there is more of it."""


class Upkeep:
    """Runs tasks again and again until it is closed.

    A task that fails is logged and counted, and tried again after a while; the others go on.

    Args:
        tasks: By name, the more urgent ones first: after each part of one, the ones before it are asked again.
        period_seconds: Time between two rounds.
        failed: Told the name of a task that failed.
        retry_seconds: How long a task that failed is left alone.
    """

    def __init__(
        self,
        tasks: dict[str, Task],
        period_seconds: float,
        failed: Callable[[str], None],
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        self._tasks = tasks
        self._period_seconds = period_seconds
        self._failed = failed
        self._retry_seconds = retry_seconds
        self._retry_at = dict.fromkeys(tasks, 0.0)
        self._closing = False
        self._due = threading.Event()
        self._thread = threading.Thread(target=self._run, name="argus-store-upkeep", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Begins the next round now."""
        self._due.set()

    def close(self) -> None:
        """Ends the thread after the part it is at."""
        self._closing = True
        self._due.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        if sys.platform == "linux":
            # On Linux a priority belongs to a thread.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while not self._closing:
            self._due.wait(self._period_seconds)
            self._due.clear()
            while not self._closing and self._do_next():
                continue

    def _do_next(self) -> bool:
        """Does a part of the most urgent task that has something to do; says whether there was one."""
        for name, task in self._tasks.items():
            if time.monotonic() < self._retry_at[name]:
                continue
            try:
                if task():
                    return True
            except (OSError, MemoryError, StoreError, pa.ArrowException) as error:
                self._retry_at[name] = time.monotonic() + self._retry_seconds
                self._failed(name)
                _LOG.error("%s of the data directory failed, trying again later: %s", name, error)
        return False
