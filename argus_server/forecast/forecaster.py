"""From a window of the whole fleet to quantiles in real units: one call, one thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from argus_server.forecast import fallback
from argus_server.forecast.artifact import LoadedModel
from argus_server.forecast.device import DeviceProfile, prepare
from argus_server.forecast.frame import Forecast, Source
from argus_server.forecast.pipeline import forecast_windows
from argus_server.forecast.scaling import FloatArray
from argus_server.forecast.tft import Explanation
from argus_server.metrics import METRICS, QUANTILES
from argus_server.window.frame import WindowFrame

DEFAULT_HORIZON: Final = 96
_DAY_SECONDS: Final = 86_400

__all__ = ["DEFAULT_HORIZON", "Forecaster", "forecast_windows", "usable_cores"]

Rows = npt.NDArray[np.intp]


class Forecaster:
    """Forecasts fleets with one model, or with the fallback alone when there is none.

    Servers go through the model in chunks of one fixed size, the last one padded, so that neither shapes nor
    results depend on how many servers there are, and no pass holds the interpreter for long. On a CPU chunks
    run side by side, each on one core: products this small gain little from sharing cores, and their barriers
    stall for whole time slices as soon as anything else wants a core (measured: 270 ms instead of 53 ms).

    Args:
        model: The model to serve; None gives FALLBACK forecasts only.
        profile: Processor to use and its chunk size.
    """

    def __init__(self, model: LoadedModel | None, profile: DeviceProfile) -> None:
        self._model = model
        self._profile = profile
        # The loaded network is this forecaster's own: moving it touches nobody else's.
        self._pipeline = None if model is None else model.pipeline.to(profile.device)
        prepare(profile)
        cores = usable_cores() if profile.device == "cpu" else 1
        self._workers = ThreadPoolExecutor(cores, "forecast", initializer=_use_one_core)

    @property
    def model(self) -> LoadedModel | None:
        """The model in use."""
        return self._model

    @property
    def revision(self) -> str:
        """Revision of the model in use; empty when there is none."""
        return "" if self._model is None else self._model.revision

    def forecast(self, frame: WindowFrame) -> Forecast:
        """Forecast every server of the frame.

        Returns:
            TFT quantiles for servers with enough observed steps, FALLBACK quantiles for the others.

        Raises:
            ValueError: The frame's step is not the model's.
        """
        model = self._model
        servers = len(frame.server_names)
        horizon = DEFAULT_HORIZON if model is None else model.pipeline.horizon
        result = np.empty((servers, len(METRICS), horizon, len(QUANTILES)), dtype=np.float32)
        sources = np.full(servers, Source.FALLBACK, dtype=np.uint8)
        warm = np.zeros(servers, dtype=bool)
        if model is not None:
            if frame.step_seconds != model.pipeline.step_seconds:
                raise ValueError(
                    f"the model forecasts steps of {model.pipeline.step_seconds} s, "
                    f"the window has steps of {frame.step_seconds} s"
                )
            warm = frame.observed_steps >= model.min_encoder_steps
            sources[warm] = Source.TFT
            self._forecast_warm(frame, np.flatnonzero(warm), result)
        cold = np.flatnonzero(~warm)

        def fall_back(rows: Rows) -> None:
            recent = frame.values[rows, -_DAY_SECONDS // frame.step_seconds :]
            result[rows] = fallback.forecast(recent, frame.step_seconds, horizon)

        self._for_chunks(cold, fall_back)
        return Forecast(result, sources, frame.origin_ms, frame.step_seconds, self.revision)

    def explain(self, frame: WindowFrame, row: int) -> Explanation:
        """Attention and variable weights of one server's forecasts; series are what the pipeline says.

        Raises:
            ValueError: No model is loaded.
        """
        if self._pipeline is None:
            raise ValueError("no model is loaded; a fallback forecast has nothing to explain")
        rows = np.array([row])
        values = _fit_length(frame.values[rows], self._pipeline.context_steps)
        return self._pipeline.explain(
            values, np.array([frame.origin_ms], dtype=np.int64), frame.profiles[rows]
        )

    def _forecast_warm(
        self,
        frame: WindowFrame,
        rows: Rows,
        result: FloatArray,
    ) -> None:
        pipeline = self._pipeline
        assert pipeline is not None
        size, steps = self._profile.infer_servers, pipeline.context_steps
        origin = np.array([frame.origin_ms], dtype=np.int64)

        def forecast(chosen: Rows) -> None:
            window = np.full((size, steps, len(METRICS)), np.nan, dtype=np.float32)
            window[: len(chosen)] = _fit_length(frame.values[chosen], steps)
            profiles = np.zeros(size, dtype=np.int8)
            profiles[: len(chosen)] = frame.profiles[chosen]
            result[chosen] = pipeline.forecast(window, origin, profiles)[: len(chosen)]

        self._for_chunks(rows, forecast)

    def _for_chunks(self, rows: Rows, work: Callable[[Rows], None]) -> None:
        """Call `work` for chunks of rows on the workers; the first error is raised."""
        size = self._profile.infer_servers
        chunks = [rows[begin : begin + size] for begin in range(0, len(rows), size)]
        for _ in self._workers.map(work, chunks):
            pass


def usable_cores() -> int:
    """CPU cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _use_one_core() -> None:
    torch.set_num_threads(1)


def _fit_length(values: FloatArray, steps: int) -> FloatArray:
    """The newest `steps` steps of [servers, any, metrics], filled up with NaN in front."""
    missing = steps - values.shape[1]
    if missing <= 0:
        return values[:, -steps:]
    return np.pad(values, ((0, 0), (missing, 0), (0, 0)), constant_values=np.nan)
