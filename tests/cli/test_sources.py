"""`argus host` and `argus simulate`."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet
import pytest

from argus_client import ArgusClient, DeadlineExceeded, Samples
from argus_client.adapters import Stop
from argus_client.cli import feeding
from argus_client.testing import FakeServer, make_samples
from argus_server.metrics import METRICS
from tests.cli.conftest import Command
from tests.cli.serving import serving
from tests.processes import SECONDS, Outcome, Process, until

COUNTS = ("rows_sent", "rows_accepted", "rows_rejected", "rows_duplicate")


@pytest.fixture
def now() -> Iterator[str]:
    """A server that goes by the time of day."""
    with serving(clock="wall") as target:
        yield target


def accepted(target: str) -> int:
    with ArgusClient(target) as client:
        return client.get_status().accepted_rows


def all_accepted(done: Outcome) -> int:
    counts = done.json()
    assert tuple(counts) == COUNTS
    assert counts["rows_sent"] == counts["rows_accepted"] > 0
    assert counts["rows_rejected"] == counts["rows_duplicate"] == 0
    return int(counts["rows_sent"])


def test_host_sends_this_machine_until_control_c(argus: Command, now: str) -> None:
    with Process("host", "--target", now, "--interval", 1, "--json") as host:
        until(lambda: accepted(now) >= 2)
        done = host.end(signal.SIGINT)
    assert all_accepted(done) == accepted(now)
    assert "Traceback" not in done.err

    (server,) = argus("snapshot", "--target", now, "--json").json()["servers"]
    assert server["server_name"] == socket.gethostname()
    assert server["source"] == "FALLBACK"
    assert server["display_metrics"]["memory"]["current"] > 0


def test_host_under_another_name_ends_when_terminated(argus: Command, now: str) -> None:
    with Process("host", "--target", now, "--name", "mine", "--json") as host:
        until(lambda: accepted(now) >= 1)
        all_accepted(host.end(signal.SIGTERM))
    (server,) = argus("snapshot", "--target", now, "--json").json()["servers"]
    assert server["server_name"] == "mine"


class OneBatch:
    """A source that has one batch, and then nothing until it is stopped."""

    name = "one"

    def batches(self, stop: Stop) -> Iterator[Samples]:
        yield make_samples()
        stop.wait()


def test_a_source_says_once_that_it_is_refused_and_once_that_it_is_not(argus: Command) -> None:
    with FakeServer() as server:
        for _ in range(3):
            server.reject_next_batch("STORAGE_UNAVAILABLE")
        with Process("host", "--target", server.target, "--interval", 1, "--json") as host:
            until(lambda: any(source.last_sequence for source in server.sources.values()))
            done = host.end(signal.SIGINT)
    assert done.code == 0
    assert done.err.count("the server cannot keep rows now: as the test wants it; 1 rows wait here") == 1
    assert done.err.count("the server keeps rows again") == 1


def test_a_source_that_is_told_to_stop_does_not_wait_for_a_lost_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeding, "_GRACE_SECONDS", 0.2)
    stop = threading.Event()
    with FakeServer() as server, ThreadPoolExecutor() as threads:
        server.hold_acks()
        fed = threads.submit(feeding.feed, server.target, OneBatch(), stop, source_id="one")
        until(lambda: "one" in server.sources and server.sources["one"].batches)
        server.stop()
        stop.set()
        with pytest.raises(DeadlineExceeded, match="1 rows are unacknowledged"):
            fed.result(SECONDS)


def test_simulate_sends_a_warm_fleet_and_can_be_steered(argus: Command, now: str) -> None:
    flags = ("--servers", 4, "--backfill-hours", 3, "--interval", 1, "--scenario-listen", "127.0.0.1:0")
    with Process("simulate", "--target", now, *flags, "--scenario", "degrading", "--json") as simulator:
        steering = simulator.err.until("argus scenario set NAME --target").split()[-1]
        until(lambda: accepted(now) > 4 * 36)
        assert argus("scenario", "get", "--target", steering, "--json").json()["scenario"] == "degrading"
        argus("scenario", "set", "critical", "--target", steering)
        assert argus("scenario", "get", "--target", steering, "--json").json()["scenario"] == "critical"
        all_accepted(simulator.end(signal.SIGINT))
    status = argus("status", "--target", now, "--json").json()
    assert (status["servers"], status["warm_servers"]) == (4, 4)


def test_simulate_writes_a_labelled_file(argus: Command, tmp_path: Path) -> None:
    file = tmp_path / "data" / "fleet.parquet"
    written = argus("simulate", "--out", file, "--servers", 3, "--days", 0.5, "--seed", 7).json()
    table = pyarrow.parquet.read_table(file)
    assert written == {"path": str(file), "rows": table.num_rows, "servers": 3, "days": 0.5}
    assert table.column_names == ["timestamp", "server_name", "state", *METRICS]
    assert 0 < table.num_rows <= 3 * 144
    labels = pyarrow.parquet.read_schema(file.with_name("fleet.labels.parquet")).names
    assert {"server_name", "mode", "onset_ms", "failure_ms"} <= set(labels)


def test_what_simulate_wrote_can_be_replayed(argus: Command, empty: str, tmp_path: Path) -> None:
    file = tmp_path / "fleet.parquet"
    rows = argus("simulate", "--out", file, "--servers", 2, "--days", 0.1).json()["rows"]
    sent = argus("replay", file, "--target", empty, "--json").json()
    assert (sent["rows_sent"], sent["rows_accepted"]) == (rows, rows)


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (("--scenario", "sunny"), "known are healthy, degrading, critical, cascade"),
        (("--scenario-listen", "0.0.0.0:0"), "this machine only"),
        (("--servers", "0"), "--servers"),
    ],
)
def test_wrong_values_are_wrong_usage(argus: Command, flags: tuple[str, str], fault: str) -> None:
    done = argus("simulate", *flags)
    assert done.code == 2
    assert fault in done.err


def test_a_taken_port_for_steering_is_one_line(argus: Command, silent: str) -> None:
    error = argus("simulate", "--scenario-listen", silent).error()
    assert f"cannot listen on {silent}" in error


def test_a_file_that_cannot_be_written_is_one_line(argus: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    out = tmp_path / "taken" / "fleet.parquet"
    assert str(out.parent) in argus("simulate", "--out", out, "--days", 0.1).error()
