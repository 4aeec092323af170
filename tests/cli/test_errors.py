"""However a command fails, it ends in time and says why in a line."""

from __future__ import annotations

import signal
import socket
from importlib import metadata
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.serving import table, write
from tests.processes import SECONDS, Process, run

READS = [
    ("snapshot", "--timeout", 0.4),
    ("status", "--timeout", 0.4),
    ("model", "info"),
    ("model", "list"),
    ("model", "load", "x"),
    ("model", "reload"),
    ("model", "roll-back"),
    ("scenario", "get"),
    ("scenario", "set", "healthy"),
]
WITH_A_TIMEOUT = [
    ("snapshot", "--timeout", 0.4),
    ("status", "--timeout", 0.4),
    ("host", "--timeout", 0.4),
    ("simulate", "--timeout", 0.4, "--scenario-listen", ""),
    ("replay", "rows.csv", "--timeout", 0.4),
]


@pytest.mark.parametrize("words", READS, ids=lambda words: " ".join(map(str, words)))
def test_nobody_there_is_one_line(argus: Command, closed: str, words: tuple[object, ...]) -> None:
    error = argus(*words, "--target", closed, "--json").error()
    assert closed in error
    assert "Check the address and that the server runs." in error


@pytest.mark.parametrize("words", WITH_A_TIMEOUT, ids=lambda words: str(words[0]))
def test_a_server_that_never_answers_is_one_line_after_the_timeout(
    argus: Command, silent: str, words: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("rows.csv"), table(["web-1"], 2))
    assert silent in argus(*words, "--target", silent, "--json").error()


@pytest.mark.parametrize("target", ["nonsense", "host:port", ":50051"])
@pytest.mark.parametrize("words", [("status",), ("scenario", "get")])
def test_a_wrong_address_is_wrong_usage(argus: Command, words: tuple[str, ...], target: str) -> None:
    done = argus(*words, "--target", target)
    assert done.code == 2
    assert "must be HOST:PORT" in done.err


def test_an_unknown_command_is_wrong_usage(argus: Command) -> None:
    done = argus("prophesy")
    assert done.code == 2
    assert "No such command 'prophesy'" in done.err


def test_control_c_while_waiting_for_an_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)
        with Process("snapshot", "--target", f"127.0.0.1:{listener.getsockname()[1]}") as waiting:
            connection, _ = listener.accept()
            done = waiting.end(signal.SIGINT)
            connection.close()
    assert done.code == 130
    assert "Traceback" not in done.err


def test_the_version(argus: Command) -> None:
    assert argus("--version").out.strip() == metadata.version("argus-forecast")


def test_help_lists_every_command() -> None:
    done = run("--help")
    assert done.code == 0
    for name in (
        "demo",
        "host",
        "replay",
        "simulate",
        "snapshot",
        "status",
        "watch",
        "history",
        "alerts",
        "model",
        "scenario",
    ):
        assert f" {name} " in done.out
    for name in ("server", "store", "train", "bench"):  # of other parts, as entry points
        assert f" {name} " in done.out


COMMANDS = [
    *("demo", "host", "replay", "simulate", "snapshot", "status", "watch", "server", "train"),
    *("model", "model list", "model info", "model load", "model reload", "model roll-back", "model import"),
    *("history", "history summary", "history events", "history server", "history fleet", "history export"),
    *("scenario", "scenario get", "scenario set"),
    *(
        "alerts",
        "alerts list",
        "alerts watch",
        "alerts ack",
        "alerts note",
        "alerts silence",
        "alerts silences",
    ),
    *("alerts expire", "alerts maintenance list", "alerts maintenance put", "alerts maintenance delete"),
    *("store", "store info", "store verify", "store compact", "bench restart", "bench durability"),
    *("bench", "bench ingest", "bench forecast", "bench fanout", "bench health", "bench fuzz"),
    *("keys", "keys create", "keys list", "keys rotate", "keys revoke"),
]


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_explains_itself(argus: Command, words: str) -> None:
    done = argus(*words.split(), "--help")
    assert (done.code, done.err) == (0, "")
    assert f"argus {words} " in done.out
