"""`argus bench dashboard`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console


def dashboard(
    servers: Annotated[int, typer.Option(min=1, help="Servers of the simulated fleet.")] = 90,
    tick_seconds: Annotated[float, typer.Option(min=0.5, help="How often the server forecasts.")] = 5.0,
    sessions: Annotated[
        int, typer.Option(min=1, help="Browsers that watch while the processor is measured.")
    ] = 50,
    ticks: Annotated[int, typer.Option(min=2, help="Updates to measure.")] = 20,
    chromium: Annotated[
        str, typer.Option(envvar="ARGUS_CHROMIUM", help="Browser; found by itself if empty.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print nothing but the JSON object.")] = False,
) -> None:
    """Load times, view switches, delay from snapshot to screen, bytes and processor time of the dashboard."""
    from argus_ui.bench import dashboard as bench

    console = Console(stderr=True, quiet=as_json)
    try:
        with console.status("measuring in Chromium") as status:
            result = asyncio.run(
                bench.run(servers, tick_seconds, sessions, ticks, chromium, lambda what: status.update(what))
            )
    except bench.BenchError as error:
        typer.echo(f"argus bench dashboard: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps({name: round(value, 1) for name, value in result.items()}))
