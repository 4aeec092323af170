"""`FleetSimulator`: one process behind back-fill, live samples and data sets."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from argus_client.samples import METRICS, Samples
from argus_client.simulator.failures import Failures
from argus_client.simulator.inventory import Inventory
from argus_client.simulator.labels import Label
from argus_client.simulator.look_alikes import LookAlikes
from argus_client.simulator.observation import Observation
from argus_client.simulator.scenario import SCENARIOS, ScenarioDirector, ScenarioStatus
from argus_client.simulator.workload import CRITICAL_ISSUE, Workload

# A longer pause is walked through in steps of at most this, so that states and failures keep their times.
_LONGEST_STEP_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class FleetChunk:
    """A run of equal steps of the whole fleet.

    Attributes:
        timestamp_ms: [steps] int64.
        server_name: [servers] object, sorted.
        metrics: [servers, steps, 14] float32; NaN where a server was silent.
        state: [servers, steps] int8, index into `samples.STATES`.
        present: [servers, steps] bool, False where a server was silent.
    """

    timestamp_ms: NDArray[np.int64]
    server_name: NDArray[np.object_]
    metrics: NDArray[np.float32]
    state: NDArray[np.int8]
    present: NDArray[np.bool_]

    def samples(self) -> Samples:
        """The rows that were sent, by time, then by server."""
        step, server = np.nonzero(self.present.T)
        return Samples(
            self.timestamp_ms[step],
            self.server_name[server],
            self.state[server, step],
            self.metrics[server, step],
        )


class FleetSimulator:
    """A fleet of simulated servers, deterministic by seed. Methods may be called from several threads.

    Args:
        servers: fleet size; profiles follow fixed shares.
        seed: same seed and same calls, same bytes.
        step_seconds: step of `generate` and of `backfill`.
        start_ms: time before the first step; None = set by the first `backfill` or `sample`.
        incidents_per_server_day: rate of failures that start by themselves; 0 = only scenarios fail.
        speed: how many times faster than real the ramps of scenarios run.
        look_alike_share: part of the servers that has each of the harmless patterns of `LookAlikes`.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        servers: int,
        seed: int = 0,
        *,
        step_seconds: int = 300,
        start_ms: int | None = None,
        incidents_per_server_day: float = 0.0,
        speed: float = 1.0,
        look_alike_share: float = 0.0,
    ) -> None:
        for name, value in (("step_seconds", step_seconds), ("speed", speed)):
            if not value > 0:
                raise ValueError(f"{name} must be above 0; got {value}.")
        if incidents_per_server_day < 0:
            raise ValueError(
                f"incidents_per_server_day must not be negative; got {incidents_per_server_day}."
            )
        if not 0 <= look_alike_share <= 1:
            raise ValueError(f"look_alike_share must lie between 0 and 1; got {look_alike_share}.")
        inventory, *self._rngs = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(5))
        self._inventory = Inventory.draw(servers, inventory)
        self._step_seconds = step_seconds
        self._incidents_per_server_day = incidents_per_server_day
        self._speed = speed
        self._look_alike_share = look_alike_share
        self._lock = threading.RLock()
        self._now_ms: int | None = None
        self._pending_scenario: str | None = None
        if start_ms is not None:
            self._begin(start_ms)

    @property
    def server_names(self) -> tuple[str, ...]:
        """Names of all servers, sorted."""
        return tuple(self._inventory.names)

    @property
    def labels(self) -> list[Label]:
        """Every failure planned so far; a failure time may lie ahead of the simulated time."""
        with self._lock:
            return self._failures.labels if self._now_ms is not None else []

    def generate(self, steps: int) -> FleetChunk:
        """The next `steps` steps of the fleet. Chunk sizes do not change what is generated.

        Raises:
            RuntimeError: the simulator has no start time yet.
        """
        with self._lock:
            if self._now_ms is None:
                raise RuntimeError("FleetSimulator needs start_ms before it can generate steps.")
            names = self._inventory.names
            metrics = np.empty((len(names), steps, len(METRICS)), np.float32)
            state = np.empty((len(names), steps), np.int8)
            present = np.empty((len(names), steps), bool)
            stamps = self._now_ms + 1000 * self._step_seconds * np.arange(1, steps + 1, dtype=np.int64)
            for step, now_ms in enumerate(stamps.tolist()):
                metrics[:, step], state[:, step], present[:, step] = self._advance(now_ms)
            metrics[~present] = np.nan
            return FleetChunk(stamps, names, metrics, state, present)

    def backfill(self, now_ms: int, hours: float = 24.0) -> Samples:
        """History up to `now_ms`, on the grid of `step_seconds`; `sample` then continues the same process.

        Raises:
            RuntimeError: the simulator has already started.
        """
        with self._lock:
            if self._now_ms is not None:
                raise RuntimeError("History can only be written before the first sample.")
            step_ms = 1000 * self._step_seconds
            last = now_ms // step_ms
            first = -(-(now_ms - round(hours * 3_600_000)) // step_ms)
            self._begin((first - 1) * step_ms)
            return self.generate(max(0, last - first + 1)).samples()

    def sample(self, now_ms: int) -> Samples:
        """One row of every server that is not silent, at any time later than the last.

        Raises:
            ValueError: `now_ms` is not later than the last sample.
        """
        with self._lock:
            if self._now_ms is None:
                self._begin(now_ms - 1000 * self._step_seconds)
            if self._now_ms is None or now_ms <= self._now_ms:
                raise ValueError(f"Time must move forward: got {now_ms} ms after {self._now_ms} ms.")
            if self._pending_scenario is not None:
                self._director.begin(self._pending_scenario, self._now_ms)
                self._pending_scenario = None
            pieces = max(1, int(np.ceil((now_ms - self._now_ms) / (1000 * _LONGEST_STEP_SECONDS))))
            for moment in np.linspace(self._now_ms, now_ms, pieces + 1)[1:-1]:
                self._advance(round(float(moment)))
            metrics, state, present = self._advance(now_ms)
            rows = np.flatnonzero(present)
            return Samples(
                np.full(len(rows), now_ms, np.int64),
                self._inventory.names[rows],
                state[rows],
                metrics[rows],
            )

    def set_scenario(self, name: str) -> ScenarioStatus:
        """Change the scenario from the present simulated moment on; before a start, from the first `sample`.

        Raises:
            ValueError: `name` is not one of `SCENARIOS`.
        """
        if name not in SCENARIOS:
            raise ValueError(f"Unknown scenario {name!r}; known are {', '.join(SCENARIOS)}.")
        with self._lock:
            if self._now_ms is None:
                self._pending_scenario = name
            else:
                self._pending_scenario = None
                self._director.begin(name, self._now_ms)
            return self.scenario_status()

    def scenario_status(self) -> ScenarioStatus:
        """The running scenario."""
        with self._lock:
            if self._pending_scenario is not None or self._now_ms is None:
                return ScenarioStatus(self._pending_scenario or SCENARIOS[0], 0, self._speed, (), 0.0)
            return self._director.status()

    def _begin(self, start_ms: int) -> None:
        noise, incidents, scenario, look_alikes = self._rngs
        self._workload = Workload(self._inventory, noise, start_ms)
        self._failures = Failures(self._inventory, incidents, start_ms, self._incidents_per_server_day)
        self._director = ScenarioDirector(
            self._inventory, self._failures, self._workload, scenario, self._speed
        )
        self._look_alikes = LookAlikes(self._inventory, look_alikes, start_ms, self._look_alike_share)
        self._observation = Observation(self._inventory)
        self._now_ms = start_ms

    def _advance(self, now_ms: int) -> tuple[NDArray[np.float32], NDArray[np.int8], NDArray[np.bool_]]:
        """One step: metrics [servers, 14], state [servers], present [servers]."""
        assert self._now_ms is not None
        seconds = (now_ms - self._now_ms) / 1000
        self._failures.advance(now_ms, seconds, self._workload)
        failed = self._failures.failed
        self._look_alikes.advance(now_ms, seconds, self._workload, failing=self._failures.busy)
        self._workload.advance(now_ms, seconds, failing=self._failures.busy, failed=failed)
        effects = self._look_alikes.added_to(self._failures.effects(), now_ms, self._workload)
        metrics = self._observation.measure(now_ms, seconds, self._workload, effects)
        state = np.where(failed, np.int8(CRITICAL_ISSUE), self._workload.state)
        self._now_ms = now_ms
        return metrics, state, now_ms >= self._workload.silent_until_ms
