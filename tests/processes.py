"""The `argus` command as processes of their own; every wait for one is bounded."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[1]
SECONDS = 30.0


def environment(**added: str) -> dict[str, str]:
    """This process's environment without settings of Argus, and what is added."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_")}
    return {**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'proto'}", "COLUMNS": "200", **added}


def strict_json(text: str) -> Any:
    """Reads JSON and refuses what Python alone takes for it: NaN and infinities."""

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The last line of the output."""
        assert self.code == 0, self
        return strict_json(self.out.strip().splitlines()[-1])

    def error(self, code: int = 1) -> str:
        """The one line in which a command says why it failed: its last."""
        assert self.code == code, self
        assert self.out == ""
        *before, line = self.err.strip().splitlines()
        assert line.startswith("argus"), self.err
        assert not [other for other in before if other.startswith(("argus", "Traceback", " "))], self.err
        return line


def run(*arguments: object, **added: str) -> Outcome:
    """Runs a command to its end."""
    done = subprocess.run(
        command(*arguments),
        env=environment(**added),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "argus_client.cli", *map(str, arguments)]


class Process:
    """A running command. Leaving its `with` block kills it, unless it has ended.

    Args:
        arguments: What follows `argus`.
        added: Environment variables.
    """

    def __init__(self, *arguments: object, **added: str) -> None:
        self.process = subprocess.Popen(
            self.command(*arguments),
            env=environment(**added),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out = _Lines(self.process.stdout)
        self.err = _Lines(self.process.stderr)

    def command(self, *arguments: object) -> list[str]:
        """The command line."""
        return command(*arguments)

    def send(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self.process.send_signal(number)

    def end(self, number: signal.Signals | None = None) -> Outcome:
        """Waits for the end, after a signal if one is given."""
        if number is not None:
            self.send(number)
        code = self.process.wait(timeout=SECONDS)
        return Outcome(code, self.out.rest(), self.err.rest())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        self.out.rest()
        self.err.rest()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


class ServerProcess(Process):
    """An `argus server` that is ready, on an event clock, with a small tick and no Prometheus port.

    Args:
        arguments: Further flags; they win.
        listen: Where to listen.
        added: Environment variables.

    Attributes:
        ready: What it said when it was ready.
        target: Where it listens.
    """

    def __init__(self, *arguments: object, listen: str = "127.0.0.1:0", **added: str) -> None:
        super().__init__(
            *("server", "--json", "--stop-on-eof", "--listen", listen, "--metrics-listen", ""),
            *("--clock", "event", "--tick-seconds", "0.2", *arguments),
            **added,
        )
        try:
            self.ready: dict[str, str] = strict_json(self.out.next())
            self.target = self.ready["listen"]
        except BaseException:  # whatever it is, a time-out above all: nobody else ends the process
            self.__exit__()
            raise


class _Lines:
    """Lines of a pipe, read by a thread of its own."""

    def __init__(self, pipe: Any) -> None:
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._said: list[str] = []
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def next(self) -> str:
        """The next line."""
        line = None if self._ended else self._lines.get(timeout=SECONDS)
        self._ended = line is None
        assert line is not None, f"there is no further line after {self._said}"
        self._said.append(line)
        return line

    def until(self, part: str) -> str:
        """The next line with `part` in it."""
        while part not in (line := self.next()):
            pass
        return line

    def rest(self) -> str:
        """All lines from the first to the last, once the process has ended."""
        while not self._ended:
            line = self._lines.get(timeout=SECONDS)
            self._ended = line is None
            if line is not None:
                self._said.append(line)
        self._thread.join()
        return "".join(self._said)

    def _read(self, pipe: Any) -> None:
        for line in pipe:
            self._lines.put(line)
        self._lines.put(None)


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Asks again and again until it is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not so within {seconds:g} s"
        time.sleep(0.02)
