"""From latent activity and failure effects to the 14 metrics a monitoring agent would read."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus_client.samples import METRICS
from argus_client.simulator import workload as channel
from argus_client.simulator.inventory import DAY_SECONDS, HOUR_SECONDS, Floats, Inventory
from argus_client.simulator.modes import CHANNELS
from argus_client.simulator.workload import Workload

_LOAD_TAU_SECONDS: Final = 60.0
_SWAP_TAU_SECONDS: Final = 900.0
_MEMORY_FULL_PCT: Final = 98.8
_DISK_FULL_PCT: Final = 99.6
# Demand a runaway process adds up to; above 100 because it queues.
_CPU_DEMAND_PCT: Final = 106.0
# Above the knee a machine gives ever less of what is asked, and never all of itself.
_CPU_KNEE_PCT: Final = 90.0
_CPU_HEADROOM_PCT: Final = 9.6
# Decimals of each metric: 2 for percentages and load, 3 for MB/s, whole connections and days.
_PRECISION: Final = np.array([100.0] * 8 + [1000.0] * 2 + [1.0] * 2 + [100.0, 1.0])


class Observation:
    """Metrics of every server; keeps what lags behind its cause (load average, swap)."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._load = np.full(len(inventory), np.nan)
        self._swap = inventory.swap_pct.copy()

    def measure(
        self, now_ms: int, seconds: float, workload: Workload, effects: Floats
    ) -> NDArray[np.float32]:
        """Metrics over the `seconds` that end at `now_ms`.

        Args:
            effects: [channels, servers] of `Failures.effects`.

        Returns:
            [servers, 14] float32 in contract order. The four parts of the CPU sum to 100.
        """
        inventory = self._inventory
        effect = dict(zip(CHANNELS, effects, strict=True))
        noise = workload.noise
        fast = noise[channel.FAST] * workload.fast_noise_scale(seconds)
        wander = inventory.volatility * (0.8 * noise[channel.SLOW] + 0.6 * fast) + 0.1 * noise[channel.DAILY]
        activity = workload.rhythm * np.exp(wander)

        user, system, iowait, overflow = self._cpu(activity, fast, workload, effect)
        java = np.minimum(inventory.java_share + effect["java_add"], 0.97) * (user + system)
        memory = self._memory(now_ms, workload, effect["mem_fill"])
        swap = self._swap_used(memory, seconds)
        disk = workload.disk_pct + effect["disk_fill"] * (_DISK_FULL_PCT - workload.disk_pct)
        traffic = activity * workload.factor[2]
        jobs = 1 + inventory.job_net_factor * workload.job + 0.3 * workload.burst
        net_in = inventory.net_in_mb_s * traffic * jobs * np.exp(0.15 * noise[channel.NET_IN])
        net_out = inventory.net_out_mb_s * traffic * jobs * np.exp(0.15 * noise[channel.NET_OUT])
        back = inventory.back_close_wait * traffic * np.exp(0.2 * noise[channel.BACK]) + effect["back_add"]
        front = (
            inventory.front_close_wait * traffic * np.exp(0.2 * noise[channel.FRONT]) + effect["front_add"]
        )
        running = (user + system) / 100 + 0.8 * iowait / 100 + 3 * overflow / 100 + effect["queue_add"]
        load = self._load_average(inventory.cores * running, seconds)
        uptime = np.floor(np.maximum(now_ms - workload.boot_ms, 0) / (DAY_SECONDS * 1000))

        metrics = np.empty((len(inventory), len(METRICS)))
        for column, values in enumerate(
            (
                *(user, system, iowait, 0.0, java, memory, swap, disk),
                *(net_in * (1 - effect["net_in_less"]), net_out * (1 - effect["net_out_less"])),
                *(back, front, load, uptime),
            )
        ):
            metrics[:, column] = values
        metrics = np.rint(metrics * _PRECISION) / _PRECISION
        metrics[:, 3] = 100.0 - metrics[:, :3].sum(axis=1)
        return np.asarray(metrics, np.float32)

    def _cpu(
        self, activity: Floats, fast: Floats, workload: Workload, effect: dict[str, Floats]
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """User, system and I/O wait in percent, and the demand that found no room."""
        inventory = self._inventory
        noise = workload.noise
        compute = workload.factor[0]
        user = inventory.user_pct * activity * compute * np.exp(0.08 * noise[channel.USER])
        user += inventory.job_user_pct * workload.job + 0.25 * inventory.user_pct * workload.burst
        user *= 1 - effect["user_less"]
        system = inventory.sys_pct * activity**0.8 * compute * np.exp(0.10 * noise[channel.SYS])
        system += effect["sys_add"]
        iowait = (
            inventory.iowait_pct * activity**0.7 * workload.factor[1] * np.exp(0.25 * noise[channel.IOWAIT])
        )
        iowait += inventory.job_iowait_pct * workload.job + 0.5 * workload.burst + effect["iowait_add"]
        iowait += effect["iowait_flicker"] * np.maximum(fast, 0)
        user += effect["cpu_fill"] * np.maximum(_CPU_DEMAND_PCT - user - system - iowait, 0)
        demand = user + system + iowait
        squeezed = _CPU_KNEE_PCT + _CPU_HEADROOM_PCT * (
            1 - np.exp(-np.maximum(demand - _CPU_KNEE_PCT, 0) / _CPU_HEADROOM_PCT)
        )
        busy = np.minimum(demand, squeezed)
        share = busy / demand
        return user * share, system * share, iowait * share, demand - busy

    def _memory(self, now_ms: int, workload: Workload, fill: Floats) -> Floats:
        inventory = self._inventory
        heap = inventory.heap_pct * np.mod(now_ms / inventory.heap_period_ms, 1)
        warm = 1 - 0.3 * np.exp(-np.maximum(now_ms - workload.boot_ms, 0) / (1.5 * HOUR_SECONDS * 1000))
        memory = np.clip(inventory.mem_pct * warm + heap + 1.5 * workload.noise[channel.MEMORY], 3, 90)
        return np.asarray(memory + fill * (_MEMORY_FULL_PCT - memory))

    def _swap_used(self, memory: Floats, seconds: float) -> Floats:
        """Swap grows once memory is short, and drains slowly."""
        target = np.minimum(self._inventory.swap_pct + 1.2 * np.maximum(memory - 88, 0) ** 1.4, 95)
        self._swap += (target - self._swap) * (1 - np.exp(-seconds / _SWAP_TAU_SECONDS))
        return self._swap

    def _load_average(self, running: Floats, seconds: float) -> Floats:
        """The exponentially damped one-minute average of runnable and blocked tasks."""
        self._load = np.where(np.isnan(self._load), running, self._load)
        self._load += (running - self._load) * (1 - np.exp(-seconds / _LOAD_TAU_SECONDS))
        return self._load
