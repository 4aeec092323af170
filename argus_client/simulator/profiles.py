"""The seven server profiles as data: what their servers measure, when they are busy, how they fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of server.

    Each `(mean, deviation)` pair is the spread of a baseline between servers of the profile, in the metric's
    unit.

    Attributes:
        name: profile name of the contract.
        name_format: printf format of a server name, given the server's number from 1.
        share: part of a fleet that has this profile; the shares sum to 1.
        cores: core counts a server may have.
        java_pct: CPU of java processes as a percentage of the machine.
        hourly: relative activity at each full hour of a workday; scaled to mean 1 before use.
        weekend: activity on a Saturday or Sunday relative to a workday.
        volatility: deviation of the logarithm of activity around its daily pattern.
        bursts_per_day: unscheduled jobs a day.
        job_user_pct, job_iowait_pct, job_net_factor: what the scheduled daily job adds (network is multiplied
            by one plus this).
        job_hours: the hours (first, last) among which the daily job starts.
        job_minutes: shortest and longest run of the daily job.
        morning_spike: probability that a workday starts with a morning spike.
        failure_weights: relative frequency of each failure mode on servers of this profile.
    """

    name: str
    name_format: str
    share: float
    cores: tuple[int, ...]
    user_pct: tuple[float, float]
    sys_pct: tuple[float, float]
    iowait_pct: tuple[float, float]
    java_pct: float
    mem_pct: tuple[float, float]
    swap_pct: tuple[float, float]
    disk_pct: tuple[float, float]
    net_in_mb_s: tuple[float, float]
    net_out_mb_s: tuple[float, float]
    back_close_wait: tuple[float, float]
    front_close_wait: tuple[float, float]
    hourly: tuple[float, ...]
    weekend: float
    volatility: float
    bursts_per_day: float
    job_user_pct: float
    job_iowait_pct: float
    job_net_factor: float
    job_hours: tuple[float, float]
    job_minutes: tuple[float, float]
    morning_spike: float
    failure_weights: dict[str, float]


_OFFICE = (
    *(0.50, 0.45, 0.42, 0.42, 0.45, 0.55, 0.72, 0.95, 1.25, 1.45, 1.50, 1.46),
    *(1.32, 1.38, 1.48, 1.48, 1.42, 1.30, 1.12, 0.98, 0.88, 0.78, 0.68, 0.58),
)
_NIGHT_BATCH = (
    *(1.25, 1.25, 1.22, 1.18, 1.10, 1.00, 0.90, 0.82, 0.80, 0.82, 0.85, 0.86),
    *(0.86, 0.86, 0.86, 0.88, 0.90, 0.95, 1.02, 1.10, 1.18, 1.22, 1.25, 1.26),
)
_STEADY = (
    *(0.82, 0.80, 0.78, 0.78, 0.80, 0.85, 0.92, 1.00, 1.08, 1.14, 1.18, 1.18),
    *(1.15, 1.16, 1.18, 1.17, 1.14, 1.10, 1.05, 1.00, 0.96, 0.92, 0.88, 0.85),
)
_MARKET_CLOSE = (
    *(0.60, 0.58, 0.56, 0.56, 0.60, 0.68, 0.80, 0.95, 1.08, 1.14, 1.15, 1.15),
    *(1.14, 1.16, 1.22, 1.34, 1.48, 1.52, 1.42, 1.22, 1.02, 0.86, 0.74, 0.66),
)

