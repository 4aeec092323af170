"""An `argus server` in a process of its own, for benchmarks that measure, stop or kill one."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
from typing import Final

_READY_SECONDS: Final = 60.0


class ServerProcess:
    """A server that has said where it listens. It ends with this process, or when it is told to.

    Args:
        flags: What follows `argus server`.

    Attributes:
        listen: Where it listens.
        metrics_listen: Where its Prometheus port is; empty without one.

    Raises:
        RuntimeError: It has ended instead; the message has its log.
    """

    def __init__(self, *flags: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "argus_client.cli", "server", "--json", "--stop-on-eof", *flags],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._drain, daemon=True).start()
        ready = json.loads(self._first_line())
        self.listen = str(ready["listen"])
        self.metrics_listen = str(ready["metrics_listen"])

    def end(self, number: signal.Signals) -> int:
        """Sends a signal and waits for the end; returns the exit status."""
        self.process.send_signal(number)
        code = self.process.wait(_READY_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def said(self) -> str:
        """Its log so far."""
        said = []
        while not self.lines.empty():
            said.append(self.lines.get())
        return "".join(said)

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(_READY_SECONDS)
            raise RuntimeError(f"the server ended with {self.process.returncode}: {self.said()}")
        return line

    def _drain(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr:
            for line in self.process.stderr:
                self.lines.put(line)
