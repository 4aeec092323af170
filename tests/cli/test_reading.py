"""`argus snapshot`, `argus status` and `argus watch`."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select

import pytest

from argus_client.testing import FakeServer
from argus_server.metrics import METRICS
from tests.cli.conftest import SERVERS, STEPS, Command
from tests.cli.serving import serving
from tests.processes import SECONDS, command, environment, run
from tests.server.models import damage, untrained

STATUS = {"serving", "degraded", "degraded_reason", "model", "servers", "warm_servers"}
HORIZON_STEPS = {"summary": 0, "standard": 12, "full": 96}


@pytest.mark.parametrize("view", HORIZON_STEPS)
def test_a_snapshot_is_strict_json_of_the_promised_form(argus: Command, fleet: str, view: str) -> None:
    made = argus("snapshot", "--target", fleet, "--json", "--view", view).json()

    assert {"revision", "model", "summary", "environment", "servers"} <= set(made)
    assert made["revision"] >= 1
    assert (made["model"]["kind"], made["model"]["revision"][:5]) == ("TFT", "tiny-")
    assert made["summary"]["total_servers"] == made["summary"]["tft_servers"] == len(SERVERS)
    assert 0 <= made["environment"]["incident_probability_8h"] <= 1
    for server in made["servers"]:
        assert server["source"] == "TFT"
        assert 0 <= server["risk_score"] <= 100
        assert server["alert"]["level"] in ("critical", "warning", "degrading", "healthy")
        cpu = server["display_metrics"]["cpu"]
        assert {"current", "predicted", "delta", "unit", "trend"} <= set(cpu)
        steps = HORIZON_STEPS[view]
        assert set(server["forecast"]) == (set(METRICS) if steps else set())
        for quantiles in server["forecast"].values():
            assert {name: len(values) for name, values in quantiles.items()} == dict.fromkeys(
                ("p10", "p50", "p90"), steps
            )


def test_a_snapshot_with_outlooks(argus: Command, fleet: str) -> None:
    made = argus("snapshot", "--target", fleet, "--json", "--outlook").json()

    for server in made["servers"]:
        outlook = server["outlook"]
        assert outlook["metric"] in METRICS
        assert [len(outlook[name]) for name in ("history", "p10", "p50", "p90")] == [36, 32, 32, 32]


def test_outlooks_are_for_json_only(argus: Command, fleet: str) -> None:
    done = argus("snapshot", "--target", fleet, "--outlook")

    assert done.code == 2
    assert "--json" in done.err


def test_the_riskiest_server_is_first(argus: Command, fleet: str) -> None:
    servers = argus("snapshot", "--target", fleet, "--json").json()["servers"]
    risks = [server["risk_score"] for server in servers]
    assert servers[0]["server_name"] == SERVERS[0]
    assert risks == sorted(risks, reverse=True)
    assert risks[0] > risks[1]


def test_a_snapshot_of_some_servers(argus: Command, fleet: str) -> None:
    def names(*flags: object) -> set[str]:
        made = argus("snapshot", "--target", fleet, "--json", *flags).json()
        assert made["summary"]["total_servers"] == len(SERVERS)
        return {server["server_name"] for server in made["servers"]}

    assert names("--server", "web-1", "--server", "postgres-1") == {"web-1", "postgres-1"}
    assert names("--profile", "database") == {"postgres-1"}
    assert names("--min-risk", 100) == set()


def test_a_snapshot_as_a_table(argus: Command, fleet: str) -> None:
    done = argus("snapshot", "--target", fleet)
    lines = done.out.splitlines()
    assert lines[0].startswith(f"{len(SERVERS)} servers")
    listed = [line for line in lines if line.rstrip().endswith("TFT")]
    assert len(listed) == len(SERVERS)
    assert SERVERS[0] in listed[0]


def test_the_table_of_nobody_says_how_to_begin(argus: Command, empty: str) -> None:
    out = argus("snapshot", "--target", empty).out
    assert "DEGRADED: the model cannot be used" in out
    assert "No servers yet" in out


def test_status_of_a_sound_server(argus: Command, fleet: str) -> None:
    now = argus("status", "--target", fleet, "--json").json()
    assert set(now) >= STATUS
    assert (now["serving"], now["degraded"], now["degraded_reason"]) == (True, False, "")
    assert (now["servers"], now["warm_servers"], now["model"]["kind"]) == (len(SERVERS), len(SERVERS), "TFT")
    assert now["accepted_rows"] == len(SERVERS) * STEPS
    assert argus("status", "--target", fleet).code == 0


def test_status_of_a_server_with_a_damaged_model(argus: Command, tmp_path: Path) -> None:
    untrained(tmp_path / "broken")
    damage(tmp_path / "broken")
    with serving(model=tmp_path / "broken") as target:
        now = argus("status", "--target", target, "--json").json()
        in_words = argus("status", "--target", target)
    assert (now["serving"], now["degraded"], now["model"]["kind"]) == (True, True, "FALLBACK")
    assert "corrupt_weights" in now["degraded_reason"]
    assert in_words.code == 3
    assert "corrupt_weights" in in_words.out


def test_status_of_a_server_that_does_not_serve(argus: Command) -> None:
    with FakeServer() as server:
        server.serving = False
        assert argus("status", "--target", server.target, "--json").json()["serving"] is False
        assert argus("status", "--target", server.target).code == 4


def test_status_as_a_process_of_its_own(fleet: str) -> None:
    assert run("status", "--json", ARGUS_TARGET=fleet).json()["serving"] is True


@contextmanager
def terminal(*arguments: object) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command in a pseudo-terminal: the process, and the terminal's other end."""
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            command(*arguments), env=environment(TERM="xterm"), stdin=theirs, stdout=theirs, stderr=theirs
        ) as process:
            os.close(theirs)
            try:
                yield process, ours
            finally:
                process.kill()
    finally:
        os.close(ours)


def shown(screen: int, part: bytes) -> bytes:
    """What a terminal has shown once `part` is among it."""
    end, said = time.monotonic() + SECONDS, b""
    while part not in said:
        ready, _, _ = select([screen], [], [], max(end - time.monotonic(), 0.0))
        assert ready, said
        said += os.read(screen, 65_536)
    return said


def test_watch_draws_the_fleet_in_a_terminal_until_control_c(fleet: str) -> None:
    with terminal("watch", "--target", fleet, "--rows", 2) as (process, screen):
        drawn = shown(screen, b"and 3 less risky")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    assert SERVERS[0].encode() in drawn
    assert b"live" in drawn
    assert b"Traceback" not in drawn


def test_watch_waits_for_a_server_that_is_not_there(closed: str) -> None:
    with terminal("watch", "--target", closed) as (process, screen):
        shown(screen, b"reconnecting to ")
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
