"""Servers that move together are found, and never parted."""

from __future__ import annotations

import numpy as np
import pytest

from argus_server.evaluation.clusters import clusters, correlations, halves
from argus_server.metrics import METRICS
from argus_server.training.corpus import History
from tests.server.evaluation.conftest import CPU, NET, START_MS

DAYS = 10
STEPS = DAYS * 288


def wander(seed: int) -> np.ndarray:
    """Hours that go their own way, no two seeds alike."""
    return np.repeat(np.random.default_rng(seed).normal(0, 8, DAYS * 24), 12)


def server(name: str, cpu: np.ndarray, net: np.ndarray | None = None, *, later_days: int = 0) -> History:
    values = np.full((STEPS, len(METRICS)), np.nan, dtype=np.float32)
    cycle = 20 * np.sin(2 * np.pi * np.arange(STEPS) / 288)
    values[:, CPU] = 50 + cycle + cpu + np.random.default_rng(len(name)).normal(0, 1, STEPS)
    if net is not None:
        values[:, NET] = net
    values[:, METRICS.index("uptime_days")] = np.arange(STEPS) // 288
    return History(name, "fleet", 0, START_MS + later_days * 86_400_000, 300, values, STEPS)


def test_twins_belong_together_and_so_does_a_chain() -> None:
    one, other = wander(1), wander(2)
    fleet = [
        server("a", one),
        server("b", wander(3)),
        server("c", 0.6 * one + 0.6 * other),
        server("d", other),
        server("e", wander(4)),
    ]
    assert correlations(fleet)[0, 3] < 0.2  # linked by c only
    assert clusters(fleet) == [("a", "c", "d"), ("b",), ("e",)]


def test_a_common_day_and_a_common_uptime_are_no_bond() -> None:
    assert clusters([server("a", wander(1)), server("b", wander(2))]) == [("a",), ("b",)]


def test_metrics_speak_together() -> None:
    """What two servers have in common in one metric of two is halved by the other."""
    shared = wander(5)
    close = [server("a", shared, wander(6)), server("b", shared, wander(7))]
    assert correlations(close)[0, 1] == pytest.approx(0.5, abs=0.15)


def test_servers_that_were_never_seen_at_one_time_are_strangers() -> None:
    shared = wander(5)
    for later_days in (DAYS, DAYS - 2):  # never, and for too short a time
        fleet = [server("a", shared), server("b", shared, later_days=later_days)]
        assert np.isnan(correlations(fleet)[0, 1])
    assert clusters(fleet) == [("a",), ("b",)]


def test_flat_and_missing_metrics_say_nothing() -> None:
    fleet = [server("a", wander(1), np.full(STEPS, 3.0)), server("b", wander(1), np.full(STEPS, 3.0))]
    fleet[1].values[:, CPU] = np.nan
    assert np.isnan(correlations(fleet)[0, 1])


def test_halves_keep_clusters_whole_and_are_about_equal() -> None:
    first, second = halves([("a", "b", "c", "d"), ("e", "f"), ("g",), ("h",)])
    assert first == {"a", "b", "c", "d"}
    assert second == {"e", "f", "g", "h"}
    assert halves([("a", "b")]) == ({"a", "b"}, frozenset())
