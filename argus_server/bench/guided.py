"""Fuzzing that follows coverage: atheris changes messages until they reach code that none has reached before.

It takes over the process it runs in, so it gets one of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

_SEEDS: Final = 200
_MAX_BYTES: Final = 4096
_SECONDS: Final = 580


class GuidedError(RuntimeError):
    """The fuzzer found something, or could not run. The message has the end of what it said."""


def _nobody_waits() -> None:
    """Answers of a server without a data directory are ready at once."""


def run(runs: int, seed: int) -> dict[str, Any]:
    """Lets atheris send messages to ingest sessions.

    Args:
        runs: Messages, at least: the fuzzer ends between two rounds.
        seed: Of its choices.

    Raises:
        GuidedError: An exception came out of a session, or atheris is not installed.
    """
    if find_spec("atheris") is None:
        raise GuidedError("atheris is not installed: pip install atheris (Linux, Python 3.11 to 3.13)")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as corpus:
        command = [sys.executable, "-m", "argus_server.bench.guided", corpus]
        command += [f"-runs={runs}", f"-seed={seed + 1}", f"-max_len={_MAX_BYTES}", "-rss_limit_mb=4096"]
        command += [f"-artifact_prefix={corpus}/", f"-max_total_time={_SECONDS}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = len(list(Path(corpus).iterdir())) - _SEEDS
    if done.returncode:
        raise GuidedError(f"it ended with {done.returncode}: {(done.stdout + done.stderr)[-4000:]}")
    return {
        "guided_messages": _executed(done.stderr),
        "guided_seconds": time.perf_counter() - started,
        "guided_new_paths": found,
    }


def _executed(said: str) -> int:
    """How many messages it sent, from its last line: `Done 2000 runs in 3 second(s)`."""
    words = said.strip().splitlines()[-1].split()
    return int(words[1]) if words[:1] == ["Done"] else 0


def _main(corpus: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["argus_server.ingest", "argus_server.window"]):
        import argus_server.ingest.session  # noqa: F401
    from argus.v1 import ingest_pb2
    from argus_server.app import ArgusServer
    from argus_server.bench import fleet
    from argus_server.bench.hostile import HostileMessages
    from argus_server.clock import ManualClock
    from argus_server.settings import ServerSettings

    settings: dict[str, Any] = {"listen": "127.0.0.1:0", "metrics_listen": "", "tick_seconds": 3600.0}
    clock = ManualClock(fleet.START_MS)
    server = ArgusServer(ServerSettings.load({**settings, "model": Path("none")}), clock)
    # Sessions need no loop that runs, only a server that was started on one.
    asyncio.new_event_loop().run_until_complete(server.start())
    seeds = HostileMessages(0, clock.now_ms())
    for number in range(_SEEDS):
        (corpus / f"seed-{number}").write_bytes(seeds.next()[:_MAX_BYTES])
    sources = itertools.count()

    def send(data: bytes) -> None:
        session = server.open_session(_nobody_waits)
        hello = ingest_pb2.Hello(source_id=f"guided-{next(sources)}")
        session.receive(ingest_pb2.StreamMetricsRequest(hello=hello).SerializeToString())
        answer = session.receive(data).make().SerializeToString()
        session.close()
        if b"Traceback" in answer:
            raise AssertionError("a traceback went to the client")

    atheris.Setup(sys.argv, send)
    atheris.Fuzz()


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
