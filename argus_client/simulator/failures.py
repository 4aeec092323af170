"""The failures of a fleet as they run: onset, ramp, failure, repair, all of it labelled."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus_client.simulator.inventory import DAY_SECONDS, HOUR_SECONDS, Floats, Ints, Inventory
from argus_client.simulator.labels import Label
from argus_client.simulator.modes import CHANNELS, EARLY, FAILURE_MODES, LATE, NAMES, SCALES
from argus_client.simulator.profiles import PROFILES
from argus_client.simulator.workload import Mask, Workload

_LATE_FROM: Final = 0.85
_SUDDEN_DEATHS: Final = 0.3
_REMEDIED: Final = 0.15
_REBOOT_SECONDS: Final = (120.0, 600.0)
_FADE_SECONDS: Final = 240.0
_HELD: Final = np.inf


class Failures:
    """The present failure of every server, at most one each, and the labels of all so far.

    Attributes:
        mode: [servers] index into the failure modes, -1 = none.
        severity: [servers] 0 = no effect, 1 = failed.
        failed: [servers] past the moment of failure and not yet repaired.
    """

    def __init__(
        self, inventory: Inventory, rng: np.random.Generator, start_ms: int, per_server_day: float
    ) -> None:
        servers = len(inventory)
        self._inventory = inventory
        self._rng = rng
        self._per_ms = per_server_day / (DAY_SECONDS * 1000) * inventory.incident_rate
        self.mode = np.full(servers, -1)
        self.failed = np.zeros(servers, bool)
        self._releasing = np.zeros(servers, bool)
        self.severity = np.zeros(servers)
        self._from = np.zeros(servers)
        self._peak = np.ones(servers)
        self._shape = np.ones(servers)
        self._magnitude = np.ones(servers)
        self._onset_ms = np.full(servers, np.inf)
        self._failure_ms = np.full(servers, np.inf)
        self._end_ms = np.full(servers, np.inf)
        self._fade_seconds = np.full(servers, _FADE_SECONDS)
        self._label: list[int] = [-1] * servers
        self._labels: list[Label | None] = []
        self._next_ms = np.full(servers, np.inf)
        for server in np.flatnonzero(self._per_ms > 0):
            self._next_ms[server] = start_ms + rng.exponential(1 / self._per_ms[server])

    @property
    def busy(self) -> Mask:
        """[servers] servers with a failure, from its planning to the end of its aftermath."""
        return self.mode >= 0

    @property
    def idle(self) -> Mask:
        """[servers] servers without a failure, or with one that is fading."""
        return (self.mode < 0) | self._releasing

    def mode_of(self, server: int) -> str | None:
        """Mode of a server's present failure, None without one."""
        return NAMES[self.mode[server]] if self.mode[server] >= 0 and not self._releasing[server] else None

    @property
    def labels(self) -> list[Label]:
        """All failures so far, in order of planning; a failure called off before its onset is none."""
        return [label for label in self._labels if label is not None]

    def advance(self, now_ms: int, seconds: float, workload: Workload) -> None:
        """Start background failures that are due, ramp, fail, repair and release the running ones."""
        for server in np.flatnonzero(self._next_ms <= now_ms).tolist():
            self._next_ms[server] = now_ms + self._rng.exponential(1 / self._per_ms[server])
            if self.mode[server] < 0 and workload.in_service(server, now_ms):
                self._start_background(server, now_ms)
        active = np.flatnonzero(self.mode >= 0)
        if not len(active):
            return
        self._fail_and_repair(active, now_ms, workload)
        active = active[self.mode[active] >= 0]
        ramp = np.maximum(self._failure_ms[active] - self._onset_ms[active], 1.0)
        progress = np.clip((now_ms - self._onset_ms[active]) / ramp, 0, 1) ** self._shape[active]
        climbing = self._from[active] + (self._peak[active] - self._from[active]) * progress
        fading = self.severity[active] * np.exp(-seconds / self._fade_seconds[active])
        releasing = self._releasing[active]
        self.severity[active] = np.where(releasing, fading, climbing)
        self._clear(active[releasing & (fading < 0.01)])

    def effects(self) -> Floats:
        """[channels, servers] present effect of failures in each of `CHANNELS`."""
        effect = np.zeros((len(CHANNELS), len(self.mode)))
        active = np.flatnonzero(self.severity > 0)
        if len(active):
            severity = self.severity[active, None]
            late = np.clip((severity - _LATE_FROM) / (1 - _LATE_FROM), 0, 1)
            mode = self.mode[active]
            value = EARLY[mode] * severity + LATE[mode] * late
            value *= np.where(SCALES, self._magnitude[active, None], 1.0)
            effect[:, active] = value.T
        return effect

    def start(
        self,
        server: int,
        mode: str,
        onset_ms: float,
        ramp_seconds: float,
        *,
        scenario: str,
        peak: float = 1.0,
        shape: float = 1.0,
        hold_seconds: float = _HELD,
        remedied_at: float | None = None,
        upstream: int | None = None,
    ) -> None:
        """Begin a failure of `server`, or worsen the one it has from its present severity.

        Args:
            onset_ms: first affected moment; may lie ahead.
            ramp_seconds: from onset to `peak`; 0 = fails without warning.
            peak: severity that is reached; below 1 the server degrades and does not fail.
            hold_seconds: from failure to repair; infinite = until released.
            remedied_at: part of the ramp after which someone repairs it, before it fails.
        """
        failure_ms = onset_ms + ramp_seconds * 1000
        end_ms = failure_ms + hold_seconds * 1000
        fails = peak >= 1 and remedied_at is None
        if remedied_at is not None:
            end_ms = onset_ms + ramp_seconds * 1000 * remedied_at
        self._close_label(server, onset_ms)
        self.mode[server] = NAMES.index(mode)
        self.failed[server] = False
        self._releasing[server] = False
        self._from[server] = self.severity[server]
        self._peak[server] = peak
        self._shape[server] = shape
        self._magnitude[server] = np.exp(0.2 * self._rng.standard_normal())
        self._onset_ms[server] = onset_ms
        self._failure_ms[server] = failure_ms
        self._end_ms[server] = end_ms
        names = self._inventory.names
        self._label[server] = len(self._labels)
        self._labels.append(
            Label(
                server_name=names[server],
                mode=FAILURE_MODES[mode].label,
                onset_ms=round(onset_ms),
                failure_ms=round(failure_ms) if fails else None,
                end_ms=round(end_ms) if np.isfinite(end_ms) else None,
                scenario=scenario,
                upstream_server=None if upstream is None else names[upstream],
            )
        )

    def cascade(
        self,
        source: int,
        dependants: Ints,
        now_ms: int,
        *,
        ramp_seconds: float,
        lag_seconds: tuple[float, float],
        scenario: str,
        hold_seconds: float = _HELD,
    ) -> None:
        """A database fails, and its dependants follow: each later in onset and in failure than its source."""
        self.start(source, "cascade", now_ms, ramp_seconds, scenario=scenario, hold_seconds=hold_seconds)
        for server in dependants:
            profile = PROFILES[self._inventory.profile[server]].name
            starves = profile in ("ml_compute", "data_ingest", "risk_analytics")
            lag = self._rng.uniform(*lag_seconds)
            self.start(
                int(server),
                "cascade_starvation" if starves else "cascade_connections",
                now_ms + lag * 1000,
                ramp_seconds,
                scenario=scenario,
                hold_seconds=hold_seconds,
                upstream=source,
            )

    def release(self, servers: Ints, now_ms: int, workload: Workload, *, speed: float) -> None:
        """End failures now; their effects fade within minutes. One that has not failed by now never does.

        Args:
            speed: how many times faster than usual they fade.
        """
        for server in servers:
            self._close_label(int(server), now_ms)
            if self.failed[server] and FAILURE_MODES[NAMES[self.mode[server]]].silent:
                workload.reboot(np.array([server]), float(now_ms))
            elif self.failed[server]:
                workload.recover(np.array([server]), float(now_ms))
        self._releasing[servers] = True
        self._fade_seconds[servers] = _FADE_SECONDS / speed
        self.failed[servers] = False
        self._end_ms[servers] = np.inf

    def _start_background(self, server: int, now_ms: int) -> None:
        rng = self._rng
        weights = PROFILES[self._inventory.profile[server]].failure_weights
        odds = np.array(list(weights.values()), float)
        name = list(weights)[int(rng.choice(len(odds), p=odds / odds.sum()))]
        mode = FAILURE_MODES[name]
        ramp = HOUR_SECONDS * np.exp(rng.uniform(*np.log(mode.ramp_hours)))
        hold = HOUR_SECONDS * np.exp(rng.uniform(*np.log(mode.hold_hours)))
        if name == "cascade":
            dependants = np.flatnonzero((self._inventory.upstream == server) & (self.mode < 0))
            dependants = dependants[rng.random(len(dependants)) < 0.7]
            self.cascade(
                server,
                dependants,
                now_ms,
                ramp_seconds=ramp,
                lag_seconds=(600, 2400),
                scenario="background",
                hold_seconds=hold,
            )
            return
        if mode.silent and rng.random() < _SUDDEN_DEATHS:
            ramp = 0.0
        remedied = rng.random() < _REMEDIED and not mode.silent
        self.start(
            server,
            name,
            now_ms,
            ramp,
            scenario="background",
            shape=rng.uniform(*mode.shape),
            hold_seconds=hold,
            remedied_at=rng.uniform(0.3, 0.8) if remedied else None,
        )

    def _fail_and_repair(self, active: Ints, now_ms: int, workload: Workload) -> None:
        running = active[~self._releasing[active]]
        ended = running[now_ms >= self._end_ms[running]]
        reached = running[(now_ms >= self._failure_ms[running]) & ~self.failed[running]]
        for server in reached[(self._peak[reached] >= 1) & (self._end_ms[reached] > now_ms)]:
            self.failed[server] = True
            if FAILURE_MODES[NAMES[self.mode[server]]].silent:
                workload.silent_until_ms[server] = self._end_ms[server]
        for server in ended:
            mode = NAMES[self.mode[server]]
            had_failed = bool(self._end_ms[server] > self._failure_ms[server])
            if mode == "disk_fill":
                workload.clean_disk(server)
            if FAILURE_MODES[mode].reboots and had_failed:
                low, high = _REBOOT_SECONDS
                down = 0.0 if FAILURE_MODES[mode].silent else 1000 * self._rng.uniform(low, high)
                workload.reboot(np.array([server]), now_ms + down)
                self._clear(np.array([server]))
            else:
                if had_failed:
                    workload.recover(np.array([server]), float(now_ms))
                self._releasing[server] = True
                self._fade_seconds[server] = _FADE_SECONDS
                self.failed[server] = False

    def _clear(self, servers: NDArray[np.integer]) -> None:
        self.mode[servers] = -1
        self.failed[servers] = False
        self._releasing[servers] = False
        self.severity[servers] = 0.0
        for server in servers:
            self._label[server] = -1

    def _close_label(self, server: int, now_ms: float) -> None:
        """A running failure ends at `now_ms`: its label says so, without a failure if there was none yet."""
        index = self._label[server]
        if index < 0 or self._releasing[server]:
            return
        label = self._labels[index]
        if label is None:
            return
        if label.onset_ms > now_ms:
            self._labels[index] = None
            return
        failed = label.failure_ms is not None and label.failure_ms <= now_ms
        self._labels[index] = replace(
            label, failure_ms=label.failure_ms if failed else None, end_ms=round(now_ms)
        )
