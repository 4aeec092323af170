"""Real servers are killed under load, and run out of disk: every acknowledged row is there afterwards, once."""

from __future__ import annotations

import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from argus_client import ArgusClient
from argus_server.bench import durability, fleet
from argus_server.clock import EventClock
from argus_server.ingest.columns import Columns
from argus_server.model_control import CONTEXT_STEPS, STEP_SECONDS
from argus_server.store.store import Store
from argus_server.window.fleet_window import FleetWindow
from tests.processes import SECONDS, ServerProcess, until
from tests.server.store import rows
from tests.server.store.rows import on_disk
from tests.system.feeding import QUICK, beside, load, step

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAMES = [f"web-{number}" for number in range(20)]


@pytest.mark.parametrize("kept", ["os", "fsync"])
def test_killed_servers_lose_and_double_nothing(kept: str) -> None:
    kills = 6 if kept == "os" else 2
    result = durability.run(kills=kills, servers=100, max_seconds_between=0.8, durability=kept, seed=1)
    assert result["rows"] > 1000
    assert (result["lost"], result["duplicated"], result["rejected"]) == (0, 0, 0)
    assert result["window_difference"] < 1e-5


def test_a_loss_would_be_seen(tmp_path: Path) -> None:
    """What compares the data directory with what was sent does find a row that is missing, or there twice."""
    store = Store(tmp_path, rows.QUICK)
    names = fleet.names(3)
    rows.put(store, names[:2], [fleet.START_MS] * 2)
    rows.put(store, names[:1], [fleet.START_MS] * 1)
    store.abandon()
    verdict = durability.compare(tmp_path, 3, 1)
    assert (verdict["lost"], verdict["duplicated"]) == (1, 1)
    assert verdict["window_difference"] > 1


def full(client: ArgusClient) -> bool:
    """Whether the server says that it cannot keep rows."""
    return "data directory" in client.get_status(timeout=SECONDS).degraded_reason


def fill_up_twice(
    server: ServerProcess, data: Path, fill: Callable[[], None], empty: Callable[[], None]
) -> None:
    """Feeds a server whose disk fills up and is emptied again, twice; checks that nothing is lost or doubled."""
    with (
        ArgusClient(server.target, stream_backoff=QUICK) as client,
        client.publisher("source") as publisher,
    ):
        with beside(load(publisher, NAMES, first=0)):
            for _ in range(2):
                start = publisher.stats
                until(lambda stats=start: publisher.stats.rows_accepted >= stats.rows_accepted + 500)
                fill()
                until(lambda: full(client))
                stuck = publisher.stats
                until(lambda stats=stuck: publisher.stats.throttles >= stats.throttles + 3)
                empty()
                until(lambda: not full(client))
        publisher.flush(timeout=SECONDS, strict=True)
        stats = publisher.stats
    server.end(signal.SIGKILL)
    assert "may not grow" in server.err.rest() or "is full" in server.err.rest()
    assert stats.rows_dropped == stats.rows_unreported == stats.reconnects == 0
    ticks = stats.rows_published // len(NAMES)
    expected = [
        (name, int(step([name], number).timestamp_ms[0])) for name in NAMES for number in range(ticks)
    ]
    assert on_disk(data) == sorted(expected)
    assert durability.difference(uninterrupted(ticks), recovered(data)) < 1e-5


def uninterrupted(ticks: int) -> FleetWindow:
    """A window that saw every step, on no disk at all."""
    window = FleetWindow(EventClock(), steps=CONTEXT_STEPS, step_seconds=STEP_SECONDS)
    for number in range(ticks):
        samples = step(NAMES, number)
        columns = Columns(
            samples.timestamp_ms,
            samples.server_name.tolist(),
            samples.state.astype(np.int32),
            np.ascontiguousarray(samples.metrics.T),
        )
        window.write(columns, np.ones(len(NAMES), np.bool_))
    return window


def recovered(data: Path) -> FleetWindow:
    """The window that the next server would begin with."""
    clock = EventClock()
    window = FleetWindow(clock, steps=CONTEXT_STEPS, step_seconds=STEP_SECONDS)
    store = Store(data, rows.QUICK)
    try:
        store.recover(window, clock, 1 << 50)
    finally:
        store.abandon()
    return window


def test_a_disk_that_fills_up_twice(small_disk: Path) -> None:
    filler = small_disk / "filler"

    def fill() -> None:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    with ServerProcess("--data-dir", small_disk / "data") as server:
        fill_up_twice(server, small_disk / "data", fill, filler.unlink)


def test_files_that_may_not_grow_twice(tmp_path: Path) -> None:
    """The same where nothing can be mounted: the limit of a process on the size of its files."""
    with ServerProcess("--data-dir", tmp_path / "data") as server:
        pid = server.process.pid
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        fill_up_twice(
            server,
            tmp_path / "data",
            lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (100, unlimited[1])) and None,
            lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited) and None,
        )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield place
    subprocess.run(["umount", "-l", place], check=True)
