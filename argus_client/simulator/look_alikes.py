"""What looks like the beginning of a failure and never becomes one: saw-teeth and cold starts.

Log rotation and retention jobs clean a disk long before it is full, garbage collection and worker recycling
give memory back, pools drop stale connections, and a server that has just booted is busy for minutes. Whoever
alarms on a slope alone alarms on these.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from argus_client.simulator.inventory import DAY_SECONDS, HOUR_SECONDS, Floats, Inventory
from argus_client.simulator.modes import CHANNELS
from argus_client.simulator.workload import Mask, Workload

_DISK, _MEMORY, _CONNECTIONS = range(3)

# Of each saw-tooth: shortest and longest hours of a cycle, lowest and highest peak. Peaks are above the usual
# warning levels at times and below the critical ones always.
_CYCLE_HOURS: Final = np.array([(5.0, 36.0), (2.0, 14.0), (2.0, 14.0)])
_PEAKS: Final = np.array([(78.0, 91.0), (82.0, 92.0), (90.0, 190.0)])
# Cycles of one server differ: deviation of the logarithm of their length.
_CYCLE_SIGMA: Final = 0.2

_DISK_FULL_PCT: Final = 99.6
_MEMORY_FULL_PCT: Final = 98.8

_RESTART_DAYS: Final = 2.5
_DOWN_SECONDS: Final = (30.0, 150.0)
_COLD_TAU_SECONDS: Final = (240.0, 720.0)
_COLD_CPU_FILL: Final = 0.55
_COLD_IOWAIT_PCT: Final = 9.0

_CHANNEL: Final = {name: index for index, name in enumerate(CHANNELS)}


class LookAlikes:
    """Harmless patterns of some of a fleet's servers.

    Args:
        inventory: the fleet.
        rng: for everything that is drawn.
        start_ms: time before the first step.
        share: part of the servers that has each of the patterns, drawn for each by itself.
    """

    def __init__(self, inventory: Inventory, rng: np.random.Generator, start_ms: int, share: float) -> None:
        servers = len(inventory)
        self._inventory = inventory
        self._rng = rng
        kinds = len(_CYCLE_HOURS)
        self._saws = rng.random((kinds, servers)) < share
        self._restarts = rng.random(servers) < share
        low, high = np.log(_CYCLE_HOURS).T[:, :, None]
        self._usual_seconds = HOUR_SECONDS * np.exp(low + (high - low) * rng.random((kinds, servers)))
        self._cycle_seconds = self._usual_seconds.copy()
        self._phase = rng.random((kinds, servers))
        lowest, highest = _PEAKS.T[:, :, None]
        self._peak = lowest + (highest - lowest) * rng.random((kinds, servers))
        shortest, longest = _COLD_TAU_SECONDS
        self._cold_tau_ms = 1000 * (shortest + (longest - shortest) * rng.random(servers))
        self._restart_ms = start_ms + self._until_restart_ms(servers)

    def advance(self, now_ms: int, seconds: float, workload: Workload, *, failing: Mask) -> None:
        """Move `seconds` on to `now_ms`: teeth grow and break off, servers restart.

        Args:
            failing: [servers] servers on their way to a failure, which a restart would cure; they wait.
        """
        self._phase += seconds / self._cycle_seconds
        broken = self._phase >= 1
        count = int(broken.sum())
        if count:
            self._phase[broken] = 0.0
            spread = np.exp(_CYCLE_SIGMA * self._rng.standard_normal(count))
            self._cycle_seconds[broken] = self._usual_seconds[broken] * spread
        due = self._restarts & ~failing & (now_ms >= self._restart_ms) & (now_ms >= workload.silent_until_ms)
        count = int(due.sum())
        if count:
            low, high = _DOWN_SECONDS
            workload.reboot(due, now_ms + 1000 * self._rng.uniform(low, high, count))
            self._restart_ms[due] = now_ms + self._until_restart_ms(count)

    def added_to(self, effects: Floats, now_ms: int, workload: Workload) -> Floats:
        """Effects of failures and look-alikes together, [channels, servers].

        Args:
            effects: [channels, servers] of `Failures.effects`.
        """
        result = effects.copy()
        height = np.where(self._saws, self._phase, 0.0)
        disk, memory = workload.disk_pct, self._inventory.mem_pct
        self._fill(result, "disk_fill", height[_DISK] * _part(disk, self._peak[_DISK], _DISK_FULL_PCT))
        self._fill(result, "mem_fill", height[_MEMORY] * _part(memory, self._peak[_MEMORY], _MEMORY_FULL_PCT))
        result[_CHANNEL["back_add"]] += height[_CONNECTIONS] * self._peak[_CONNECTIONS]
        up_ms = np.maximum(now_ms - workload.boot_ms, 0)
        cold = np.where(self._restarts, np.exp(-up_ms / self._cold_tau_ms), 0.0)
        self._fill(result, "cpu_fill", _COLD_CPU_FILL * cold)
        result[_CHANNEL["iowait_add"]] += _COLD_IOWAIT_PCT * cold
        return result

    @staticmethod
    def _fill(effects: Floats, channel: str, part: Floats) -> None:
        """Fill that part of what the failures have left."""
        row = _CHANNEL[channel]
        effects[row] = 1 - (1 - effects[row]) * (1 - part)

    def _until_restart_ms(self, count: int) -> Floats:
        return 1000 * DAY_SECONDS * self._rng.uniform(0.3, 1.7, count) * _RESTART_DAYS


def _part(base: Floats, peak: Floats, full: float) -> Floats:
    """Part of the way from `base` to `full` at which `peak` lies."""
    return np.clip((peak - base) / (full - base), 0.0, 1.0)
