"""The simulated fleet as a source: a day of history at once, then live samples."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from argus_client.adapters.source import Stop, in_batches, ticks, wall_ms
from argus_client.samples import Samples
from argus_client.simulator.fleet import FleetSimulator


class SimulateSource:
    """Back-fill, then one row of every server each `interval_seconds`.

    Args:
        fleet: the simulator; change its scenario from any thread.
        interval_seconds: cadence of live samples.
        backfill_hours: history that is sent first; 0 = none.
        batch_rows: rows of a batch at most.
        now_ms, monotonic: clocks; others than the defaults are for tests.
    """

    def __init__(
        self,
        fleet: FleetSimulator,
        *,
        interval_seconds: float = 5.0,
        backfill_hours: float = 24.0,
        batch_rows: int = 1000,
        now_ms: Callable[[], int] = wall_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fleet = fleet
        self._interval_seconds = interval_seconds
        self._backfill_hours = backfill_hours
        self._batch_rows = batch_rows
        self._now_ms = now_ms
        self._monotonic = monotonic

    @property
    def name(self) -> str:
        """`simulate`."""
        return "simulate"

    def batches(self, stop: Stop) -> Iterator[Samples]:
        """History in batches, then live ticks until `stop` is set."""
        last_ms = self._now_ms()
        for batch in in_batches(self.fleet.backfill(last_ms, self._backfill_hours), self._batch_rows):
            if stop.is_set():
                return
            yield batch
        for _ in ticks(self._interval_seconds, stop, monotonic=self._monotonic):
            now_ms = self._now_ms()
            if now_ms > last_ms:  # a clock that was set back has no new moment to sample
                last_ms = now_ms
                yield from in_batches(self.fleet.sample(now_ms), self._batch_rows)
