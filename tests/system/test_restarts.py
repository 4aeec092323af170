"""A day with a restart every half hour leaves what a day without any leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from argus_server.bench import kept, restarts
from tests.server.models import untrained

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def day(tmp_path: Path) -> restarts.Day:
    """A day of a fleet in which alerts come and go, with a model, so that bands learn too."""
    untrained(tmp_path / "model")
    return restarts.Day(servers=8, hours=24.0, cadence_seconds=60, tick_seconds=300, model=tmp_path / "model")


async def test_restarts_every_half_hour_change_nothing(day: restarts.Day) -> None:
    found = await restarts.run(day, restart_minutes=30.0, kill_every=12)
    assert (found["restarts"], found["kills"]) == (47, 3)
    assert found["equal"], found
    for table in ("metrics", "server_risk", "fleet_risk", "forecasts", "alert_events", "alerts", "window"):
        assert found[f"{table}_rows"] > 5, table


async def test_a_difference_would_be_seen(day: restarts.Day, tmp_path: Path) -> None:
    short = replace(day, servers=3, hours=1.0)
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        await restarts.live(replace(short, seed=seed), tmp_path / name)
    assert kept.compare(tmp_path / "one", tmp_path / "same")["equal"]
    found = kept.compare(tmp_path / "one", tmp_path / "other")
    assert not found["equal"]
    assert found["metrics_different"] or found["greatest_difference"] > 0.01
    assert found["examples"] or found["greatest_difference"] > 0.01
