"""What of a table's Parquet files is to be merged, and what is to go."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Final

from argus_server.store.catalog import Part

SMALL_BYTES: Final = 64 << 20
"""Files below this are merged with their neighbours."""

MERGED_BYTES: Final = 256 << 20
"""No merge makes a file much larger than this."""

FEW: Final = 8
"""Neighbours that are worth a merge while a day is still being written to."""


def mergeable(
    parts: Sequence[Part], settled: date | None, at_least: int = FEW, damaged: Collection[Path] = ()
) -> list[Part]:
    """Small files of one day that are to become one; empty when there is nothing to do.

    Args:
        parts: All files of the table.
        settled: Days up to this one are no longer written to: there, two files are enough. None when no day is.
        at_least: Files that are enough on the other days.
        damaged: Files to leave alone.
    """
    ordered = sorted(parts, key=lambda part: (part.day, part.first))
    for day, of_day in groupby(ordered, key=lambda part: part.day):
        enough = 2 if settled is not None and day <= settled else at_least
        for run in _small_runs(of_day, damaged):
            if len(run) >= enough:
                return run
    return []


def _small_runs(parts: Iterator[Part], damaged: Collection[Path]) -> Iterator[list[Part]]:
    """Neighbours that are small, as many as fit into one merged file."""
    run: list[Part] = []
    for part in parts:
        # A file merged around a damaged one would hide it, and what could be restored of it.
        small = part.size < SMALL_BYTES and part.path not in damaged
        fits = sum(other.size for other in run) + part.size <= MERGED_BYTES
        if run and not (fits and small):
            yield run
            run = []
        if small:
            run.append(part)
    yield run


def expired(
    parts: Sequence[Part],
    now_ms: int,
    stored_days: Collection[date],
    keep_days: float | None,
    keep_bytes: int | None,
) -> tuple[list[Part], list[Part]]:
    """Files that retention no longer keeps.

    A day is too old when the clock says so and as many later days are stored. So a clock that is wrong, or a sample
    with a date far ahead, costs a day at most: a day that is stored takes the place of one that goes, and days that
    are still to come count for nothing.

    Args:
        parts: All files of the table.
        now_ms: The time, Unix milliseconds UTC.
        stored_days: Days of which something is stored, in this table or another.
        keep_days: Days that rows are kept after theirs; None for ever.
        keep_bytes: Bytes that may be taken; None for any number.

    Returns:
        Whole days that are too old; then the oldest other files, beyond the size.
    """
    ordered = sorted(parts, key=lambda part: (part.day, part.first))
    old: list[Part] = []
    if keep_days is not None:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        counted = sorted(day for day in set(stored_days) if day <= now.date())
        oldest_kept = counted[-math.ceil(keep_days)] if len(counted) >= keep_days else date.min
        old = [
            part
            for part in ordered
            if _end(part.day) < now - timedelta(days=keep_days) and part.day < oldest_kept
        ]
    surplus = []
    if keep_bytes is not None:
        kept = ordered[len(old) :]
        excess = sum(part.size for part in kept) - keep_bytes
        for part in kept:
            if excess <= 0:
                break
            surplus.append(part)
            excess -= part.size
    return old, surplus


def _end(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
