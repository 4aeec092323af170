"""`argus snapshot`, `argus status` and `argus watch`: see what a server says."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live

from argus_client import ArgusError, ConnectionState, DeadlineExceeded, FleetSnapshot, View
from argus_client.cli.connecting import Connect, connecting
from argus_client.cli.feeding import interruptible
from argus_client.cli.fleet_table import fleet_table
from argus_client.cli.options import DEFAULT_TARGET, AsJson, Target, Timeout

_REDRAW_SECONDS: Final = 1.0


@connecting
def snapshot(
    *,
    connect: Connect,
    target: Target = DEFAULT_TARGET,
    view: Annotated[
        View, typer.Option(help="How much of each forecast: none, the first hour, or all 8 hours.")
    ] = View.SUMMARY,
    server: Annotated[list[str] | None, typer.Option(help="Only this server; may be repeated.")] = None,
    profile: Annotated[list[str] | None, typer.Option(help="Only this profile; may be repeated.")] = None,
    min_risk: Annotated[
        float, typer.Option(min=0, max=100, help="Only servers of at least this risk.")
    ] = 0.0,
    outlook: Annotated[
        bool,
        typer.Option("--outlook", help="With --json: past and band of each server's most important metric."),
    ] = False,
    timeout: Timeout = 30.0,
    as_json: AsJson = False,
) -> None:
    """Print the newest snapshot, riskiest server first."""
    if outlook and not as_json:
        raise typer.BadParameter("the table has no room for it; add --json", param_hint="--outlook")
    with connect.client(target) as client:
        made = client.get_snapshot(
            view=view,
            servers=server or (),
            profiles=profile or (),
            min_risk=min_risk,
            outlook=outlook,
            timeout=timeout,
        )
    if as_json:
        typer.echo(json.dumps(made.to_json_dict(), allow_nan=False))
    else:
        console = Console()
        console.print(fleet_table(made, width=console.width))


@connecting
def status(
    *, connect: Connect, target: Target = DEFAULT_TARGET, timeout: Timeout = 10.0, as_json: AsJson = False
) -> None:
    """Print how the server does.

    Exit code 0: serving; 3: serving but degraded; 4: not serving. With --json always 0: read the fields.
    """
    with connect.client(target) as client:
        now = client.get_status(timeout=timeout)
    if as_json:
        typer.echo(json.dumps(asdict(now), allow_nan=False))
    else:
        console = Console()
        for name, value in asdict(now).items():
            text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
            console.print(f"{name.replace('_', ' '):>18}  {text}", markup=False, highlight=False)
    if not as_json and not now.serving:
        raise typer.Exit(4)
    if not as_json and now.degraded:
        raise typer.Exit(3)


@connecting
def watch(
    *,
    connect: Connect,
    target: Target = DEFAULT_TARGET,
    min_risk: Annotated[
        float, typer.Option(min=0, max=100, help="Only servers of at least this risk.")
    ] = 0.0,
    rows: Annotated[int, typer.Option(min=1, help="Servers to show.")] = 30,
) -> None:
    """Show the fleet live until Ctrl-C; it reconnects by itself."""
    with interruptible() as stop:
        show_live(target, stop=stop, min_risk=min_risk, rows=rows, connect=connect)


def show_live(
    target: str,
    *,
    stop: threading.Event,
    seconds: float | None = None,
    min_risk: float = 0.0,
    rows: int = 30,
    connect: Connect | None = None,
) -> None:
    """Draws every snapshot of a server until `stop` is set or the time is over."""
    console = Console()
    state = [ConnectionState.CONNECTING]
    until = None if seconds is None else time.monotonic() + seconds

    def note(now: ConnectionState, error: ArgusError | None) -> None:
        state[0] = now

    with (
        (connect or Connect()).client(target) as client,
        client.subscribe(view=View.SUMMARY, min_risk=min_risk, on_state_change=note) as subscription,
        Live(console=console, auto_refresh=False, vertical_overflow="crop") as live,
    ):
        made: FleetSnapshot | None = None
        while not stop.is_set() and (until is None or time.monotonic() < until):
            # Without news the age of what is shown and the state of the connection are drawn anew.
            with suppress(DeadlineExceeded):
                made = subscription.next_snapshot(timeout=_REDRAW_SECONDS)
            if made is not None:
                table = fleet_table(made, width=console.width, rows=rows, connection=str(state[0]))
                live.update(table, refresh=True)
            else:
                live.update(f"{state[0]} to {target}", refresh=True)
