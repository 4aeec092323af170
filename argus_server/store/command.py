"""`argus store`: looks into a data directory, checks it, and puts it in order."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import typer

from argus_server.store.catalog import Catalog
from argus_server.store.checkpoint import Checkpoints
from argus_server.store.compaction import mergeable
from argus_server.store.errors import DirectoryLocked, StoreError
from argus_server.store.parquet import merge, roll
from argus_server.store.store import Store
from argus_server.store.tables import TABLES

app = typer.Typer(no_args_is_help=True, help="Look into a data directory; output is JSON.")

_Directory = Annotated[
    Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="Data directory of a server.")
]


@app.command()
def info(directory: _Directory) -> None:
    """Sizes, days and rows of every table, and the checkpoints. The server may be running."""
    checkpoints = [
        {
            "path": str(found.path),
            "age_seconds": round(time.time() - found.created_ms / 1000, 1),
            "position": found.standing.position,
            "sources": len(found.standing.marks),
            "bytes": found.size,
        }
        for found in Checkpoints(directory / "checkpoint").found()
    ]
    tables = {table.name: _describe(Catalog(directory, table, writable=False)) for table in TABLES}
    typer.echo(json.dumps({"tables": tables, "checkpoints": checkpoints}, indent=2))


@app.command()
def verify(directory: _Directory) -> None:
    """Read everything and check every checksum; exit status 1 when something is damaged. The server may be running."""
    defects = [defect for table in TABLES for defect in _defects(Catalog(directory, table, writable=False))]
    checkpoints = Checkpoints(directory / "checkpoint")
    sound = checkpoints.found()
    for found in sound:
        try:
            for _ in found.images():
                continue
        except (OSError, StoreError) as error:
            defects.append(str(error))
    if unusable := checkpoints.count() - len(sound):
        defects.append(f"{unusable} checkpoints cannot be used")
    typer.echo(json.dumps({"sound": not defects, "defects": defects}, indent=2))
    raise typer.Exit(1 if defects else 0)


@app.command()
def compact(directory: _Directory) -> None:
    """Turn all segments into Parquet and merge small files. The server must not be running."""
    try:
        store = Store(directory)
    except DirectoryLocked as error:
        typer.echo(f"argus store: {error}", err=True)
        raise typer.Exit(1) from None
    try:
        before = {table.name: len(store.catalog(table.name).parts) for table in TABLES}
        for table in TABLES:
            catalog = store.catalog(table.name)
            while (segment := catalog.unrolled()) is not None:
                roll(catalog, segment)
            while parts := mergeable(catalog.parts, None, at_least=2):
                merge(catalog, parts)
        after = {table.name: len(store.catalog(table.name).parts) for table in TABLES}
    except (OSError, StoreError, pa.ArrowException) as error:
        typer.echo(f"argus store: {error}", err=True)
        raise typer.Exit(1) from None
    finally:
        store.close()
    typer.echo(json.dumps({"files_before": before, "files_after": after}, indent=2))


def _describe(catalog: Catalog) -> dict[str, Any]:
    parts, segments = catalog.parts, catalog.segments
    waiting = [segment for segment in segments if segment.first >= catalog.rolled]
    rolled_rows = sum(pq.read_metadata(part.path).num_rows for part in parts)
    return {
        "rows": rolled_rows + sum(segment.rows for segment in waiting),
        "parquet_bytes": sum(part.size for part in parts),
        "parquet_files": len(parts),
        "first_day": parts[0].day.isoformat() if parts else None,
        "last_day": parts[-1].day.isoformat() if parts else None,
        "log_bytes": sum(segment.size for segment in segments),
        "segments": len(segments),
        "next_frame": catalog.next_sequence,
    }


def _defects(catalog: Catalog) -> Iterator[str]:
    found = catalog.findings
    if found.damaged_places:
        yield f"{catalog.log_directory}: {found.damaged_places} damaged places"
    for part in catalog.parts:
        try:
            with pq.ParquetFile(part.path, page_checksum_verification=True) as file:
                for group in range(file.metadata.num_row_groups):
                    file.read_row_group(group, use_threads=False)
        except (OSError, pa.ArrowException) as error:
            yield f"{part.path}: {str(error).splitlines()[0]}"
