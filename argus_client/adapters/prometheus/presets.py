"""PromQL for contract columns, by exporter.

Every query gives one series per server, and no series rather than a zero where an exporter has no answer. Ratios of
counters divide by the sum over all modes, not by elapsed time, so that they stay percentages when scrapes are late.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Final

# Interfaces whose traffic never leaves the machine, or is counted again on the interface that carries it.
_INNER_LINUX: Final = (
    r"lo|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*|bond.*|tun.*|tap.*|ifb.*|.*[.].*"
)
_INNER_WINDOWS: Final = r"(?i)isatap.*|teredo.*|.*loopback.*|vethernet.*"


def _linux_cpu(modes: str) -> str:
    all_modes = "sum by ($by) (rate(node_cpu_seconds_total{$match}[$window]))"
    some = f'sum by ($by) (rate(node_cpu_seconds_total{{$match mode=~"{modes}"}}[$window]))'
    return f"100 * {some} / {all_modes}"


def _windows_cpu(mode: str) -> str:
    # Windows counts interrupts and deferred calls in privileged time as well: they are no modes of their own.
    whole = 'sum by ($by) (rate(windows_cpu_time_total{$match mode=~"user|privileged|idle"}[$window]))'
    part = f'sum by ($by) (rate(windows_cpu_time_total{{$match mode="{mode}"}}[$window]))'
    return f"100 * {part} / {whole}"


def _linux_net(direction: str) -> str:
    series = f'node_network_{direction}_bytes_total{{$match device!~"{_INNER_LINUX}"}}'
    return f"sum by ($by) (rate({series}[$window])) / 1e6"


def _windows_net(direction: str) -> str:
    series = f'windows_net_bytes_{direction}_total{{$match nic!~"{_INNER_WINDOWS}"}}'
    return f"sum by ($by) (rate({series}[$window])) / 1e6"


def _used(free: str, total: str) -> str:
    """Percent in use; 0 where there is none to be used, as on a machine without swap."""
    return f"100 * (1 - {free} / ({total} > 0)) or 0 * {total}"


_ROOT: Final = '{$match mountpoint="/"}'

_NODE_EXPORTER: Final[Mapping[str, str]] = {
    "cpu_user_pct": _linux_cpu("user|nice"),
    "cpu_sys_pct": _linux_cpu("system|irq|softirq|steal"),
    "cpu_iowait_pct": _linux_cpu("iowait"),
    "cpu_idle_pct": _linux_cpu("idle"),
    "mem_used_pct": "max by ($by) (100 * (1 - node_memory_MemAvailable_bytes{$match}"
    " / node_memory_MemTotal_bytes{$match}))",
    "swap_used_pct": _used(
        "max by ($by) (node_memory_SwapFree_bytes{$match})",
        "max by ($by) (node_memory_SwapTotal_bytes{$match})",
    ),
    # As in df: of what an unprivileged user can have. Blocks reserved for root are neither used nor to be had.
    "disk_usage_pct": f"max by ($by) (100 * (1 - node_filesystem_avail_bytes{_ROOT}"
    f" / (node_filesystem_size_bytes{_ROOT} - node_filesystem_free_bytes{_ROOT}"
    f" + node_filesystem_avail_bytes{_ROOT})))",
    "net_in_mb_s": _linux_net("receive"),
    "net_out_mb_s": _linux_net("transmit"),
    # The exporter knows all connections of the machine in this state, not which end they belong to.
    "back_close_wait": 'max by ($by) (node_tcp_connection_states{$match state="close_wait"})',
    "load_average": "max by ($by) (node_load1{$match})",
    "uptime_days": "floor((time() - max by ($by) (node_boot_time_seconds{$match})) / 86400)",
}

_LOGICAL_PROCESSORS: Final = (
    "(max by ($by) (windows_cpu_logical_processor{$match})"
    " or max by ($by) (windows_cs_logical_processors{$match}))"
)
_PHYSICAL_MEMORY: Final = (
    "(max by ($by) (windows_memory_physical_total_bytes{$match})"
    " or max by ($by) (windows_cs_physical_memory_bytes{$match}))"
)

# Names of today, and before `or` failing them those of windows_exporter 0.2x.
_WINDOWS_EXPORTER: Final[Mapping[str, str]] = {
    "cpu_user_pct": _windows_cpu("user"),
    "cpu_sys_pct": _windows_cpu("privileged"),
    "cpu_idle_pct": _windows_cpu("idle"),
    "java_cpu_pct": "100 * sum by ($by) (rate(windows_process_cpu_time_total"
    '{$match process=~"(?i)javaw?(#[0-9]+)?([.]exe)?", mode=~"user|privileged"}[$window]))'
    f" / {_LOGICAL_PROCESSORS}",
    "mem_used_pct": "100 * (1 - max by ($by) (windows_memory_available_bytes{$match})"
    f" / {_PHYSICAL_MEMORY})",
    "swap_used_pct": _used(
        "(sum by ($by) (windows_pagefile_free_bytes{$match})"
        " or max by ($by) (windows_os_paging_free_bytes{$match}))",
        "(sum by ($by) (windows_pagefile_limit_bytes{$match})"
        " or max by ($by) (windows_os_paging_limit_bytes{$match}))",
    ),
    "disk_usage_pct": 'max by ($by) (100 * (1 - windows_logical_disk_free_bytes{$match volume="C:"}'
    ' / windows_logical_disk_size_bytes{$match volume="C:"}))',
    "net_in_mb_s": _windows_net("received"),
    "net_out_mb_s": _windows_net("sent"),
    "back_close_wait": 'sum by ($by) (windows_tcp_connections_state_count{$match state="CLOSE_WAIT"})',
    "uptime_days": "floor((time() - (max by ($by) (windows_system_boot_time_timestamp{$match})"
    " or max by ($by) (windows_system_boot_time_timestamp_seconds{$match})"
    " or max by ($by) (windows_system_system_up_time{$match}))) / 86400)",
}

_PRESETS: Final[Mapping[str, Mapping[str, str]]] = {
    "node_exporter": _NODE_EXPORTER,
    "windows_exporter": _WINDOWS_EXPORTER,
    "none": {},
}

PRESETS: Final[tuple[str, ...]] = tuple(_PRESETS)
"""Names for `preset`; `none` has no queries."""


def preset_queries(name: str, *, label: str, match: str, window_seconds: int) -> dict[str, str]:
    """The queries of a preset by contract column.

    Args:
        name: One of `PRESETS`.
        label: The label that names the server.
        match: Matchers that every selector of the preset gets, such as `job="node"`; empty for none.
        window_seconds: How far rates look back.
    """
    values = {"by": label, "match": f"{match}," if match else "", "window": f"{window_seconds}s"}
    return {column: Template(query).substitute(values) for column, query in _PRESETS[name].items()}
