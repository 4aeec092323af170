"""The dashboard as a process of its own, for `argus demo`. The client knows no more of it than its command line."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

_STOP_SECONDS: Final = 5.0
_PACKAGE: Final = "argus_ui"
_NEEDS: Final = "nicegui"


@contextmanager
def dashboard(listen: str, target: str, simulator: str, console: Console) -> Iterator[str]:
    """Runs the dashboard; yields its URL, empty when there is none.

    Args:
        listen: HOST:PORT for browsers; empty for no dashboard.
        target: HOST:PORT of the server.
        simulator: HOST:PORT of the simulator; empty for none.
        console: Where to say why there is none.
    """
    if not listen:
        yield ""
        return
    if importlib.util.find_spec(_NEEDS) is None:
        console.print(
            "dashboard   not installed: pip install 'argus-forecast[ui]'", markup=False, highlight=False
        )
        yield ""
        return
    command = [
        sys.executable,
        "-m",
        _PACKAGE,
        "--json",
        "--stop-on-eof",
        "--listen",
        listen,
        "--target",
        target,
    ]
    if simulator:
        command += ["--simulator", simulator]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            console.print("dashboard   did not start; see its message above", markup=False, highlight=False)
        yield json.loads(line)["url"] if line else ""
    finally:
        process.terminate()
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def open_browser(url: str) -> None:
    """Opens a page where somebody can see it: not over SSH, not in a container."""
    has_desktop = (
        sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if has_desktop:
        webbrowser.open(url)
