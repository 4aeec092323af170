"""What never changes about each simulated server: size, habits, baselines, the database it depends on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from argus_client.simulator.profiles import PROFILE_INDEX, PROFILES, roster

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY_SECONDS = 86_400.0
HOUR_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Inventory:
    """Constants of every server; each array is [servers] unless stated.

    Attributes:
        upstream: index of the database a server depends on, -1 for databases and fleets without one.
        java_share: part of user + system CPU that java processes use.
        phase_seconds: how far this server's day is shifted from UTC.
        activity: [profiles, 25] workday activity at full hours, mean 1, the first hour repeated at the end.
        disk_growth_pct_day, disk_clean_at_pct, disk_clean_to_pct: the file system fills by itself and is
            cleaned at a limit: a saw-tooth that never fails.
        heap_period_ms, heap_pct: memory saw-tooth of garbage collection.
        incident_rate: this server's failures relative to the fleet's mean.
        spike_start_seconds: second of the local day at which a morning spike may begin.
    """

    names: NDArray[np.object_]
    profile: Ints
    upstream: Ints
    cores: Floats
    user_pct: Floats
    sys_pct: Floats
    iowait_pct: Floats
    java_share: Floats
    mem_pct: Floats
    swap_pct: Floats
    disk_pct: Floats
    disk_growth_pct_day: Floats
    disk_clean_at_pct: Floats
    disk_clean_to_pct: Floats
    heap_period_ms: Floats
    heap_pct: Floats
    net_in_mb_s: Floats
    net_out_mb_s: Floats
    back_close_wait: Floats
    front_close_wait: Floats
    volatility: Floats
    phase_seconds: Floats
    weekend: Floats
    bursts_per_second: Floats
    job_start_seconds: Floats
    job_length_seconds: Floats
    job_user_pct: Floats
    job_iowait_pct: Floats
    job_net_factor: Floats
    spike_probability: Floats
    spike_start_seconds: Floats
    incident_rate: Floats
    activity: Floats

    def __len__(self) -> int:
        return len(self.names)

    @staticmethod
    def draw(servers: int, rng: np.random.Generator) -> Inventory:
        """A fleet of `servers`, sorted by name."""
        members = roster(servers)
        profile = np.array([index for _, index in members])

        def of(attribute: str) -> Floats:
            values = np.array([float(getattr(p, attribute)) for p in PROFILES])
            return np.asarray(values[profile])

        def around(attribute: str, low: float, high: float) -> Floats:
            pairs = np.array([getattr(p, attribute) for p in PROFILES], dtype=float)
            mean, deviation = pairs[profile].T
            return np.asarray(np.clip(mean + deviation * rng.standard_normal(servers), low, high))

        def spread(attribute: str) -> Floats:
            """Positive and skewed to the right, with the stated mean and deviation."""
            pairs = np.array([getattr(p, attribute) for p in PROFILES], dtype=float)
            mean, deviation = pairs[profile].T
            sigma = np.sqrt(np.log1p((deviation / mean) ** 2))
            return np.asarray(mean * np.exp(sigma * rng.standard_normal(servers) - sigma**2 / 2))

        def within(attribute: str) -> Floats:
            pairs = np.array([getattr(p, attribute) for p in PROFILES], dtype=float)
            low, high = pairs[profile].T
            return np.asarray(low + (high - low) * rng.random(servers))

        user = around("user_pct", 3, 62)
        system = around("sys_pct", 1, 16)
        disk = around("disk_pct", 12, 74)
        # One server in four writes much and is cleaned often: the look-alike of a disk that fills up.
        busy_disk = rng.random(servers) < 0.25
        growth = np.where(busy_disk, 6.0, 0.5) * np.exp(0.6 * rng.standard_normal(servers))
        clean_at = disk + np.where(busy_disk, 12 + 10 * rng.random(servers), 3 + 5 * rng.random(servers))
        java = of("java_pct") / np.array([p.user_pct[0] + p.sys_pct[0] for p in PROFILES])[profile]
        hourly = np.array([p.hourly for p in PROFILES])
        hourly /= hourly.mean(axis=1, keepdims=True)
        return Inventory(
            names=np.array([name for name, _ in members], dtype=np.object_),
            profile=profile,
            upstream=_dependencies(profile, rng),
            cores=np.array([rng.choice(PROFILES[p].cores) for p in profile], dtype=float),
            user_pct=user,
            sys_pct=system,
            iowait_pct=spread("iowait_pct"),
            java_share=np.clip(java * (0.85 + 0.3 * rng.random(servers)), 0.02, 0.95),
            mem_pct=around("mem_pct", 12, 82),
            swap_pct=spread("swap_pct"),
            disk_pct=disk,
            disk_growth_pct_day=np.clip(growth, 0.05, 25),
            disk_clean_at_pct=clean_at,
            disk_clean_to_pct=disk,
            heap_period_ms=HOUR_SECONDS * 1000 * np.exp(rng.uniform(np.log(0.7), np.log(7.0), servers)),
            heap_pct=1 + 4 * rng.random(servers),
            net_in_mb_s=spread("net_in_mb_s"),
            net_out_mb_s=spread("net_out_mb_s"),
            back_close_wait=spread("back_close_wait"),
            front_close_wait=spread("front_close_wait"),
            volatility=of("volatility") * np.exp(0.3 * rng.standard_normal(servers)),
            phase_seconds=HOUR_SECONDS * 0.5 * rng.standard_normal(servers),
            weekend=np.clip(of("weekend") * (1 + 0.1 * rng.standard_normal(servers)), 0.2, 1.1),
            bursts_per_second=of("bursts_per_day") / DAY_SECONDS * np.exp(0.5 * rng.standard_normal(servers)),
            job_start_seconds=within("job_hours") * HOUR_SECONDS,
            job_length_seconds=within("job_minutes") * 60,
            job_user_pct=of("job_user_pct") * (0.5 + rng.random(servers)),
            job_iowait_pct=of("job_iowait_pct") * (0.5 + rng.random(servers)),
            job_net_factor=of("job_net_factor") * (0.5 + rng.random(servers)),
            spike_probability=of("morning_spike"),
            spike_start_seconds=HOUR_SECONDS * (7 + 2 * rng.random(servers)),
            incident_rate=np.exp(0.7 * rng.standard_normal(servers) - 0.245),
            activity=np.concatenate([hourly, hourly[:, :1]], axis=1),
        )


def _dependencies(profile: Ints, rng: np.random.Generator) -> Ints:
    """The database each server depends on, spread evenly over the databases; -1 = none."""
    databases = np.flatnonzero(profile == PROFILE_INDEX["database"])
    upstream = np.full(len(profile), -1)
    dependants = np.flatnonzero(profile != PROFILE_INDEX["database"])
    if len(databases):
        rng.shuffle(dependants)
        upstream[dependants] = databases[np.arange(len(dependants)) % len(databases)]
    return upstream
