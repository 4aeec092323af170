"""State machines as arrays against the slow ones, with and without restarts in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.alerts.lifecycle import Cell, Lifecycle, Step, Transition
from argus_server.alerts.readings import Readings
from argus_server.risk.alert_rules import AlertRule, AlertRules
from tests.server.alerts.reference import MINUTE_MS, Fleet, Reading

RULES = AlertRules(
    signals=(
        AlertRule(0.8, 0.4, hold_minutes=5, clear_hold_minutes=30),
        AlertRule(0.8, 0.4, hold_minutes=0, clear_hold_minutes=0),
    ),
    risk=AlertRule(80, 65, hold_minutes=5, clear_hold_minutes=30),
    silence=AlertRule(0.5, 0.5, hold_minutes=0, clear_hold_minutes=5),
    reopen_minutes=60,
    level_fall_minutes=15,
    absent_minutes=60,
    refresh_minutes=5,
)
COLUMNS = len(RULES.by_subject)
SERVERS = ("a", "b", "c", "d")
START_MS = 1_700_000_000_000
QUIET = {Step.REFRESHED, Step.TIMED}


def readings(now_ms: int, fleet: dict[str, list[Reading]]) -> Readings:
    def column(name: str, dtype: type) -> np.ndarray:
        return np.array([[getattr(one, name) for one in row] for row in fleet.values()], dtype=dtype).reshape(
            len(fleet), COLUMNS
        )

    return Readings(
        now_ms,
        tuple(fleet),
        column("value", np.float32),
        column("level", np.uint8),
        column("known", np.bool_),
    )


def told(transitions: list[Transition]) -> list[tuple[str, str, int, int, bool]]:
    return sorted(
        (str(one.step), one.server, one.column, one.level, one.reopens)
        for one in transitions
        if one.step not in QUIET
    )


def script(seed: int, ticks: int) -> Iterator[tuple[int, dict[str, list[Reading]], bool]]:
    """Minutes since the last tick, readings of each server that is there, and whether the server restarts before."""
    rng = np.random.default_rng(seed)
    # Some stay quiet, some are noisy around the values that matter, and most tend to stay as they are.
    values = {server: rng.choice([0.0, 0.39, 0.4, 0.6, 0.8, 1.0, 70.0, 90.0], COLUMNS) for server in SERVERS}
    for _ in range(ticks):
        fleet = {}
        for server in rng.permutation(SERVERS)[: rng.choice([2, 3, 4, 4, 4])].tolist():
            fresh = rng.choice([0.0, 0.39, 0.4, 0.6, 0.8, 1.0, 70.0, 90.0], COLUMNS)
            values[server] = np.where(rng.random(COLUMNS) < 0.3, fresh, values[server])
            silent = bool(rng.random() < 0.15)
            fleet[server] = [
                Reading(float(value), int(level), not silent)
                for value, level in zip(values[server], rng.choice([2, 2, 3, 4], COLUMNS), strict=True)
            ]
            fleet[server][-1] = Reading(float(silent), 4, True)
        yield int(rng.choice([0, 1, 5, 5, 15, 30, 59, 61])), fleet, bool(rng.random() < 0.3)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1_000_000), st.integers(1, 30))
def test_arrays_do_what_the_slow_ones_do_with_restarts_or_without(seed: int, ticks: int) -> None:
    slow, steady, restarting = Fleet(RULES), Lifecycle(RULES), Lifecycle(RULES)
    stored: dict[tuple[str, int], Cell] = {}
    now = START_MS
    for minutes, fleet, restart in script(seed, ticks):
        now += minutes * MINUTE_MS
        if restart:
            restarting = Lifecycle(RULES)
            restarting.restore((server, column, cell) for (server, column), cell in stored.items())
        expected = sorted(slow.step(now, fleet))
        assert told(steady.step(readings(now, fleet))) == expected
        happened = restarting.step(readings(now, fleet))
        assert told(happened) == expected
        # What is stored is what a transition was told of, and nothing else.
        for one in happened:
            stored[one.server, one.column] = restarting.cell(one.server, one.column)


def quiet_fleet(value: float, servers: int = 1, level: int = 2) -> dict[str, list[Reading]]:
    return {
        f"web-{number}": [Reading(value, level, True)] + [Reading(0.0, 2, True)] * (COLUMNS - 1)
        for number in range(servers)
    }


def test_a_clock_that_goes_back_neither_fires_early_nor_never() -> None:
    lifecycle = Lifecycle(RULES)
    lifecycle.step(readings(START_MS, quiet_fleet(1.0)))
    back = START_MS - 60 * MINUTE_MS
    assert told(lifecycle.step(readings(back, quiet_fleet(1.0)))) == []
    assert told(lifecycle.step(readings(back + 4 * MINUTE_MS, quiet_fleet(1.0)))) == []
    assert [one[0] for one in told(lifecycle.step(readings(back + 5 * MINUTE_MS, quiet_fleet(1.0))))] == [
        "fired"
    ]


def test_before_an_event_clock_runs_nothing_happens() -> None:
    assert Lifecycle(RULES).step(readings(0, quiet_fleet(1.0))) == []


def test_servers_that_come_and_go_do_not_fill_memory() -> None:
    lifecycle = Lifecycle(RULES)
    for number in range(300):
        fleet = {f"pod-{number}-{index}": quiet_fleet(0.0)["web-0"] for index in range(10)}
        lifecycle.step(readings(START_MS + number * MINUTE_MS, fleet))
    assert len(lifecycle) <= 40


@pytest.mark.parametrize(("value", "starts"), [(0.79, False), (0.8, True)])
def test_a_condition_begins_at_the_fire_value(value: float, starts: bool) -> None:
    fleet = quiet_fleet(0.0)
    fleet["web-0"][0] = replace(fleet["web-0"][0], value=value)
    assert bool(told(Lifecycle(RULES).step(readings(START_MS, fleet)))) is starts