PROFILES: Final[tuple[Profile, ...]] = (
    Profile(
        name="generic",
        name_format="ppgen%03d",
        share=0.07,
        cores=(8, 8, 16),
        user_pct=(12, 4),
        sys_pct=(4, 1.2),
        iowait_pct=(1, 0.5),
        java_pct=8,
        mem_pct=(35, 8),
        swap_pct=(1, 0.6),
        disk_pct=(30, 8),
        net_in_mb_s=(15, 6),
        net_out_mb_s=(12, 5),
        back_close_wait=(2, 1),
        front_close_wait=(2, 1),
        hourly=_STEADY,
        weekend=0.85,
        volatility=0.22,
        bursts_per_day=1.5,
        job_user_pct=12,
        job_iowait_pct=3,
        job_net_factor=0.4,
        job_hours=(0, 6),
        job_minutes=(15, 40),
        morning_spike=0.1,
        failure_weights={
            "memory_leak": 2,
            "disk_fill": 3,
            "cpu_runaway": 2,
            "io_saturation": 1,
            "dead_server": 2,
        },
    ),
    Profile(
        name="ml_compute",
        name_format="ppml%04d",
        share=0.22,
        cores=(8, 16, 16),
        user_pct=(45, 9),
        sys_pct=(8, 2),
        iowait_pct=(2, 0.7),
        java_pct=36,
        mem_pct=(72, 7),
        swap_pct=(4, 1.5),
        disk_pct=(55, 8),
        net_in_mb_s=(8.5, 2.5),
        net_out_mb_s=(5.2, 1.6),
        back_close_wait=(2, 1),
        front_close_wait=(2, 1),
        hourly=_NIGHT_BATCH,
        weekend=0.92,
        volatility=0.18,
        bursts_per_day=2.5,
        job_user_pct=18,
        job_iowait_pct=2,
        job_net_factor=0.8,
        job_hours=(19, 24),
        job_minutes=(40, 120),
        morning_spike=0.1,
        failure_weights={
            "memory_leak": 4,
            "disk_fill": 2,
            "cpu_runaway": 2,
            "io_saturation": 1,
            "dead_server": 2,
        },
    ),
    Profile(
        name="database",
        name_format="ppdb%03d",
        share=0.17,
        cores=(8, 8, 16),
        user_pct=(25, 6),
        sys_pct=(10, 2.5),
        iowait_pct=(9, 2.5),
        java_pct=6,
        mem_pct=(70, 7),
        swap_pct=(3, 1.2),
        disk_pct=(66, 8),
        net_in_mb_s=(35, 10),
        net_out_mb_s=(28, 8),
        back_close_wait=(8, 2.5),
        front_close_wait=(6, 2),
        hourly=_OFFICE,
        weekend=0.70,
        volatility=0.16,
        bursts_per_day=2.0,
        job_user_pct=8,
        job_iowait_pct=10,
        job_net_factor=1.2,
        job_hours=(0, 5),
        job_minutes=(30, 90),
        morning_spike=0.5,
        failure_weights={
            "memory_leak": 2,
            "disk_fill": 3,
            "cpu_runaway": 1,
            "connection_leak": 2,
            "io_saturation": 4,
            "cascade": 3,
            "dead_server": 2,
        },
    ),
    Profile(
        name="web_api",
        name_format="ppweb%03d",
        share=0.28,
        cores=(8, 8, 16),
        user_pct=(18, 5),
        sys_pct=(5, 1.5),
        iowait_pct=(2, 0.8),
        java_pct=15,
        mem_pct=(45, 8),
        swap_pct=(2, 0.8),
        disk_pct=(35, 8),
        net_in_mb_s=(85, 20),
        net_out_mb_s=(120, 30),
        back_close_wait=(15, 4),
        front_close_wait=(12, 3.5),
        hourly=_OFFICE,
        weekend=0.65,
        volatility=0.20,
        bursts_per_day=2.0,
        job_user_pct=5,
        job_iowait_pct=3,
        job_net_factor=0.2,
        job_hours=(1, 5),
        job_minutes=(15, 40),
        morning_spike=0.7,
        failure_weights={
            "memory_leak": 4,
            "disk_fill": 1,
            "cpu_runaway": 3,
            "connection_leak": 4,
            "dead_server": 2,
        },
    ),
    Profile(
        name="conductor_mgmt",
        name_format="ppcon%02d",
        share=0.06,
        cores=(8, 16),
        user_pct=(15, 4),
        sys_pct=(6, 1.5),
        iowait_pct=(2, 0.7),
        java_pct=14,
        mem_pct=(42, 7),
        swap_pct=(2, 0.8),
        disk_pct=(40, 8),
        net_in_mb_s=(22, 6),
        net_out_mb_s=(18, 5),
        back_close_wait=(5, 2),
        front_close_wait=(4, 1.5),
        hourly=_OFFICE,
        weekend=0.75,
        volatility=0.18,
        bursts_per_day=1.5,
        job_user_pct=8,
        job_iowait_pct=2,
        job_net_factor=0.4,
        job_hours=(18, 24),
        job_minutes=(20, 60),
        morning_spike=0.5,
        failure_weights={
            "memory_leak": 3,
            "disk_fill": 2,
            "cpu_runaway": 2,
            "connection_leak": 3,
            "dead_server": 2,
        },
    ),
    Profile(
        name="data_ingest",
        name_format="ppetl%03d",
        share=0.11,
        cores=(8, 16),
        user_pct=(33, 7),
        sys_pct=(9, 2),
        iowait_pct=(6, 2),
        java_pct=32,
        mem_pct=(62, 8),
        swap_pct=(3, 1.2),
        disk_pct=(62, 9),
        net_in_mb_s=(150, 35),
        net_out_mb_s=(95, 25),
        back_close_wait=(10, 3),
        front_close_wait=(8, 2.5),
        hourly=_STEADY,
        weekend=0.90,
        volatility=0.22,
        bursts_per_day=3.0,
        job_user_pct=20,
        job_iowait_pct=7,
        job_net_factor=1.0,
        job_hours=(1, 7),
        job_minutes=(40, 120),
        morning_spike=0.2,
        failure_weights={
            "memory_leak": 3,
            "disk_fill": 4,
            "cpu_runaway": 2,
            "connection_leak": 1,
            "io_saturation": 3,
            "dead_server": 2,
        },
    ),
    Profile(
        name="risk_analytics",
        name_format="pprisk%03d",
        share=0.09,
        cores=(16, 16, 32),
        user_pct=(46, 8),
        sys_pct=(7, 1.8),
        iowait_pct=(2, 0.7),
        java_pct=40,
        mem_pct=(68, 7),
        swap_pct=(4, 1.5),
        disk_pct=(50, 8),
        net_in_mb_s=(12, 3.5),
        net_out_mb_s=(8, 2.5),
        back_close_wait=(3, 1),
        front_close_wait=(2, 1),
        hourly=_MARKET_CLOSE,
        weekend=0.45,
        volatility=0.16,
        bursts_per_day=2.0,
        job_user_pct=16,
        job_iowait_pct=2,
        job_net_factor=0.6,
        job_hours=(16, 19),
        job_minutes=(60, 150),
        morning_spike=0.4,
        failure_weights={
            "memory_leak": 4,
            "disk_fill": 2,
            "cpu_runaway": 4,
            "io_saturation": 1,
            "dead_server": 2,
        },
    ),
)

PROFILE_INDEX: Final[dict[str, int]] = {profile.name: index for index, profile in enumerate(PROFILES)}


def roster(servers: int) -> list[tuple[str, int]]:
    """Names and profile indices of a fleet, sorted by name.

    Counts follow the shares by largest remainder. A fleet of two or more has a database, because a cascade
    starts at one.

    Raises:
        ValueError: `servers` is below 1.
    """
    if servers < 1:
        raise ValueError(f"A fleet needs at least 1 server; got {servers}.")
    wanted = [profile.share * servers for profile in PROFILES]
    counts = [int(share) for share in wanted]
    by_remainder = sorted(range(len(PROFILES)), key=lambda i: counts[i] - wanted[i])
    for i in by_remainder[: servers - sum(counts)]:
        counts[i] += 1
    database = PROFILE_INDEX["database"]
    if servers > 1 and counts[database] == 0:
        counts[counts.index(max(counts))] -= 1
        counts[database] = 1
    members = [
        (profile.name_format % number, index)
        for index, profile in enumerate(PROFILES)
        for number in range(1, counts[index] + 1)
    ]
    return sorted(members)
