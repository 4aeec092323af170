"""What a fleet is asked to do: daily and weekly rhythm, noise, jobs, states that dwell minutes to hours."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus_client.samples import STATES
from argus_client.simulator.inventory import DAY_SECONDS, HOUR_SECONDS, Floats, Ints, Inventory

Mask = NDArray[np.bool_]

CRITICAL_ISSUE: Final = STATES.index("critical_issue")
HEALTHY: Final = STATES.index("healthy")
HEAVY_LOAD: Final = STATES.index("heavy_load")
IDLE: Final = STATES.index("idle")
MAINTENANCE: Final = STATES.index("maintenance")
MORNING_SPIKE: Final = STATES.index("morning_spike")
RECOVERY: Final = STATES.index("recovery")

# Noise channels: an Ornstein-Uhlenbeck process each, so that any cadence samples the same process.
SLOW, FAST, USER, SYS, IOWAIT, NET_IN, NET_OUT, BACK, FRONT, MEMORY, DAILY = range(11)
_TAU_SECONDS: Final = np.array(
    [3000.0, 100.0, 900.0, 900.0, 600.0, 900.0, 900.0, 1200.0, 1200.0, 40_000.0, 170_000.0]
)

# Dwell time in a state: median seconds and deviation of the logarithm.
_DWELL_MEDIAN_SECONDS: Final = np.zeros(len(STATES))
_DWELL_SIGMA: Final = np.full(len(STATES), 0.5)
for _state, _minutes, _sigma in (
    (HEALTHY, 240, 0.6),
    (HEAVY_LOAD, 75, 0.5),
    (IDLE, 120, 0.5),
    (MAINTENANCE, 45, 0.3),
    (MORNING_SPIKE, 90, 0.3),
    (RECOVERY, 30, 0.4),
):
    _DWELL_MEDIAN_SECONDS[_state] = _minutes * 60
    _DWELL_SIGMA[_state] = _sigma

# Where a server goes when its stay ends: cumulative odds of (healthy, heavy_load, idle).
_NEXT_STATE: Final = np.array([HEALTHY, HEAVY_LOAD, IDLE])
_ODDS_OFFICE_HOURS: Final = np.cumsum([0.62, 0.32, 0.06])
_ODDS_OTHER_HOURS: Final = np.cumsum([0.66, 0.10, 0.24])

# Activity of a state: [states, (CPU, I/O wait, network and connections)].
_STATE_FACTOR: Final = np.ones((len(STATES), 3))
_STATE_FACTOR[HEAVY_LOAD] = (1.28, 1.30, 1.40)
_STATE_FACTOR[IDLE] = (0.45, 0.40, 0.35)
_STATE_FACTOR[MAINTENANCE] = (0.30, 0.80, 0.15)
_STATE_FACTOR[MORNING_SPIKE] = (1.22, 1.30, 1.45)
_STATE_FACTOR[RECOVERY] = (0.80, 1.15, 0.75)
_STATE_SETTLE_SECONDS: Final = 360.0

_JOB_SETTLE_SECONDS: Final = 150.0
_BURST_TAU_SECONDS: Final = 700.0
_REBOOT_SECONDS: Final = (120.0, 420.0)


class Workload:
    """Latent activity of every server; `advance` moves it to a later time.

    Attributes, all [servers] unless stated:
        noise: [channels, servers] unit-variance processes.
        factor: [3, servers] present state factors (CPU, I/O wait, network), settled over minutes.
        job, burst: how much of the scheduled job and of unscheduled jobs is running, in jobs.
        rhythm: activity due to hour and weekday, mean about 1.
        disk_pct: file system fill without failures.
        boot_ms, silent_until_ms: last boot, and the time before which a server sends nothing.
    """

    def __init__(self, inventory: Inventory, rng: np.random.Generator, start_ms: int) -> None:
        servers = len(inventory)
        self._inventory = inventory
        self._rng = rng
        self._steps: dict[float, tuple[Floats, Floats]] = {}
        self.noise = rng.standard_normal((len(_TAU_SECONDS), servers))
        self.state = np.full(servers, HEALTHY, np.int8)
        self._state_until_ms = start_ms + rng.random(servers) * 4 * HOUR_SECONDS * 1000
        self.factor = np.ones((3, servers))
        self.job = np.zeros(servers)
        self.burst = np.zeros(servers)
        self.rhythm = np.ones(servers)
        fill = rng.random(servers)
        self.disk_pct = inventory.disk_clean_to_pct + fill * (
            inventory.disk_clean_at_pct - inventory.disk_clean_to_pct
        )
        self.boot_ms = start_ms - DAY_SECONDS * 1000 * (0.2 + 45 * rng.random(servers))
        self.silent_until_ms = np.zeros(servers)
        self._maintenance_ms = self._night_ms(np.full(servers, start_ms), 1 + rng.random(servers) * 30)
        self._set_rhythm(start_ms)

    def advance(self, now_ms: int, seconds: float, *, failing: Mask, failed: Mask) -> None:
        """Move `seconds` on to `now_ms`.

        Args:
            failing: [servers] servers on their way to a failure; maintenance, which would cure it, waits.
            failed: [servers] servers that have failed; their state stays as it is.
        """
        decay, scale = self._noise_step(seconds)
        self.noise *= decay
        self.noise += scale * self._rng.standard_normal(self.noise.shape)
        self._advance_jobs(now_ms, seconds)
        self._set_rhythm(now_ms)
        self._advance_states(now_ms, seconds, failing=failing, failed=failed)
        target = _STATE_FACTOR[self.state].T
        self.factor += (target - self.factor) * (1 - np.exp(-seconds / _STATE_SETTLE_SECONDS))
        self._advance_disk(seconds)

    def reboot(self, servers: Ints | Mask, up_ms: Floats | float) -> None:
        """Servers go silent until `up_ms`, and start again then: uptime 0, cold caches, state recovery."""
        self.silent_until_ms[servers] = up_ms
        self.boot_ms[servers] = up_ms
        self.recover(servers, up_ms)

    def recover(self, servers: Ints | Mask, from_ms: Floats | float) -> None:
        """Servers are in state recovery from now until a dwell time after `from_ms`."""
        self._enter(servers, np.full(len(self.state), RECOVERY)[servers], from_ms)

    def in_service(self, server: int, now_ms: int) -> bool:
        """Whether a server is up and not in maintenance."""
        return bool(now_ms >= self.silent_until_ms[server] and self.state[server] != MAINTENANCE)

    def clean_disk(self, server: int) -> None:
        """Someone deletes files: the file system is back at its low mark."""
        self.disk_pct[server] = self._inventory.disk_clean_to_pct[server]

    def fast_noise_scale(self, seconds: float) -> float:
        """Deviation of the fast process once averaged over a sample of `seconds`.

        A sample is a mean over its interval: short bursts average out of long ones. For an Ornstein-Uhlenbeck
        process of time constant tau the variance of a mean over T is 2 tau/T (1 - tau/T (1 - exp(-T/tau))).
        """
        ratio = _TAU_SECONDS[FAST] / seconds
        return float(np.sqrt(2 * ratio * (1 - ratio * (1 - np.exp(-1 / ratio)))))

    def _noise_step(self, seconds: float) -> tuple[Floats, Floats]:
        if seconds not in self._steps:
            decay = np.exp(-seconds / _TAU_SECONDS)[:, None]
            self._steps = {seconds: (decay, np.sqrt(1 - decay**2))}
        return self._steps[seconds]

    def _local_seconds(self, now_ms: int) -> Floats:
        return now_ms / 1000 - self._inventory.phase_seconds

    def _set_rhythm(self, now_ms: int) -> None:
        local = self._local_seconds(now_ms)
        hour = np.mod(local, DAY_SECONDS) / HOUR_SECONDS
        whole = hour.astype(np.int64)
        part = hour - whole
        curve = self._inventory.activity
        profile = self._inventory.profile
        self.rhythm = curve[profile, whole] * (1 - part) + curve[profile, whole + 1] * part
        # Day 0 of the Unix epoch was a Thursday; the weekend fades in and out over an hour at midnight.
        weekday = np.mod(local / DAY_SECONDS + 3, 7)
        weekend = np.clip((weekday - 5) * 24, 0, 1) - np.clip((weekday - (7 - 1 / 24)) * 24, 0, 1)
        self.rhythm *= 1 + weekend * (self._inventory.weekend - 1)

    def _advance_jobs(self, now_ms: int, seconds: float) -> None:
        inventory = self._inventory
        since_start = np.mod(self._local_seconds(now_ms) - inventory.job_start_seconds, DAY_SECONDS)
        running = since_start < inventory.job_length_seconds
        self.job += (running - self.job) * (1 - np.exp(-seconds / _JOB_SETTLE_SECONDS))
        self.burst *= np.exp(-seconds / _BURST_TAU_SECONDS)
        starts = self._rng.random(len(inventory)) < inventory.bursts_per_second * seconds
        starting = np.flatnonzero(starts)
        self.burst[starting] += self._rng.exponential(1.0, len(starting))

    def _advance_disk(self, seconds: float) -> None:
        inventory = self._inventory
        pace = np.exp(0.5 * self.noise[DAILY])
        self.disk_pct += inventory.disk_growth_pct_day * pace * (seconds / DAY_SECONDS)
        full = self.disk_pct >= inventory.disk_clean_at_pct
        self.disk_pct[full] = inventory.disk_clean_to_pct[full]

    def _advance_states(self, now_ms: int, seconds: float, *, failing: Mask, failed: Mask) -> None:
        inventory = self._inventory
        local = self._local_seconds(now_ms)
        second_of_day = np.mod(local, DAY_SECONDS)
        workday = np.mod(local // DAY_SECONDS + 3, 7) < 5
        free = ~failed & (now_ms >= self.silent_until_ms)

        over = free & (now_ms >= self._state_until_ms)
        serviced = over & (self.state == MAINTENANCE)
        if serviced.any():
            low, high = _REBOOT_SECONDS
            up_ms = now_ms + 1000 * self._rng.uniform(low, high, int(serviced.sum()))
            self.reboot(serviced, up_ms)
            over &= ~serviced
        if over.any():
            office = (workday & (second_of_day > 9 * HOUR_SECONDS) & (second_of_day < 18 * HOUR_SECONDS))[
                over
            ]
            draw = self._rng.random(int(over.sum()))
            column = np.where(
                office, np.searchsorted(_ODDS_OFFICE_HOURS, draw), np.searchsorted(_ODDS_OTHER_HOURS, draw)
            )
            self._enter(over, _NEXT_STATE[np.minimum(column, 2)], float(now_ms))

        since_spike = second_of_day - inventory.spike_start_seconds
        spike = free & workday & (since_spike >= 0) & (since_spike < seconds)
        spike &= (self.state == HEALTHY) | (self.state == IDLE) | (self.state == HEAVY_LOAD)
        if spike.any():
            spike &= self._rng.random(len(spike)) < inventory.spike_probability
            self._enter(spike, np.full(int(spike.sum()), MORNING_SPIKE), float(now_ms))

        due = free & ~failing & (now_ms >= self._maintenance_ms) & (self.state != RECOVERY)
        if due.any():
            self._enter(due, np.full(int(due.sum()), MAINTENANCE), float(now_ms))
            days = 21 + 14 * self._rng.random(int(due.sum()))
            self._maintenance_ms[due] = self._night_ms(np.full(int(due.sum()), now_ms), days)

    def _enter(self, servers: Ints | Mask, state: NDArray[np.integer], from_ms: Floats | float) -> None:
        dwell = _DWELL_MEDIAN_SECONDS[state] * np.exp(
            _DWELL_SIGMA[state] * self._rng.standard_normal(len(state))
        )
        self.state[servers] = state
        self._state_until_ms[servers] = from_ms + np.clip(dwell, 600, 24 * HOUR_SECONDS) * 1000

    def _night_ms(self, now_ms: Ints, days: Floats) -> Floats:
        """A time between one and four in the morning, about `days` later."""
        day = np.floor(now_ms / 1000 / DAY_SECONDS + days)
        return np.asarray(1000 * (day * DAY_SECONDS + HOUR_SECONDS * (1 + 3 * self._rng.random(len(days)))))
