"""`argus model`: the models of a running server, and what other parts add to it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from argus_client.cli.connecting import Connect, connecting
from argus_client.cli.grid import Column, print_grid
from argus_client.cli.options import DEFAULT_TARGET, AsJson, Target
from argus_client.cli.plugins import group_of

app = typer.Typer(
    cls=group_of("argus.commands.model"),
    no_args_is_help=True,
    help="See and swap the models of a running server; make models for it.",
)


@app.command("list")
@connecting
def list_models(*, connect: Connect, target: Target = DEFAULT_TARGET, as_json: AsJson = False) -> None:
    """List the artifacts the server can load."""
    with connect.client(target) as client:
        found = client.list_models(timeout=60)
    if as_json:
        typer.echo(json.dumps([asdict(model) for model in found], allow_nan=False))
        return
    columns = (
        Column("name", folds_at=24),
        Column("revision"),
        Column("running", goes=1),
        Column("parameters", goes=3, justify="right"),
        Column("wQL", goes=2, justify="right"),
        Column("defect", goes=1, folds_at=24),
    )
    rows = [
        (
            model.name,
            model.revision,
            "yes" if model.running else "",
            f"{model.parameters:,}",
            f"{model.wql:.3f}" if model.wql else "",
            model.defect,
        )
        for model in found
    ]
    print_grid(columns, rows)


@app.command()
@connecting
def info(*, connect: Connect, target: Target = DEFAULT_TARGET, as_json: AsJson = False) -> None:
    """Show the running model."""
    with connect.client(target) as client:
        _show(client.get_status().model, as_json)


@app.command()
@connecting
def load(
    *,
    connect: Connect,
    name: Annotated[str, typer.Argument(help="Name of the artifact, as listed.")],
    target: Target = DEFAULT_TARGET,
    as_json: AsJson = False,
) -> None:
    """Swap to another artifact; when it is damaged the running model stays."""
    with connect.client(target) as client:
        _show(client.load_model(name, timeout=120), as_json)


@app.command()
@connecting
def reload(*, connect: Connect, target: Target = DEFAULT_TARGET, as_json: AsJson = False) -> None:
    """Load the running artifact again from disk; when it is damaged the running model stays."""
    with connect.client(target) as client:
        _show(client.reload_model(timeout=120), as_json)


@app.command("roll-back")
@connecting
def roll_back(*, connect: Connect, target: Target = DEFAULT_TARGET, as_json: AsJson = False) -> None:
    """Swap back to the model that ran before."""
    with connect.client(target) as client:
        _show(client.roll_back_model(), as_json)


def _show(model: Any, as_json: bool) -> None:
    fields = {name: getattr(model, name) for name in ("name", "revision", "kind", "device", "loaded_at_ms")}
    if as_json:
        typer.echo(json.dumps(fields))
    else:
        typer.echo(", ".join(f"{name} {value}" for name, value in fields.items() if value))
