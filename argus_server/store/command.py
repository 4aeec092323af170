"""`argus store`: looks into a data directory, checks it, and puts it in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Look into a data directory; output is JSON.")

_Directory = Annotated[
    Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="Data directory of a server.")
]


@app.command()
def info(directory: _Directory) -> None:
    """Sizes, days and rows of every table, and the checkpoints. The server may be running."""
    from argus_server.store import inspection

    typer.echo(json.dumps(inspection.summary(directory), indent=2))


@app.command()
def verify(directory: _Directory) -> None:
    """Read everything and check every checksum; exit status 1 when something is damaged. The server may be running."""
    from argus_server.store import inspection

    damaged = inspection.defects(directory)
    typer.echo(json.dumps({"sound": not damaged, "defects": damaged}, indent=2))
    raise typer.Exit(1 if damaged else 0)


@app.command()
def compact(directory: _Directory) -> None:
    """Turn all segments into Parquet and merge small files. The server must not be running."""
    from argus_server.store import inspection
    from argus_server.store.errors import StoreError

    try:
        files = inspection.compacted(directory)
    except StoreError as error:
        typer.echo(f"argus store: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps(files, indent=2))


@app.command()
def backup(
    directory: _Directory,
    destination: Annotated[Path, typer.Argument(metavar="COPY", help="Where to; must not exist yet.")],
) -> None:
    """Copy a data directory so that a server can be started on the copy. The server may be running."""
    from argus_server.store import backup as copying
    from argus_server.store.errors import StoreError

    try:
        size = copying.backup(directory, destination)
    except (OSError, StoreError) as error:
        typer.echo(f"argus store: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps({"copy": str(destination), "bytes": size}, indent=2))
