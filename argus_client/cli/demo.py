"""`argus demo`: everything at once, real, on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.console import Console

from argus_client import ArgusError
from argus_client.adapters import Source
from argus_client.cli.dashboard import dashboard, open_browser
from argus_client.cli.feeding import feed, interruptible, unique_source_id
from argus_client.cli.options import ScenarioOption
from argus_client.cli.reading import show_live
from argus_client.cli.steering import steering

_STOP_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class _Server:
    """A server process and where it listens."""

    target: str
    metrics: str


def demo(
    servers: Annotated[int, typer.Option(min=1, help="Servers to simulate.")] = 20,
    scenario: ScenarioOption = "degrading",
    seed: Annotated[int, typer.Option(help="The same seed gives the same fleet.")] = 0,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT of the server; port 0 picks a free one.")
    ] = "127.0.0.1:50051",
    metrics_listen: Annotated[str, typer.Option(help="HOST:PORT for Prometheus.")] = "127.0.0.1:9464",
    scenario_listen: Annotated[str, typer.Option(help="HOST:PORT for `argus scenario`.")] = "127.0.0.1:50052",
    ui_listen: Annotated[
        str, typer.Option(help="HOST:PORT of the dashboard; empty turns it off.")
    ] = "127.0.0.1:8080",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the dashboard, where there is a desktop.")
    ] = True,
    seconds: Annotated[float, typer.Option(min=0, help="End after this long; 0 means at Ctrl-C.")] = 0.0,
) -> None:
    """Start a server, a simulated fleet with a day of history, this machine's own metrics and the dashboard.

    Everything is real: the server is an ordinary `argus server`, the fleet and this machine reach it over gRPC,
    dashboard and live table are subscriptions. Ctrl-C ends all of it.
    """
    from argus_client.adapters.host import HostSource
    from argus_client.adapters.simulate import SimulateSource
    from argus_client.simulator.fleet import FleetSimulator

    console = Console(stderr=True)
    with ExitStack() as stack:
        stop = threading.Event()
        with console.status("starting the server"):
            # What is recorded is there while the demo runs: history, and how well trouble was foretold.
            data_dir = stack.enter_context(TemporaryDirectory(prefix="argus-demo-"))
            server = stack.enter_context(_server(listen, metrics_listen, data_dir))
        fleet = FleetSimulator(servers, seed, speed=15.0)
        fleet.set_scenario(scenario)
        simulator = stack.enter_context(steering(fleet, scenario_listen))
        for source in (SimulateSource(fleet), HostSource()):
            stack.enter_context(_feeding(server.target, source, stop, console))
        stack.callback(stop.set)
        url = stack.enter_context(dashboard(ui_listen, server.target, simulator, console))
        if url:
            console.print(f"dashboard   {url}", markup=False, highlight=False)
            if browser:
                open_browser(url)
        console.print(f"server      {server.target}", markup=False, highlight=False)
        if server.metrics:
            console.print(f"Prometheus  http://{server.metrics}/metrics", markup=False, highlight=False)
        how = f"; try: argus scenario set cascade --target {simulator}" if simulator else ""
        console.print(f"scenario    {scenario}{how}", markup=False, highlight=False)
        with interruptible() as interrupted:
            show_live(server.target, stop=interrupted, seconds=seconds or None)
        console.print("stopping")


@contextmanager
def _server(listen: str, metrics_listen: str, data_dir: str) -> Iterator[_Server]:
    """Runs `argus server` as a process of its own."""
    command = [sys.executable, "-m", "argus_client.cli", "server", "--json", "--log-level", "warning"]
    command += [
        "--stop-on-eof",
        "--listen",
        listen,
        "--metrics-listen",
        metrics_listen,
        "--tick-seconds",
        "2",
        "--data-dir",
        data_dir,
    ]
    # A session of its own: Ctrl-C in the terminal reaches the demo, which then drains the server.
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise ArgusError(f"the server did not start (exit code {process.wait()}); see its message above")
        addresses = json.loads(line)
        yield _Server(addresses["listen"], addresses["metrics_listen"])
    finally:
        process.terminate()
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _feeding(target: str, source: Source, stop: threading.Event, console: Console) -> Iterator[None]:
    """Feeds a source on a thread until `stop` is set."""

    def run() -> None:
        try:
            feed(target, source, stop, source_id=unique_source_id(source.name))
        except Exception as error:
            console.print(f"{source.name} stopped sending: {error}", style="red", markup=False)

    thread = threading.Thread(target=run, name=f"argus-{source.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=_STOP_SECONDS)
