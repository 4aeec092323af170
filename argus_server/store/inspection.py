"""Looks into a data directory, checks it, and puts it in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from argus_server.store.catalog import Catalog, Part
from argus_server.store.checkpoint import Checkpoints
from argus_server.store.compaction import mergeable
from argus_server.store.directory import settle
from argus_server.store.errors import DamagedPart, StoreError
from argus_server.store.parquet import merge, open_part, reading, roll
from argus_server.store.store import Store
from argus_server.store.tables import TABLES, Table


def summary(directory: Path) -> dict[str, Any]:
    """Sizes, days and rows of every table, and the checkpoints. Disturbs no server that runs there.

    Raises:
        StoreError: A Parquet file is damaged.
        OSError: A file cannot be read.
    """
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
    tables = {table.name: _describe(directory, table) for table in TABLES}
    return {"tables": tables, "checkpoints": checkpoints}


def defects(directory: Path) -> list[str]:
    """Everything read and every checksum compared: what is damaged. Disturbs no server that runs there.

    Raises:
        StoreError: Files keep vanishing.
        OSError: A segment cannot be read, or the process has no file descriptor left.
    """
    checkpoints = directory / "checkpoint"
    return [
        *(defect for table in TABLES for defect in _defects(directory, table)),
        *settle(checkpoints, lambda: _damaged_checkpoints(Checkpoints(checkpoints))),
    ]


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


def _catalog(directory: Path, table: Table) -> Catalog:
    """The files of a table, which a server may be moving."""
    return settle(directory, lambda: Catalog(directory, table, writable=False))


def _describe(directory: Path, table: Table) -> dict[str, Any]:
    def attempt() -> tuple[Catalog, int]:
        catalog = Catalog(directory, table, writable=False)
        try:
            return catalog, sum(_rows_of(part) for part in catalog.parts)
        except DamagedPart as error:
            if error.is_gone:
                raise FileNotFoundError(error.path) from error
            raise

    catalog, rolled_rows = settle(directory, attempt)
    parts, segments = catalog.parts, catalog.segments
    waiting = [segment for segment in segments if segment.first >= catalog.rolled]
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


def _rows_of(part: Part) -> int:
    with open_part(part) as file:
        return int(file.metadata.num_rows)


def _defects(directory: Path, table: Table) -> Iterator[str]:
    catalog = _catalog(directory, table)
    if places := catalog.findings.damaged_places:
        yield f"{catalog.log_directory}: {places} damaged places"
    unread, read = list(catalog.parts), set[Path]()
    while unread:
        has_moved = False
        for part in unread:
            read.add(part.path)
            try:
                with open_part(part) as file, reading(part.path):
                    for group in range(file.metadata.num_row_groups):
                        file.read_row_group(group, use_threads=False)
            except DamagedPart as error:
                if error.is_gone:
                    has_moved = True
                else:
                    yield f"{part.path}: {error.said}"
        # What was merged before it could be read is read where its rows are now.
        unread = [p for p in _catalog(directory, table).parts if p.path not in read] if has_moved else []


def _damaged_checkpoints(checkpoints: Checkpoints) -> list[str]:
    """What is wrong with those that are kept.

    Raises:
        FileNotFoundError: A newer one has come meanwhile, and takes the place of one that was looked at.
    """
    kept = checkpoints.kept()
    sound = [found for found in checkpoints.found() if found.path in kept]
    damaged = []
    for found in sound:
        try:
            for _ in found.images():
                continue
        except (OSError, StoreError) as error:
            damaged.append(str(error))
    if unusable := len(kept) - len(sound):
        damaged.append(f"{unusable} checkpoints cannot be used")
    if damaged and checkpoints.kept() != kept:
        raise FileNotFoundError(kept[0])
    return damaged
