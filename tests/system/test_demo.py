"""Everything at once, as a newcomer starts it."""

from __future__ import annotations

import signal

import httpx
import pytest

from tests.processes import Process, run, until

pytestmark = pytest.mark.slow

ANYWHERE = [f"--{name}=127.0.0.1:0" for name in ("listen", "metrics-listen", "scenario-listen", "ui-listen")]


def test_the_demo_shows_a_warm_fleet_and_this_machine_and_leaves_nothing_behind() -> None:
    with Process("demo", "--servers", 4, "--scenario", "critical", *ANYWHERE) as demo:
        url = demo.err.until("dashboard ").split()[-1]
        target = demo.err.until("server ").split()[-1]

        def counts() -> tuple[int, int]:
            status = run("status", "--target", target, "--json").json()
            return status["servers"], status["warm_servers"]

        until(lambda: counts() == (5, 4))
        until(lambda: len(httpx.get(f"{url}api/fleet").json()["servers"]["name"]) == 5)
        shown = httpx.get(f"{url}api/fleet").json()
        made = run("snapshot", "--target", target, "--json").json()
        done = demo.end(signal.SIGINT)
    assert sorted(server["source"] for server in made["servers"]) == ["FALLBACK", *4 * ["TFT"]]
    assert len(shown["servers"]["name"]) == 5
    assert done.code == 0
    assert "Traceback" not in done.err
    assert run("status", "--target", target, "--json").code == 1
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
