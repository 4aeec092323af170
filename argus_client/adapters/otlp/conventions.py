"""Which metrics are host metrics, and what each says: OpenTelemetry's names, and those that agents bring along.

A metric that is not listed here is none of ours, and its data points are no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final


class Quantity(Enum):
    """What is measured, whatever the sender calls it. Values are per part (a core, a device) and state."""

    CPU_SECONDS = "cpu_seconds"
    CPU_SHARE = "cpu_share"
    MEMORY_BYTES = "memory_bytes"
    MEMORY_SHARE = "memory_share"
    SWAP_BYTES = "swap_bytes"
    SWAP_SHARE = "swap_share"
    DISK_BYTES = "disk_bytes"
    DISK_SHARE = "disk_share"
    NET_BYTES = "net_bytes"
    CONNECTIONS = "connections"
    LOAD = "load"
    UPTIME_SECONDS = "uptime_seconds"
    BOOT_TIME = "boot_time"


COUNTERS: Final = frozenset({Quantity.CPU_SECONDS, Quantity.NET_BYTES})
"""What only the difference of two values says anything about."""


@dataclass(frozen=True, slots=True)
class Convention:
    """How to read the data points of one metric.

    Attributes:
        quantity: What they measure.
        parts: Attributes that tell the parts apart, such as the core; of several spellings all may be listed.
        states: Attributes of the state; the first that is there is taken. Empty: the state is `state`.
        state: The state where no attribute says one.
        scale: What values are multiplied by.
    """

    quantity: Quantity
    parts: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    state: str = ""
    scale: float = 1.0


_CORE: Final = ("cpu", "cpu.logical_number", "system.cpu.logical_number")
_CPU_STATE: Final = ("state", "cpu.mode", "system.cpu.state", "mode")
_DEVICE: Final = ("device", "system.device", "network.interface.name", "system.network.interface")
_MEMORY_STATE: Final = ("state", "system.memory.state")
_SWAP_STATE: Final = ("state", "system.paging.state")
_DIRECTION: Final = ("direction", "network.io.direction", "system.network.direction")
_MOUNT: Final = ("mountpoint", "system.filesystem.mountpoint", "path")
_DISK_PART: Final = (*_MOUNT, "device", "system.device")

MOUNT_ATTRIBUTES: Final = _MOUNT
DEVICE_ATTRIBUTES: Final = (*_DEVICE, "interface")

_OPENTELEMETRY: Final[Mapping[str, Convention]] = {
    "system.cpu.time": Convention(Quantity.CPU_SECONDS, _CORE, _CPU_STATE),
    "system.cpu.utilization": Convention(Quantity.CPU_SHARE, _CORE, _CPU_STATE),
    "system.memory.usage": Convention(Quantity.MEMORY_BYTES, (), _MEMORY_STATE),
    "system.memory.limit": Convention(Quantity.MEMORY_BYTES, state="total"),
    "system.linux.memory.available": Convention(Quantity.MEMORY_BYTES, state="available"),
    "system.memory.utilization": Convention(Quantity.MEMORY_SHARE, (), _MEMORY_STATE),
    "system.paging.usage": Convention(Quantity.SWAP_BYTES, _DEVICE, _SWAP_STATE),
    "system.paging.utilization": Convention(Quantity.SWAP_SHARE, _DEVICE, _SWAP_STATE),
    "system.swap.usage": Convention(Quantity.SWAP_BYTES, _DEVICE, _SWAP_STATE),
    "system.swap.utilization": Convention(Quantity.SWAP_SHARE, _DEVICE, _SWAP_STATE),
    "system.filesystem.usage": Convention(
        Quantity.DISK_BYTES, _DISK_PART, ("state", "system.filesystem.state")
    ),
    "system.filesystem.utilization": Convention(
        Quantity.DISK_SHARE, _DISK_PART, ("state", "system.filesystem.state"), "used"
    ),
    "system.network.io": Convention(Quantity.NET_BYTES, _DEVICE, _DIRECTION),
    "system.network.connections": Convention(
        Quantity.CONNECTIONS, ("protocol", "type", "family"), ("state",)
    ),
    "system.network.connection.count": Convention(
        Quantity.CONNECTIONS,
        ("network.transport", "network.type"),
        ("network.connection.state", "system.network.state"),
    ),
    "system.cpu.load_average.1m": Convention(Quantity.LOAD),
    "system.linux.cpu.load_1m": Convention(Quantity.LOAD),
    "system.uptime": Convention(Quantity.UPTIME_SECONDS),
}

_NODE_EXPORTER: Final[Mapping[str, Convention]] = {
    "node_cpu_seconds_total": Convention(Quantity.CPU_SECONDS, _CORE, _CPU_STATE),
    "node_memory_MemTotal_bytes": Convention(Quantity.MEMORY_BYTES, state="total"),
    "node_memory_MemAvailable_bytes": Convention(Quantity.MEMORY_BYTES, state="available"),
    "node_memory_SwapTotal_bytes": Convention(Quantity.SWAP_BYTES, state="total"),
    "node_memory_SwapFree_bytes": Convention(Quantity.SWAP_BYTES, state="free"),
    "node_filesystem_size_bytes": Convention(Quantity.DISK_BYTES, _DISK_PART, state="size"),
    "node_filesystem_free_bytes": Convention(Quantity.DISK_BYTES, _DISK_PART, state="unused"),
    "node_filesystem_avail_bytes": Convention(Quantity.DISK_BYTES, _DISK_PART, state="free"),
    "node_network_receive_bytes_total": Convention(Quantity.NET_BYTES, _DEVICE, state="receive"),
    "node_network_transmit_bytes_total": Convention(Quantity.NET_BYTES, _DEVICE, state="transmit"),
    "node_tcp_connection_states": Convention(Quantity.CONNECTIONS, (), ("state",)),
    "node_load1": Convention(Quantity.LOAD),
    "node_boot_time_seconds": Convention(Quantity.BOOT_TIME),
}

_TELEGRAF: Final[Mapping[str, Convention]] = {
    f"cpu_usage_{state}": Convention(Quantity.CPU_SHARE, _CORE, state=state, scale=0.01)
    for state in ("user", "nice", "system", "irq", "softirq", "steal", "iowait", "idle")
} | {
    "mem_used_percent": Convention(Quantity.MEMORY_SHARE, state="used", scale=0.01),
    "mem_available": Convention(Quantity.MEMORY_BYTES, state="available"),
    "mem_total": Convention(Quantity.MEMORY_BYTES, state="total"),
    "swap_used_percent": Convention(Quantity.SWAP_SHARE, state="used", scale=0.01),
    "disk_used_percent": Convention(Quantity.DISK_SHARE, _DISK_PART, state="used", scale=0.01),
    "net_bytes_recv": Convention(Quantity.NET_BYTES, ("interface",), state="receive"),
    "net_bytes_sent": Convention(Quantity.NET_BYTES, ("interface",), state="transmit"),
    "netstat_tcp_close_wait": Convention(Quantity.CONNECTIONS, state="close_wait"),
    "system_load1": Convention(Quantity.LOAD),
    "system_uptime": Convention(Quantity.UPTIME_SECONDS),
}

CONVENTIONS: Final[Mapping[str, Convention]] = MappingProxyType(
    {**_OPENTELEMETRY, **_NODE_EXPORTER, **_TELEGRAF}
)
"""By name of the metric."""

CPU_COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(("user", "nice"), "cpu_user_pct")
    | dict.fromkeys(
        ("system", "kernel", "interrupt", "irq", "softirq", "soft_interrupt", "steal"), "cpu_sys_pct"
    )
    | dict.fromkeys(("wait", "iowait", "io_wait"), "cpu_iowait_pct")
    | {"idle": "cpu_idle_pct"}
)
"""Contract column by state of a processor."""
