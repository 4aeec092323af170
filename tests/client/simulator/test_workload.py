from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from argus_client.samples import METRICS, STATES
from argus_client.simulator import FleetChunk

STEP_MINUTES = 5
STEPS_A_DAY = 288


def dwell_minutes(chunk: FleetChunk) -> dict[str, NDArray[np.float64]]:
    """Lengths of uninterrupted stays in each state, without the cut-off first and last stay of a server."""
    stays: dict[str, list[float]] = defaultdict(list)
    for states in chunk.state:
        edges = np.flatnonzero(np.diff(states)) + 1
        for begin, end in itertools.pairwise(edges):
            stays[STATES[states[begin]]].append((end - begin) * STEP_MINUTES)
    return {state: np.array(minutes) for state, minutes in stays.items()}


def daily_share(chunk: FleetChunk, metric: str) -> float:
    """Median over servers of the share of variance that the time of day explains, linear trend removed."""
    shares = []
    for server in chunk.metrics[:, :, METRICS.index(metric)]:
        steps = np.arange(len(server))
        known = np.isfinite(server)
        detrended = server - np.polyval(np.polyfit(steps[known], server[known], 1), steps)
        by_time = np.nanmean(detrended.reshape(-1, STEPS_A_DAY), axis=0)
        shares.append(by_time.var() / np.nanvar(detrended))
    return float(np.median(shares))


def test_states_dwell_minutes_to_hours(calm: FleetChunk) -> None:
    stays = dwell_minutes(calm)
    expected = {
        "heavy_load": (40, 120),
        "idle": (60, 200),
        "morning_spike": (50, 150),
        "healthy": (100, 800),
    }
    for state, (low, high) in expected.items():
        assert len(stays[state]) > 50, state
        assert low < np.median(stays[state]) < high, state
        assert np.quantile(stays[state], 0.05) >= 10, state


def test_dwell_times_are_not_memoryless(calm: FleetChunk) -> None:
    """Semi-Markov: stays gather around their median; in a Markov chain deviation and mean would be equal."""
    for state in ("heavy_load", "morning_spike"):
        minutes = dwell_minutes(calm)[state]
        assert minutes.std() / minutes.mean() < 0.75


def test_morning_spikes_come_on_workday_mornings(calm: FleetChunk) -> None:
    spike = STATES.index("morning_spike")
    begins = (calm.state[:, 1:] == spike) & (calm.state[:, :-1] != spike)
    stamps = calm.timestamp_ms[1:][np.nonzero(begins)[1]]
    hours = stamps / 3_600_000 % 24
    weekday = (stamps // 86_400_000 + 3) % 7
    assert len(stamps) > 50
    assert ((hours > 5) & (hours < 11.5)).all()
    assert (weekday < 5).all()


def test_work_is_diurnal_and_storage_is_not(calm: FleetChunk) -> None:
    assert daily_share(calm, "cpu_user_pct") > 0.25
    assert daily_share(calm, "net_in_mb_s") > 0.25
    # 14 days of pure noise still have 1/14 = 7 % of their variance in the mean day.
    assert daily_share(calm, "mem_used_pct") < 0.2
    assert daily_share(calm, "disk_usage_pct") < 0.2


def test_peak_hours_lower_idle(calm: FleetChunk) -> None:
    web = np.char.startswith(calm.server_name.astype(str), "ppweb")
    idle = np.nanmean(calm.metrics[web][:, :, METRICS.index("cpu_idle_pct")], axis=0)
    hour = calm.timestamp_ms / 3_600_000 % 24
    assert idle[(hour > 10) & (hour < 16)].mean() < idle[(hour > 1) & (hour < 5)].mean() - 5


def test_weekends_are_quieter(calm: FleetChunk) -> None:
    weekday = (calm.timestamp_ms // 86_400_000 + 3) % 7
    traffic = np.nanmean(calm.metrics[:, :, METRICS.index("net_out_mb_s")], axis=0)
    assert traffic[weekday >= 5].mean() < 0.85 * traffic[weekday < 5].mean()


def test_disks_fill_and_are_cleaned_without_failing(calm: FleetChunk) -> None:
    """The benign look-alike: a saw-tooth whose drops are clean-ups."""
    disk = calm.metrics[:, :, METRICS.index("disk_usage_pct")]
    change = np.diff(disk, axis=1)
    cleaned = (change < -5).sum(axis=1)
    assert (cleaned > 0).sum() >= 10
    rising = change[np.isfinite(change) & (change > -1)]
    assert (rising >= -0.011).all()
    assert np.nanmax(disk) < 99


def test_maintenance_ends_with_a_reboot(calm: FleetChunk) -> None:
    maintenance = STATES.index("maintenance")
    ended = 0
    uptime = calm.metrics[:, :, METRICS.index("uptime_days")]
    for server in range(len(calm.server_name)):
        during = calm.present[server] & (calm.state[server] == maintenance)
        for end in np.flatnonzero(during[:-1] & ~during[1:]):
            ended += 1
            after = uptime[server, end + 1 : end + 4]
            assert (after[np.isfinite(after)] == 0).all()
            assert calm.state[server, end + 2] == STATES.index("recovery")
    assert ended > 5
    silent = ~calm.present
    assert 0 < silent.sum() < 3 * ended


def test_uptime_grows_by_one_a_day(calm: FleetChunk) -> None:
    uptime = calm.metrics[:, :, METRICS.index("uptime_days")]
    change = uptime[:, STEPS_A_DAY:] - uptime[:, :-STEPS_A_DAY]
    assert np.nanmax(change) == 1
    assert (change[np.isfinite(change)] == 1).mean() > 0.9


def test_no_state_is_critical_without_failures(calm: FleetChunk) -> None:
    assert not (calm.state == STATES.index("critical_issue")).any()
