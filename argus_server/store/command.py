"""`argus store`: looks into a data directory, checks it, and puts it in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
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

    with _reporting():
        found = inspection.summary(directory)
    typer.echo(json.dumps(found, indent=2))


@app.command()
def verify(directory: _Directory) -> None:
    """Read everything and check every checksum; exit status 1 when something is damaged. The server may be running."""
    from argus_server.store import inspection

    with _reporting():
        damaged = inspection.defects(directory)
    typer.echo(json.dumps({"sound": not damaged, "defects": damaged}, indent=2))
    raise typer.Exit(1 if damaged else 0)


@app.command()
def compact(directory: _Directory) -> None:
    """Turn all segments into Parquet and merge small files. The server must not be running."""
    from argus_server.store import inspection

    with _reporting():
        files = inspection.compacted(directory)
    typer.echo(json.dumps(files, indent=2))


@app.command()
def backup(
    directory: _Directory,
    destination: Annotated[Path, typer.Argument(metavar="COPY", help="Where to; must not exist yet.")],
) -> None:
    """Copy a data directory so that a server can be started on the copy. The server may be running."""
    from argus_server.store import backup as copying

    with _reporting():
        size = copying.backup(directory, destination)
    typer.echo(json.dumps({"copy": str(destination), "bytes": size}, indent=2))


@contextmanager
def _reporting() -> Iterator[None]:
    """Makes of what goes wrong a line for people, and exit status 1."""
    from argus_server.store.errors import StoreError

    try:
        yield
    except (OSError, MemoryError, StoreError) as error:
        typer.echo(f"argus store: {str(error) or type(error).__name__}", err=True)
        raise typer.Exit(1) from None
