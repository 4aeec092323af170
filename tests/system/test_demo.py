"""Everything at once, as a newcomer starts it."""

from __future__ import annotations

import signal

import pytest

from tests.processes import Process, run, until

pytestmark = pytest.mark.slow

ANYWHERE = [f"--{name}=127.0.0.1:0" for name in ("listen", "metrics-listen", "scenario-listen")]


def test_the_demo_shows_a_warm_fleet_and_this_machine_and_leaves_nothing_behind() -> None:
    with Process("demo", "--servers", 4, "--scenario", "critical", *ANYWHERE) as demo:
        target = demo.err.until("server ").split()[-1]

        def counts() -> tuple[int, int]:
            status = run("status", "--target", target, "--json").json()
            return status["servers"], status["warm_servers"]

        until(lambda: counts() == (5, 4))
        made = run("snapshot", "--target", target, "--json").json()
        done = demo.end(signal.SIGINT)
    assert sorted(server["source"] for server in made["servers"]) == ["FALLBACK", *4 * ["TFT"]]
    assert done.code == 0
    assert "Traceback" not in done.err
    assert run("status", "--target", target, "--json").code == 1
