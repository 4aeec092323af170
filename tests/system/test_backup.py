"""A data directory is copied while its server writes to it, and a server comes up on the copy."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from argus_client import AlertState, ArgusClient
from argus_client.testing import make_samples
from tests.processes import SECONDS, ServerProcess, run, strict_json, until
from tests.server.running import START_MS, STEP_MS
from tests.server.store.rows import on_disk
from tests.system.feeding import beside, feed, load, step

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAMES = [f"web-{number}" for number in range(20)]


def test_a_copy_made_under_load_has_all_that_was_acknowledged_before(tmp_path: Path) -> None:
    data, copies = tmp_path / "data", [tmp_path / f"copy-{number}" for number in range(2)]
    # Small and frequent, so that rows move while they are copied.
    flags = ("--segment-bytes", 1 << 16, "--checkpoint-minutes", 0.01, "--retention-hours", 100_000)
    acknowledged = []
    with ServerProcess("--data-dir", data, *flags) as server, ArgusClient(server.target) as client:
        for number in range(3):
            rows = make_samples(["hot"], timestamp_ms=START_MS - (3 - number) * STEP_MS, value=99.5)
            feed(client, rows, f"hot-{number}")
            client.get_snapshot()
        firing = {alert.alert_id for alert in client.list_alerts() if alert.state is AlertState.FIRING}
        client.acknowledge_alert(min(firing), "ada")
        with client.publisher("source") as publisher, beside(load(publisher, NAMES, first=0)):
            for copy in copies:
                wanted = publisher.stats.rows_accepted + 1_500
                until(lambda wanted=wanted: publisher.stats.rows_accepted >= wanted)
                acknowledged.append(publisher.stats.rows_accepted)
                assert strict_json(run("store", "backup", data, copy).out)["bytes"] > 0
        server.end(signal.SIGKILL)
    for copy, rows_before in zip(copies, acknowledged, strict=True):
        assert strict_json(run("store", "verify", copy).out) == {"sound": True, "defects": []}
        kept = on_disk(copy)
        assert len(kept) == len(set(kept)), "rows are there twice"
        ticks = rows_before // len(NAMES)
        expected = {
            (name, int(step([name], number).timestamp_ms[0])) for name in NAMES for number in range(ticks)
        }
        assert expected <= set(kept)
    with ServerProcess("--data-dir", copies[-1], *flags) as server, ArgusClient(server.target) as client:
        assert set(client.get_snapshot(timeout=SECONDS).servers) >= set(NAMES)
        known = {alert.alert_id: alert for alert in client.list_alerts(timeout=SECONDS)}
        assert known[min(firing)].acknowledged_by == "ada"
        # Sources that number on are taken up.
        feed(client, step(NAMES, 100_000), "another")
        events = client.history.alert_events(since=START_MS - 10 * STEP_MS, until=START_MS + STEP_MS)
        fired = [event.alert_id for event in events.events if event.event == "fired"]
        assert set(fired) >= firing
        assert len(fired) == len(set(fired))


def test_a_copy_over_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "data" / "log").mkdir(parents=True)
    assert "exists already" in run("store", "backup", tmp_path / "data", tmp_path / "copy").error()
    assert "no data directory" in run("store", "backup", tmp_path / "copy", tmp_path / "new").error()
    assert not (tmp_path / "new").exists()
