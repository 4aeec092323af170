"""`argus scenario`: steer a running simulator."""

from __future__ import annotations

import json
from typing import Any

import typer

from argus_client import ArgusClient
from argus_client.cli.options import AsJson, ScenarioArgument, Simulator

app = typer.Typer(no_args_is_help=True, help="Steer a running simulator.")

_DEFAULT = "127.0.0.1:50052"


@app.command()
def get(target: Simulator = _DEFAULT, as_json: AsJson = False) -> None:
    """Show the running scenario."""
    with ArgusClient(target) as client:
        _show(client.get_scenario(), as_json)


@app.command("set")
def set_scenario(
    name: ScenarioArgument,
    target: Simulator = _DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Switch to a scenario."""
    with ArgusClient(target) as client:
        _show(client.set_scenario(name), as_json)


def _show(status: Any, as_json: bool) -> None:
    fields = {
        "scenario": str(status.scenario),
        "since_ms": status.since_ms,
        "affected_servers": list(status.affected_servers),
        "total_servers": status.total_servers,
    }
    if as_json:
        typer.echo(json.dumps(fields))
    else:
        affected = ", ".join(fields["affected_servers"]) or "none"
        typer.echo(f"{fields['scenario']}: {affected} of {fields['total_servers']} servers affected")
