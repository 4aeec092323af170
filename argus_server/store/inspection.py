"""Looks into a data directory, checks it, and puts it in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from argus_server.store.catalog import Catalog
from argus_server.store.checkpoint import Checkpoints
from argus_server.store.compaction import mergeable
from argus_server.store.errors import StoreError
from argus_server.store.parquet import merge, roll
from argus_server.store.store import Store
from argus_server.store.tables import TABLES


def summary(directory: Path) -> dict[str, Any]:
    """Sizes, days and rows of every table, and the checkpoints. Disturbs no server that runs there."""
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
    return {"tables": tables, "checkpoints": checkpoints}


def defects(directory: Path) -> list[str]:
    """Everything read and every checksum compared: what is damaged. Disturbs no server that runs there."""
    damaged = [defect for table in TABLES for defect in _defects(Catalog(directory, table, writable=False))]
    checkpoints = Checkpoints(directory / "checkpoint")
    sound = checkpoints.found()
    for found in sound:
        try:
            for _ in found.images():
                continue
        except (OSError, StoreError) as error:
            damaged.append(str(error))
    if unusable := checkpoints.count() - len(sound):
        damaged.append(f"{unusable} checkpoints cannot be used")
    return damaged


def compacted(directory: Path) -> dict[str, dict[str, int]]:
    """Turns all segments into Parquet and merges small files; the files of every table before and after.

    Raises:
        StoreError: The directory is in use by a server, or a file in it cannot be read or written.
    """
    store = Store(directory)
    try:
        before = {table.name: len(store.catalog(table.name).parts) for table in TABLES}
        for table in TABLES:
            catalog = store.catalog(table.name)
            while (segment := catalog.unrolled()) is not None:
                roll(catalog, segment)
            while parts := mergeable(catalog.parts, None, at_least=2):
                merge(catalog, parts)
        after = {table.name: len(store.catalog(table.name).parts) for table in TABLES}
    except (OSError, pa.ArrowException) as error:
        raise StoreError(str(error)) from error
    finally:
        store.close()
    return {"files_before": before, "files_after": after}


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
