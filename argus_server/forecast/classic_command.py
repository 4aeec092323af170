"""`argus model import`: a TFT trained with pytorch-forecasting to a model artifact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def import_model(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="What export_tft wrote: tft.json and weights.safetensors.",
            exists=True,
            file_okay=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Directory of the artifact; an artifact there is replaced.")],
    name: Annotated[str, typer.Option(help="Name of the model; the directory's name by default.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Turn a TFT trained with pytorch-forecasting into an artifact that a server can load.

    Export it first, in Python, where it was trained: argus_server.forecast.classic_export.export_tft.
    """
    from argus_server.forecast.classic_import import import_tft
    from argus_server.forecast.classic_schema import UnsupportedModelError

    try:
        imported = import_tft(directory, out, name)
    except (UnsupportedModelError, OSError) as error:
        typer.echo(f"argus model import: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        report = {
            "path": str(imported.path),
            "name": imported.name,
            "revision": imported.revision,
            "parameters": imported.parameters,
            "encoder_steps": imported.schema.encoder_steps,
            "horizon": imported.schema.horizon,
            "targets": list(imported.schema.target_metrics),
            "fallback_metrics": list(imported.fallback_metrics),
            "evaluated": False,
        }
        typer.echo(json.dumps(report, allow_nan=False))
        return
    typer.echo(f"wrote {imported.path} ({imported.revision}, {imported.parameters:,} parameters)")
    typer.echo(f"forecasts {', '.join(imported.schema.target_metrics)}")
    if imported.fallback_metrics:
        typer.echo(f"from the fallback: {', '.join(imported.fallback_metrics)}")
    typer.echo("not evaluated: run `argus evaluate` to learn how good it is")
