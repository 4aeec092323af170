"""A shard owns window, forecast and risk of a set of servers, and hands over one frame per tick."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.forecast.calibration import BandCalibration
from argus_server.forecast.frame import Forecast, Source
from argus_server.frame import FleetFrame
from argus_server.model_control import ModelControl
from argus_server.outlook import Outlooks
from argus_server.risk.scoring import RiskInputs, score
from argus_server.risk.states import settle_states
from argus_server.risk.tables import RiskTables
from argus_server.window.fleet_window import FleetWindow

# A server that has sent nothing for this many steps has stopped sending.
SILENT_STEPS: Final = 3
# Event time runs with whoever is ahead, and recordings of a fleet rarely end in the same minute.
SILENT_STEPS_IN_EVENT_TIME: Final = 12


class Shard:
    """Window, forecast and risk of a set of servers.

    `tick` runs on the inference thread while the event loop writes to the window.

    Args:
        window: Recent past of the servers.
        models: Gives the forecaster in use.
        tables: Risk tables.
        cores: CPU cores by server name, where known.
        retention_seconds: Servers silent for longer are forgotten.
        silent_steps: A server that has sent nothing for more steps than this has stopped sending.
        calibration: Fits the bands to each server; a fresh one if not given.
        settled: The time to forget by, given what the clock says; the same if not given.
    """

    def __init__(
        self,
        window: FleetWindow,
        models: ModelControl,
        tables: RiskTables,
        cores: Mapping[str, int],
        retention_seconds: float,
        silent_steps: int = SILENT_STEPS,
        calibration: BandCalibration | None = None,
        settled: Callable[[int], int] = int,
    ) -> None:
        self.window = window
        self._models = models
        self._tables = tables
        self._cores = dict(cores)
        self.calibration = calibration or BandCalibration()
        self._outlooks = Outlooks(tables)
        self._retention_ms = int(1000 * retention_seconds)
        self._silence_ms = silent_steps * 1000 * window.step_seconds
        self._settled = settled

    def standing(self, now_ms: int) -> tuple[frozenset[str], bool]:
        """Names of the servers that have stopped sending, and whether any is to be forgotten."""
        table = self.window.servers()
        away_ms = now_ms - table.last_sample_ms
        silent = frozenset(table.names[row] for row in np.flatnonzero(away_ms > self._silence_ms).tolist())
        forgotten = self._settled(now_ms) - table.last_sample_ms > self._retention_ms
        return silent, bool(forgotten.any())

    def past(self, names: Sequence[str], origin_ms: int, steps: int) -> npt.NDArray[np.float32]:
        """Step means of some servers up to an origin; see `FleetWindow.past`. May be called from any thread."""
        return self.window.past(names, origin_ms, steps)

    def tick(self, now_ms: int) -> FleetFrame:
        """Forgets the long silent, forecasts the rest and scores them.

        Args:
            now_ms: The clock to go by, Unix milliseconds UTC.
        """
        started = time.perf_counter()
        self.window.evict(self._settled(now_ms), self._retention_ms)
        frame = self.window.frame()
        table = self.window.servers()
        rows = slice(0, len(frame.server_names))  # servers that came since stand behind those of the frame
        current, last_sample_ms, sent = table.current[rows], table.last_sample_ms[rows], table.states[rows]
        prepared = time.perf_counter()
        forecast = self.calibration.calibrate(frame, self._models.forecast(frame))
        forecast_at = time.perf_counter()

        silent_ms = np.maximum(now_ms - last_sample_ms, 0)
        silent = silent_ms > self._silence_ms
        cores = self._known_cores(frame.server_names)
        risk = score(
            RiskInputs(
                current=current,
                quantiles=forecast.quantiles,
                profiles=frame.profiles,
                silent=silent,
                silent_minutes=(silent_ms / 60_000).astype(np.float32),
                cores=cores,
                step_seconds=frame.step_seconds,
                elapsed_minutes=max(now_ms - forecast.origin_ms, 0) / 60_000,
                calibrator=self._models.calibrator,
                past=frame.values,
            ),
            self._tables,
        )
        states, derived = settle_states(sent, current, silent, self._tables)
        outlook = self._outlooks.gather(frame, forecast.quantiles, risk, cores, now_ms)
        scored = time.perf_counter()
        return FleetFrame(
            server_names=frame.server_names,
            profiles=frame.profiles,
            states=states,
            states_derived=derived,
            last_sample_ms=last_sample_ms,
            observed_steps=frame.observed_steps,
            silent=silent,
            current=current,
            forecast=_with_stale(forecast, silent),
            risk=risk,
            outlook=outlook,
            clock_ms=now_ms,
            required_steps=self._models.required_steps,
            phase_seconds={
                "prepare": prepared - started,
                "forward": forecast_at - prepared,
                "enrich": scored - forecast_at,
            },
        )

    def _known_cores(self, names: tuple[str, ...]) -> npt.NDArray[np.float32]:
        if not self._cores:
            return np.full(len(names), np.nan, dtype=np.float32)
        return np.array([self._cores.get(name, np.nan) for name in names], dtype=np.float32)


def _with_stale(forecast: Forecast, silent: npt.NDArray[np.bool_]) -> Forecast:
    if not silent.any():
        return forecast
    return Forecast(
        quantiles=forecast.quantiles,
        sources=np.where(silent, np.uint8(Source.STALE), forecast.sources).astype(np.uint8),
        origin_ms=forecast.origin_ms,
        step_seconds=forecast.step_seconds,
        model_revision=forecast.model_revision,
    )
