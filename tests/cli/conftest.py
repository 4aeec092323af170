"""The command in this process, and a server with a small warm fleet."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from argus_client.cli.main import main
from tests.cli.serving import serving, table, write
from tests.processes import Outcome
from tests.server.models import untrained

Command = Callable[..., Outcome]

SERVERS = ("postgres-1", "web-1", "web-2", "cache-1", "batch-1")
STEPS = 30


@pytest.fixture
def argus(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line to its end, as the `argus` script does, and returns how it ended."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object, **environment: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["argus", *map(str, arguments)])
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code: str | int | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        if isinstance(code, str):  # what the interpreter makes of it when it exits
            return Outcome(1, out, f"{err}{code}\n")
        return Outcome(code or 0, out, err)

    return call


@pytest.fixture(scope="session")
def history_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five servers, 30 steps, the first of them in trouble."""
    rows = table(SERVERS, STEPS, cpu_user_pct=97.0, cpu_idle_pct=0.0, mem_used_pct=96.0)
    return write(tmp_path_factory.mktemp("rows") / "history.parquet", rows)


@pytest.fixture
def empty() -> Iterator[str]:
    """A server that knows nobody and has no model."""
    with serving() as target:
        yield target


@pytest.fixture(scope="session")
def fleet(history_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a model and the five servers of the file, warm. Only for commands that change nothing."""

    from argus_client.adapters.replay import ReplaySource
    from argus_client.cli.feeding import feed

    model = tmp_path_factory.mktemp("models") / "tiny"
    untrained(model)
    with serving(model=model) as target:
        feed(target, ReplaySource(history_file), threading.Event(), source_id="fleet")
        yield target


@pytest.fixture
def closed() -> Iterator[str]:
    """An address where nobody listens, and nobody else will meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """Address of somebody who takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
