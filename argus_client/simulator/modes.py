"""The failure modes as data: how long each takes, what it does to a server on the way, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from argus_client.simulator.inventory import Floats

MODES: Final[tuple[str, ...]] = (
    "memory_leak",
    "disk_fill",
    "cpu_runaway",
    "connection_leak",
    "io_saturation",
    "cascade",
    "dead_server",
)
"""Failure modes as they appear in labels."""

# Effects of a failure. Points or counts are added, `_fill` moves a value that part of the way to its full
# mark, `_less` takes that part of a value away.
CHANNELS: Final[tuple[str, ...]] = (
    "cpu_fill",
    "user_less",
    "sys_add",
    "iowait_add",
    "iowait_flicker",
    "java_add",
    "mem_fill",
    "disk_fill",
    "back_add",
    "front_add",
    "net_in_less",
    "net_out_less",
    "queue_add",
)
_CHANNEL: Final = {name: index for index, name in enumerate(CHANNELS)}


@dataclass(frozen=True, slots=True)
class FailureMode:
    """One way to fail.

    Attributes:
        label: name in labels; the three parts of a cascade share one.
        ramp_hours: shortest and longest time from onset to failure (log-uniform).
        hold_hours: shortest and longest time from failure to repair (log-uniform).
        shape: exponent range of the ramp; above 1 it starts slowly.
        early: effect at full severity, proportional to severity from the onset on.
        late: further effect that sets in over the last 15 % of severity: the symptoms of the failure itself.
        reboots: whether the repair is a reboot.
        silent: whether a failed server sends nothing.
    """

    label: str
    ramp_hours: tuple[float, float]
    hold_hours: tuple[float, float]
    shape: tuple[float, float]
    early: dict[str, float]
    late: dict[str, float]
    reboots: bool = False
    silent: bool = False


FAILURE_MODES: Final[dict[str, FailureMode]] = {
    "memory_leak": FailureMode(
        label="memory_leak",
        ramp_hours=(4, 30),
        hold_hours=(0.15, 0.7),
        shape=(0.9, 1.3),
        early={"mem_fill": 1.0},
        late={
            "cpu_fill": 0.35,
            "sys_add": 8,
            "java_add": 0.3,
            "front_add": 15,
            "net_out_less": 0.3,
            "queue_add": 0.6,
        },
        reboots=True,
    ),
    "disk_fill": FailureMode(
        label="disk_fill",
        ramp_hours=(8, 60),
        hold_hours=(0.4, 3),
        shape=(0.9, 1.5),
        early={"disk_fill": 1.0},
        late={"iowait_add": 25, "net_out_less": 0.5, "queue_add": 0.8},
    ),
    "cpu_runaway": FailureMode(
        label="cpu_runaway",
        ramp_hours=(1, 8),
        hold_hours=(0.3, 2),
        shape=(1.0, 2.0),
        early={"cpu_fill": 1.0, "java_add": 0.2, "queue_add": 0.4},
        late={"net_out_less": 0.2, "front_add": 15, "queue_add": 1.6},
    ),
    "connection_leak": FailureMode(
        label="connection_leak",
        ramp_hours=(2, 14),
        hold_hours=(0.3, 1.5),
        shape=(0.9, 1.5),
        early={"back_add": 400, "front_add": 20},
        late={"front_add": 150, "sys_add": 5, "net_out_less": 0.6, "queue_add": 0.5},
        reboots=True,
    ),
    "io_saturation": FailureMode(
        label="io_saturation",
        ramp_hours=(1, 8),
        hold_hours=(0.3, 2.5),
        shape=(1.0, 1.8),
        early={"iowait_add": 45, "queue_add": 0.6, "net_out_less": 0.2},
        late={"queue_add": 1.0, "net_out_less": 0.4, "net_in_less": 0.4},
    ),
    "cascade": FailureMode(
        label="cascade",
        ramp_hours=(1.2, 4),
        hold_hours=(0.5, 2),
        shape=(0.9, 1.4),
        early={"iowait_add": 38, "queue_add": 0.9, "back_add": 20},
        late={"cpu_fill": 0.5, "front_add": 25, "net_out_less": 0.5},
    ),
    "cascade_connections": FailureMode(
        label="cascade",
        ramp_hours=(1, 4),
        hold_hours=(0.5, 2),
        shape=(0.9, 1.4),
        early={"back_add": 90, "front_add": 45, "sys_add": 3, "queue_add": 0.5, "cpu_fill": 0.15},
        late={"front_add": 60, "net_out_less": 0.6, "queue_add": 0.8},
    ),
    "cascade_starvation": FailureMode(
        label="cascade",
        ramp_hours=(1, 4),
        hold_hours=(0.5, 2),
        shape=(0.9, 1.4),
        early={"user_less": 0.6, "net_in_less": 0.8, "back_add": 35, "queue_add": 0.2},
        late={"net_out_less": 0.6, "back_add": 40},
    ),
    "dead_server": FailureMode(
        label="dead_server",
        ramp_hours=(0.75, 5),
        hold_hours=(0.5, 8),
        shape=(0.8, 1.2),
        early={"iowait_add": 6, "iowait_flicker": 16, "sys_add": 5, "net_out_less": 0.15},
        late={"iowait_add": 12, "queue_add": 0.4},
        reboots=True,
        silent=True,
    ),
}

NAMES: Final = tuple(FAILURE_MODES)
"""Names of the failure modes by their index."""


def _table(part: str) -> Floats:
    table = np.zeros((len(NAMES), len(CHANNELS)))
    for row, mode in enumerate(FAILURE_MODES.values()):
        for channel, value in getattr(mode, part).items():
            table[row, _CHANNEL[channel]] = value
    return table


EARLY: Final = _table("early")
LATE: Final = _table("late")
# Counts and points scale with an event's magnitude; parts do not.
SCALES: Final = np.array([name.endswith(("_add", "_flicker")) for name in CHANNELS])
