"""This machine's own metrics, read with psutil: no configuration, no agent."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from argus_client.adapters.source import Stop, ticks, wall_ms
from argus_client.extras import require
from argus_client.samples import METRICS, Samples

# File systems that are full by nature or do not belong to this machine's disks.
_NOT_DISKS: Final = frozenset({"squashfs", "iso9660", "udf", "overlay", "tmpfs", "devtmpfs", "autofs"})
# Interfaces whose traffic is counted again on the interface that carries it.
_STACKED_INTERFACES: Final = (
    "veth",
    "docker",
    "br-",
    "virbr",
    "cni",
    "flannel",
    "cali",
    "bond",
    "tun",
    "tap",
    "ifb",
)
_MEGABYTE: Final = 1_000_000
_NAN: Final = math.nan


class HostSampler:
    """Samples of the machine this runs on.

    Rates (CPU, network) compare two samples, so the first one has NaN there. What the platform does not
    report, or does not let this user see, is NaN as well; a metric is never 0 for want of a measurement.

    Args:
        name: server name; default is the host's name.
        now_ms, monotonic: clocks; others than the defaults are for tests.

    Raises:
        MissingExtraError: psutil is not installed.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        now_ms: Callable[[], int] = wall_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._psutil = require("psutil", "adapters")
        self.name = name or socket.gethostname()
        self._now_ms = now_ms
        self._monotonic = monotonic
        self._cpu_before: dict[str, float] | None = None
        self._java_before: tuple[float, dict[tuple[int, float], float]] | None = None
        self._net_before: tuple[float, dict[str, tuple[int, int]]] | None = None

    def sample(self) -> Samples:
        """One row: the present state, and rates since the previous call."""
        back, front = self._measured(self._close_wait, 2)
        row = [
            *self._measured(self._cpu, 4),
            *self._measured(self._java, 1),
            *self._measured(self._memory, 1),
            *self._measured(self._swap, 1),
            *self._measured(self._disk, 1),
            *self._measured(self._net, 2),
            back,
            front,
            *self._measured(self._load, 1),
            *self._measured(self._uptime, 1),
        ]
        return Samples(
            np.array([self._now_ms()], np.int64),
            np.array([self.name], np.object_),
            np.zeros(1, np.int8),
            np.array(row, np.float32).reshape(1, len(METRICS)),
        )

    def _measured(self, measure: Callable[[], tuple[float, ...]], values: int) -> tuple[float, ...]:
        """What `measure` returns; NaN where this machine or this user's rights do not allow it."""
        try:
            return measure()
        except (self._psutil.Error, OSError, NotImplementedError):
            return (_NAN,) * values

    def _cpu(self) -> tuple[float, ...]:
        """User (with nice), system (with interrupts and stolen time), I/O wait and idle; they sum to 100.

        Platforms that know no I/O wait have NaN there, and the other three sum to 100.
        """
        now = self._psutil.cpu_times()._asdict()
        before, self._cpu_before = self._cpu_before, now
        if before is None:
            return (_NAN,) * 4
        # Guest time is part of user time already. Counters may step back a little; that is no negative time.
        spent = {
            part: max(seconds - before[part], 0.0)
            for part, seconds in now.items()
            if part not in ("guest", "guest_nice")
        }
        total = sum(spent.values())
        if total <= 0:
            return (_NAN,) * 4
        idle = 100 * spent.pop("idle") / total
        user = 100 * (spent.pop("user") + spent.pop("nice", 0.0)) / total
        iowait = 100 * spent.pop("iowait") / total if "iowait" in spent else _NAN
        system = 100 * sum(spent.values()) / total
        return user, system, iowait, idle

    def _java(self) -> tuple[float, ...]:
        """CPU of all java processes as a percentage of the whole machine; 0 when none runs."""
        psutil = self._psutil
        now: dict[tuple[int, float], float] = {}
        hidden = False
        for process in psutil.process_iter(["name"]):
            if (process.info["name"] or "").lower() not in ("java", "java.exe", "javaw.exe"):
                continue
            try:
                times = process.cpu_times()
                now[(process.pid, process.create_time())] = times.user + times.system
            except psutil.NoSuchProcess:
                continue
            except psutil.AccessDenied:
                hidden = True
        moment = self._monotonic()
        before, self._java_before = self._java_before, (moment, now)
        if before is None or hidden or moment <= before[0]:
            return (_NAN,)
        # A process that was not there before has used all its time since then.
        used = sum(max(seconds - before[1].get(process, 0.0), 0.0) for process, seconds in now.items())
        cores = psutil.cpu_count() or 1
        return (min(100 * used / (moment - before[0]) / cores, 100.0),)

    def _memory(self) -> tuple[float, ...]:
        """Memory that is not available to a new process."""
        memory = self._psutil.virtual_memory()
        return (100 * (memory.total - memory.available) / memory.total,)

    def _swap(self) -> tuple[float, ...]:
        """Swap in use; 0 on a machine without swap."""
        swap = self._psutil.swap_memory()
        return (100 * swap.used / swap.total if swap.total else 0.0,)

    def _disk(self) -> tuple[float, ...]:
        """Fill of the fullest writable local file system: a full /var stops a server as a full root does.

        As in df: used of what an unprivileged user can have.
        """
        fills: list[float] = []
        for partition in self._psutil.disk_partitions(all=False):
            if partition.fstype in _NOT_DISKS or "ro" in partition.opts.split(","):
                continue
            try:
                fills.append(self._psutil.disk_usage(partition.mountpoint).percent)
            except OSError:
                continue
        return (max(fills) if fills else self._psutil.disk_usage("/").percent,)

    def _net(self) -> tuple[float, ...]:
        """Megabytes (10^6 bytes) a second received and sent on all interfaces that reach outside."""
        counters = self._psutil.net_io_counters(pernic=True)
        stats = self._psutil.net_if_stats()
        now = {
            name: (counter.bytes_recv, counter.bytes_sent)
            for name, counter in counters.items()
            if not _is_inner(name, stats.get(name))
        }
        moment = self._monotonic()
        before, self._net_before = self._net_before, (moment, now)
        if before is None or moment <= before[0]:
            return _NAN, _NAN
        known = now.keys() & before[1].keys()
        per_second = 1 / (moment - before[0]) / _MEGABYTE
        return (
            per_second * sum(max(now[name][0] - before[1][name][0], 0) for name in known),
            per_second * sum(max(now[name][1] - before[1][name][1], 0) for name in known),
        )

    def _close_wait(self) -> tuple[float, ...]:
        """Sockets in CLOSE_WAIT: to services this machine dials, and on ports it listens on."""
        connections = self._psutil.net_connections(kind="tcp")
        listening = {c.laddr.port for c in connections if c.status == self._psutil.CONN_LISTEN and c.laddr}
        waiting = [c.laddr.port for c in connections if c.status == self._psutil.CONN_CLOSE_WAIT and c.laddr]
        front = sum(port in listening for port in waiting)
        return float(len(waiting) - front), float(front)

    def _load(self) -> tuple[float, ...]:
        return (float(self._psutil.getloadavg()[0]),)

    def _uptime(self) -> tuple[float, ...]:
        """Whole days since boot."""
        return (float(max(self._now_ms() / 1000 - self._psutil.boot_time(), 0.0) // 86_400),)


def _is_inner(name: str, stats: Any) -> bool:
    """Whether an interface never leaves the machine, or only carries what another one carries too."""
    loopback = name == "lo" or "loopback" in getattr(stats, "flags", "") or name.startswith("Loopback")
    return loopback or name.startswith(_STACKED_INTERFACES) or "." in name


class HostSource:
    """One row of this machine each `interval_seconds`.

    Raises:
        MissingExtraError: psutil is not installed.
    """

    def __init__(self, name: str | None = None, *, interval_seconds: float = 5.0) -> None:
        self._sampler = HostSampler(name)
        self._interval_seconds = interval_seconds

    @property
    def name(self) -> str:
        """`host:` and the server name."""
        return f"host:{self._sampler.name}"

    def batches(self, stop: Stop) -> Iterator[Samples]:
        """Rows until `stop` is set; the first has no rates yet."""
        for _ in ticks(self._interval_seconds, stop):
            yield self._sampler.sample()
