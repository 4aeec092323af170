"""The 14 metrics of the contract, in contract order, and the names the whole server indexes them by."""

from __future__ import annotations

from typing import Final

METRICS: Final[tuple[str, ...]] = (
    "cpu_user_pct",
    "cpu_sys_pct",
    "cpu_iowait_pct",
    "cpu_idle_pct",
    "java_cpu_pct",
    "mem_used_pct",
    "swap_used_pct",
    "disk_usage_pct",
    "net_in_mb_s",
    "net_out_mb_s",
    "back_close_wait",
    "front_close_wait",
    "load_average",
    "uptime_days",
)

METRIC_INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(METRICS)}

QUANTILES: Final[tuple[float, ...]] = (0.1, 0.5, 0.9)

P10: Final = 0
P50: Final = 1
P90: Final = 2
