"""Scenarios: what a demonstration does to the fleet on request, and for as long as it is asked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from argus_client.simulator.failures import Failures
from argus_client.simulator.inventory import HOUR_SECONDS, Ints, Inventory
from argus_client.simulator.profiles import PROFILE_INDEX
from argus_client.simulator.workload import Workload

SCENARIOS: Final[tuple[str, ...]] = ("healthy", "degrading", "critical", "cascade")
"""Scenario names: `healthy` calls off the others' failures."""

_DEGRADING_SHARE: Final = 0.20
_DEGRADING_RAMP_SECONDS: Final = 0.5 * HOUR_SECONDS
_DEGRADING_PEAK: Final = 0.75
_DEGRADING_MODES: Final = ("memory_leak", "cpu_runaway", "io_saturation", "connection_leak")
_CRITICAL_SHARE: Final = 0.25
_CRITICAL_RAMP_SECONDS: Final = HOUR_SECONDS / 6
_CRITICAL_SHAPE: Final = 0.5  # concave: most of the way at once, then the escalation
_CRITICAL_MODES: Final = ("memory_leak", "cpu_runaway", "io_saturation", "dead_server")
_CASCADE_SOURCES_SHARE: Final = 0.25
_CASCADE_DEPENDANTS_SHARE: Final = 0.8
_CASCADE_RAMP_SECONDS: Final = 0.5 * HOUR_SECONDS
_CASCADE_LAG_SECONDS: Final = (0.1 * HOUR_SECONDS, 0.3 * HOUR_SECONDS)


@dataclass(frozen=True, slots=True)
class ScenarioStatus:
    """The running scenario.

    Attributes:
        name: one of `SCENARIOS`.
        since_ms: simulated time at which it began; 0 before the first sample.
        speed: how many times faster than real its ramps run.
        affected: names of the servers it has touched, sorted.
        progress: 0-1, mean severity of the affected servers relative to where the scenario takes them.
    """

    name: str
    since_ms: int
    speed: float
    affected: tuple[str, ...]
    progress: float


class ScenarioDirector:
    """Turns a scenario's name into failures of chosen servers, `speed` times faster than real."""

    def __init__(
        self,
        inventory: Inventory,
        failures: Failures,
        workload: Workload,
        rng: np.random.Generator,
        speed: float,
    ) -> None:
        self._inventory = inventory
        self._failures = failures
        self._workload = workload
        self._rng = rng
        self._name = "healthy"
        self._since_ms = 0
        self._speed = speed
        self._affected: Ints = np.empty(0, np.int64)

    def begin(self, name: str, now_ms: int) -> None:
        """Change to scenario `name`.

        Going from `degrading` to `critical`, the degraded servers get worse from where they are.
        """
        worsening = name == "critical" and self._name == "degrading"
        previous = self._affected
        if not worsening:
            self._failures.release(previous, now_ms, self._workload, speed=self._speed)
        self._name, self._since_ms = name, now_ms
        if name == "degrading":
            self._affected = self._choose(_DEGRADING_SHARE, ())
            self._degrade(now_ms)
        elif name == "critical":
            self._affected = self._choose(_CRITICAL_SHARE, previous if worsening else ())
            self._fail(now_ms)
        elif name == "cascade":
            self._affected = self._cascade(now_ms)
        else:
            self._affected = np.empty(0, np.int64)

    def status(self) -> ScenarioStatus:
        """The running scenario and how far it has come."""
        peak = _DEGRADING_PEAK if self._name == "degrading" else 1.0
        severity = self._failures.severity[self._affected]
        return ScenarioStatus(
            name=self._name,
            since_ms=self._since_ms,
            speed=self._speed,
            affected=tuple(sorted(self._inventory.names[self._affected])),
            progress=float(np.clip(severity / peak, 0, 1).mean()) if len(severity) else 1.0,
        )

    def _choose(self, share: float, keep: Ints | tuple[()]) -> Ints:
        """`share` of the fleet at random, at least one, `keep` among them; none that fails by itself."""
        count = max(1, round(share * len(self._inventory)), len(keep))
        free = np.setdiff1d(np.flatnonzero(self._failures.idle), keep)
        more = self._rng.permutation(free)[: count - len(keep)]
        return np.sort(np.concatenate([np.asarray(keep, np.int64), more]))

    def _degrade(self, now_ms: int) -> None:
        for rank, server in enumerate(self._affected):
            self._failures.start(
                int(server),
                _DEGRADING_MODES[rank % len(_DEGRADING_MODES)],
                now_ms,
                _DEGRADING_RAMP_SECONDS / self._speed,
                scenario=self._name,
                peak=_DEGRADING_PEAK,
            )

    def _fail(self, now_ms: int) -> None:
        for rank, server in enumerate(self._affected):
            self._failures.start(
                int(server),
                self._failures.mode_of(int(server)) or _CRITICAL_MODES[rank % len(_CRITICAL_MODES)],
                now_ms,
                _CRITICAL_RAMP_SECONDS / self._speed,
                scenario=self._name,
                shape=_CRITICAL_SHAPE,
            )

    def _cascade(self, now_ms: int) -> Ints:
        free = self._failures.idle
        databases = np.flatnonzero((self._inventory.profile == PROFILE_INDEX["database"]) & free)
        count = max(1, round(_CASCADE_SOURCES_SHARE * len(databases)))
        sources = np.sort(self._rng.permutation(databases)[:count])
        affected = [sources]
        low, high = _CASCADE_LAG_SECONDS
        for source in sources:
            dependants = np.flatnonzero((self._inventory.upstream == source) & free)
            taken = self._rng.permutation(dependants)[: round(_CASCADE_DEPENDANTS_SHARE * len(dependants))]
            affected.append(np.sort(taken))
            self._failures.cascade(
                int(source),
                np.sort(taken),
                now_ms,
                ramp_seconds=_CASCADE_RAMP_SECONDS / self._speed,
                lag_seconds=(low / self._speed, high / self._speed),
                scenario=self._name,
            )
        return np.concatenate(affected)
