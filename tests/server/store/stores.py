"""Stores with rows in them, and the steps that change how they lie there."""

from __future__ import annotations

from pathlib import Path

from argus_server.store import parquet
from argus_server.store.catalog import Catalog
from argus_server.store.store import Store
from argus_server.store.tables import METRICS_TABLE
from tests.server.store.rows import DAY_MS, QUICK, START_MS, Key, put

NAMES = ["b", "a", "c"]


def metrics(store: Store) -> Catalog:
    return store.catalog(METRICS_TABLE)


def roll_all(store: Store) -> None:
    store._writer.rotate().result(10)
    while (segment := metrics(store).unrolled()) is not None:
        parquet.roll(metrics(store), segment)


def prepared(root: Path) -> tuple[Store, list[Key]]:
    """Three days in two rolled segments and one that is not, and one segment that is open."""
    store = Store(root, QUICK)
    written = []
    for number in range(3):
        for day in range(3):
            written += put(store, NAMES, [START_MS + day * DAY_MS + number] * 3)
        if number < 2:
            roll_all(store)
        else:
            store._writer.rotate().result(10)
    written += put(store, NAMES, [START_MS + 99] * 3)
    return store, sorted(written)


def roll(store: Store) -> None:
    segment = metrics(store).unrolled()
    assert segment is not None
    parquet.roll(metrics(store), segment)
    metrics(store).release(1 << 60)


def merge(store: Store) -> None:
    parts = metrics(store).parts
    parquet.merge(metrics(store), [part for part in parts if part.day == parts[0].day])
