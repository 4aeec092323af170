"""Harmless patterns: steep enough to alarm on, and never over a limit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from argus_client.samples import METRICS
from argus_client.simulator import FleetChunk, FleetSimulator
from tests.client.simulator.conftest import START_MS

STEPS_A_DAY = 288
SIX_HOURS = 72


@pytest.fixture(scope="module")
def deceptive() -> FleetChunk:
    """40 servers for 10 days, all of them with every look-alike, in which nothing fails."""
    fleet = FleetSimulator(40, seed=7, start_ms=START_MS, look_alike_share=1.0)
    chunk = fleet.generate(10 * STEPS_A_DAY)
    assert fleet.labels == []
    return chunk


def of(chunk: FleetChunk, metric: str) -> NDArray[np.float32]:
    return chunk.metrics[:, :, METRICS.index(metric)]


def drops(values: NDArray[np.float32], by: float) -> int:
    """How often any server falls by so much within a step."""
    with np.errstate(invalid="ignore"):
        return int((np.diff(values, axis=1) < -by).sum())


@pytest.mark.parametrize(
    ("metric", "limit"), [("disk_usage_pct", 95), ("mem_used_pct", 98), ("back_close_wait", 300)]
)
def test_no_saw_tooth_reaches_a_critical_level(deceptive: FleetChunk, metric: str, limit: float) -> None:
    assert np.nanmax(of(deceptive, metric)) < limit


@pytest.mark.parametrize(
    ("metric", "fall"), [("disk_usage_pct", 8), ("mem_used_pct", 8), ("back_close_wait", 60)]
)
def test_saw_teeth_break_off_again_and_again(
    deceptive: FleetChunk, calm: FleetChunk, metric: str, fall: float
) -> None:
    server_days = 40 * 10
    assert drops(of(deceptive, metric), fall) > 0.4 * server_days
    assert drops(of(calm, metric), fall) < 0.1 * 60 * 14


def test_disks_rise_as_if_they_would_be_full_within_a_day(deceptive: FleetChunk) -> None:
    """The line through the last six hours reaches 95 % within 24 hours, above a warning level, and is wrong."""
    disk = of(deceptive, "disk_usage_pct")
    past = np.lib.stride_tricks.sliding_window_view(disk, SIX_HOURS, axis=1)
    at = np.arange(SIX_HOURS) - (SIX_HOURS - 1) / 2
    slope = (past * at).sum(axis=-1) / (at**2).sum()
    with np.errstate(invalid="ignore"):
        fooled = (past[..., -1] > 75) & (past[..., -1] + slope * STEPS_A_DAY > 95)
    assert fooled.any(axis=1).mean() > 0.5


def test_servers_restart_and_start_cold(deceptive: FleetChunk) -> None:
    """CPU in use right after a restart is above what it is an hour later."""
    in_use = 100 - of(deceptive, "cpu_idle_pct")
    early, later = [], []
    restarts = 0
    for server in range(len(in_use)):
        back = np.flatnonzero(np.diff(deceptive.present[server].astype(int)) == 1) + 1
        back = back[back + 14 < in_use.shape[1]]
        restarts += len(back)
        early += in_use[server, back].tolist()
        later += in_use[server, back + 12].tolist()
    assert 0.1 < restarts / (40 * 10) < 0.8
    assert np.median(early) > np.median(later) + 5


def test_without_a_share_a_fleet_is_what_it_was() -> None:
    plain = FleetSimulator(12, seed=5, start_ms=START_MS, incidents_per_server_day=0.1).generate(600)
    none = FleetSimulator(
        12, seed=5, start_ms=START_MS, incidents_per_server_day=0.1, look_alike_share=0.0
    ).generate(600)
    assert np.array_equal(plain.metrics, none.metrics, equal_nan=True)
    some = FleetSimulator(12, seed=5, start_ms=START_MS, incidents_per_server_day=0.1, look_alike_share=0.5)
    assert not np.array_equal(plain.metrics, some.generate(600).metrics, equal_nan=True)


def test_chunk_sizes_do_not_change_look_alikes() -> None:
    whole, parts = (FleetSimulator(12, seed=5, start_ms=START_MS, look_alike_share=0.7) for _ in range(2))
    together = whole.generate(500).metrics
    apart = np.concatenate([parts.generate(200).metrics, parts.generate(300).metrics], axis=1)
    assert np.array_equal(together, apart, equal_nan=True)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        FleetSimulator(5, look_alike_share=share)
