"""What the command needs at hand: nothing heavy for itself, and a clear word when a part is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.processes import SECONDS, Outcome, environment

_WITHOUT = """
import sys
from importlib.machinery import PathFinder

find = PathFinder.find_spec
PathFinder.find_spec = staticmethod(
    lambda name, *rest: None if name.partition(".")[0] in {missing!r} else find(name, *rest)
)
sys.argv = {argv!r}
from argus_client.cli.main import main
main()
"""


def interpret(code: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def without(missing: set[str], *words: str) -> Outcome:
    """Runs a command where some packages are not installed."""
    return interpret(_WITHOUT.format(missing=missing, argv=["argus", *words]))


@pytest.mark.parametrize(
    ("missing", "words", "extra"),
    [
        ("torch", ("server", "--listen", "127.0.0.1:0", "--metrics-listen", ""), "server"),
        ("pydantic_settings", ("server",), "server"),
        ("grpc_reflection", ("server", "--listen", "127.0.0.1:0", "--metrics-listen", ""), "server"),
        ("lightning", ("train", "--data", __file__, "--out", "model"), "train"),
        ("torch", ("train", "--data", __file__, "--out", "model"), "train"),
        ("torch", ("bench", "ingest"), "dev"),
        ("torch", ("model", "import", ".", "--out", "model"), "server"),
        ("safetensors", ("model", "import", ".", "--out", "model"), "server"),
        ("pyarrow", ("store", "info", "."), "server"),
        ("psutil", ("host",), "adapters"),
        ("pyarrow", ("replay", "rows.parquet"), "adapters"),
        ("pyarrow", ("simulate", "--out", "rows.parquet"), "adapters"),
    ],
)
def test_what_is_missing_is_named_with_the_extra_that_brings_it(
    missing: str, words: tuple[str, ...], extra: str
) -> None:
    done = without({missing}, *words)
    assert done.code in (1, 2)
    (line,) = done.err.strip().splitlines()
    assert missing in line
    assert f"pip install 'argus-forecast[{extra}]'" in line


def test_help_needs_the_base_install_only() -> None:
    missing = {"torch", "pandas", "pyarrow", "psutil", "lightning", "pydantic_settings", "prometheus_client"}
    missing |= {"safetensors", "protovalidate", "grpc_reflection", "pytorch_forecasting"}
    for words in (
        ("--help",),
        ("server", "--help"),
        ("train", "--help"),
        ("bench", "--help"),
        ("model", "import", "--help"),
        ("keys", "--help"),
        ("store", "--help"),
    ):
        done = without(missing, *words)
        assert (done.code, done.err) == (0, "")


def test_neither_client_nor_help_load_anything_heavy() -> None:
    code = """
import sys
import argus_client
from argus_client.cli.main import main
sys.argv = ["argus", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
heavy = ("torch", "pandas", "pyarrow", "lightning", "pytorch_forecasting", "safetensors", "psutil")
print(*(name for name in heavy if name in sys.modules))
"""
    done = interpret(code)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == ""
