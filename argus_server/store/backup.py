"""A copy of a data directory that a server can be started on, made while another server writes to the original.

A plain copy may miss rows: they move from segments to Parquet and from file to merged file while it goes on. The order
here makes up for that. Segments come first and Parquet after them, so that rows which move are in one or both, and
opening the copy settles that as it does after a crash. A listing whose files vanish while they are copied is listed
again. Checkpoints are as new as the rows or newer, which a restart is used to. The alerts come last, by SQLite's own
means, with the mark of what the history of alerts had when it was copied.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from argus_server.alerts.store import FILE as ALERTS_FILE
from argus_server.alerts.store import SINK_MARK
from argus_server.security.key_file import KEYS_FILE
from argus_server.security.keyring import USED_FILE
from argus_server.store.catalog import ROLLED_FILE, UNFINISHED
from argus_server.store.checkpoint import Checkpoints
from argus_server.store.directory import settle
from argus_server.store.errors import StoreError
from argus_server.store.segment import segment_paths, sync_directory
from argus_server.store.tables import TABLES


def backup(source: Path, destination: Path) -> int:
    """Copies a data directory; every row acknowledged before the call is in the copy.

    Args:
        source: The data directory; its server may be running.
        destination: Made; must not exist yet. It gets its name when it is whole.

    Returns:
        Bytes copied.

    Raises:
        StoreError: There is something at the destination, it is no data directory, or its files change too fast.
        OSError: A file cannot be read or written.
    """
    if destination.exists():
        raise StoreError(f"{destination} exists already; name a directory that does not")
    if not (source / "log").is_dir():
        raise StoreError(f"{source} is no data directory: it has no log")
    unfinished = destination.with_name(destination.name + UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    try:
        delivered = _delivered(source / ALERTS_FILE)
        for table in TABLES:
            _copy_log(source / "log" / table.name, unfinished / "log" / table.name)
        for table in TABLES:
            _copy_parquet(source / "tables" / table.name, unfinished / "tables" / table.name)
        _copy_checkpoints(source / "checkpoint", unfinished / "checkpoint")
        _copy_alerts(source / ALERTS_FILE, unfinished / ALERTS_FILE, delivered)
        if (source / "models").is_dir():
            shutil.copytree(source / "models", unfinished / "models")
        # The second says that there were keys: without the first beside it, a server on the copy does not start.
        for name in (KEYS_FILE, USED_FILE):
            if (source / name).is_file():
                shutil.copy2(source / name, unfinished / name)
        _sync(unfinished)
        unfinished.rename(destination)
        sync_directory(destination.absolute().parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return sum(path.stat().st_size for path in destination.rglob("*") if path.is_file())


def _sync(directory: Path) -> None:
    """Has the disk take everything below a directory: a backup with a name survives a power cut."""
    for path in (*directory.rglob("*"), directory):
        if path.is_dir():
            sync_directory(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _copy_log(source: Path, destination: Path) -> None:
    def again() -> None:
        # A segment that has grown since would have a gap behind it.
        shutil.rmtree(destination, ignore_errors=True)
        _copy(segment_paths(source), source, destination)

    settle(source, again)


def _copy_parquet(source: Path, destination: Path) -> None:
    def again() -> None:
        _copy((path for path in (source / ROLLED_FILE,) if path.exists()), source, destination)
        parts = [path for path in sorted(source.glob("date=*/*")) if not path.name.endswith(UNFINISHED)]
        # Parts never change: what an earlier attempt has copied is as good, and a merged part hides its own.
        missing = [path for path in parts if not (destination / path.relative_to(source)).exists()]
        _copy(missing, source, destination)

    settle(source, again)


def _copy_checkpoints(source: Path, destination: Path) -> None:
    def again() -> None:
        shutil.rmtree(destination, ignore_errors=True)
        finished = [path for path in sorted(source.glob("*")) if not path.name.endswith(UNFINISHED)]
        for path in finished:
            _copy(sorted(path.iterdir()), source, destination)
        # One that was being removed has been copied in part.
        whole = {path.name for path in _whole_checkpoints(destination)}
        for path in finished:
            if path.name not in whole:
                shutil.rmtree(destination / path.name)
        if finished and not whole and finished != sorted(source.glob("*")):
            raise FileNotFoundError(source)

    settle(source, again)


def _whole_checkpoints(directory: Path) -> Iterator[Path]:
    for found in Checkpoints(directory).found():
        try:
            for _ in found.images():
                continue
        except (OSError, StoreError):
            continue
        yield found.path


def _copy_alerts(source: Path, destination: Path, delivered: int) -> None:
    if not source.exists():
        return
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(destination)) as copy:
        original.backup(copy)
        with copy:
            # What came since is not in the copied history: it is told to it again, which passes over what it has.
            copy.execute("UPDATE meta SET value = ? WHERE key = ?", (delivered, SINK_MARK))


def _delivered(alerts: Path) -> int:
    """The last event that the history of alerts has."""
    if not alerts.exists():
        return 0
    with closing(sqlite3.connect(alerts)) as original:
        row = original.execute("SELECT value FROM meta WHERE key = ?", (SINK_MARK,)).fetchone()
    return int(row[0]) if row else 0


def _copy(paths: Iterable[Path], source: Path, destination: Path) -> None:
    destination.mkdir(parents=True, exist_ok=True)
    for path in paths:
        target = destination / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
