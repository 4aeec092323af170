"""From a window of the whole fleet to quantiles in real units: one call, one thread."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from argus_server.forecast import fallback, features, quantiles
from argus_server.forecast.artifact import LoadedModel
from argus_server.forecast.device import DeviceProfile, prepare
from argus_server.forecast.features import FeatureSchema
from argus_server.forecast.frame import Forecast, Source
from argus_server.forecast.scaling import FloatArray
from argus_server.forecast.tft import Explanation, TemporalFusionTransformer, TFTInputs
from argus_server.metrics import METRICS, QUANTILES
from argus_server.window.frame import WindowFrame

DEFAULT_HORIZON: Final = 96
_DAY_SECONDS: Final = 86_400

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
        self._module: TemporalFusionTransformer | None = None
        if model is not None:
            # The loaded module is this forecaster's own: moving it touches nobody else's.
            self._module = model.module.to(profile.device)
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
        horizon = DEFAULT_HORIZON if model is None else model.schema.horizon
        result = np.empty((servers, len(METRICS), horizon, len(QUANTILES)), dtype=np.float32)
        sources = np.full(servers, Source.FALLBACK, dtype=np.uint8)
        warm = np.zeros(servers, dtype=bool)
        if model is not None:
            if frame.step_seconds != model.schema.step_seconds:
                raise ValueError(
                    f"the model forecasts steps of {model.schema.step_seconds} s, "
                    f"the window has steps of {frame.step_seconds} s"
                )
            warm = frame.observed_steps >= model.min_encoder_steps
            sources[warm] = Source.TFT
            self._forecast_warm(model, frame, np.flatnonzero(warm), result)
        cold = np.flatnonzero(~warm)

        def fall_back(rows: Rows) -> None:
            recent = frame.values[rows, -_DAY_SECONDS // frame.step_seconds :]
            result[rows] = fallback.forecast(recent, frame.step_seconds, horizon)

        self._for_chunks(cold, fall_back)
        return Forecast(result, sources, frame.origin_ms, frame.step_seconds, self.revision)

    def explain(self, frame: WindowFrame, row: int) -> Explanation:
        """Attention and variable weights of one server's forecasts; series are the modelled metrics.

        Raises:
            ValueError: No model is loaded.
        """
        if self._model is None or self._module is None:
            raise ValueError("no model is loaded; a fallback forecast has nothing to explain")
        rows = np.array([row])
        values = _fit_length(frame.values[rows], self._model.schema.context_steps)
        built = features.build(
            self._model.schema, values, np.array([frame.origin_ms], dtype=np.int64), frame.profiles[rows]
        )
        with torch.inference_mode():
            return self._module.explain(_to_device(built.inputs, self._profile.device))

    def _forecast_warm(
        self,
        model: LoadedModel,
        frame: WindowFrame,
        rows: Rows,
        result: FloatArray,
    ) -> None:
        module, device = self._module, self._profile.device
        assert module is not None
        size, steps = self._profile.infer_servers, model.schema.context_steps
        origin = np.array([frame.origin_ms], dtype=np.int64)

        def forecast(chosen: Rows) -> None:
            window = np.full((size, steps, len(METRICS)), np.nan, dtype=np.float32)
            window[: len(chosen)] = _fit_length(frame.values[chosen], steps)
            profiles = np.zeros(size, dtype=np.int8)
            profiles[: len(chosen)] = frame.profiles[chosen]
            quantiles = forecast_windows(module, model.schema, window, origin, profiles, device)
            result[chosen] = quantiles[: len(chosen)]

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


def forecast_windows(
    module: TemporalFusionTransformer,
    schema: FeatureSchema,
    values: FloatArray,
    origin_ms: npt.NDArray[np.int64],
    profiles: npt.NDArray[np.int8],
    device: str = "cpu",
) -> FloatArray:
    """Windows to quantiles in real units, in one forward pass; what serving and evaluation share.

    Args:
        module: The network, in eval mode, on `device`.
        schema: Its feature schema.
        values: [servers, context_steps, metrics], NaN where missing.
        origin_ms: Start of the last step, [1] or [servers].
        profiles: Index into the profiles, [servers].
        device: torch device string.

    Returns:
        [servers, metrics, horizon, quantiles], NaN for metrics that a window never measured.
    """
    built = features.build(schema, values, origin_ms, profiles)
    with torch.inference_mode():
        output = module(_to_device(built.inputs, device))
        real = quantiles.to_real_units(output, built.scaling).cpu().numpy()
    return quantiles.assemble(real, values, schema.step_seconds)


def _fit_length(values: FloatArray, steps: int) -> FloatArray:
    """The newest `steps` steps of [servers, any, metrics], filled up with NaN in front."""
    missing = steps - values.shape[1]
    if missing <= 0:
        return values[:, -steps:]
    return np.pad(values, ((0, 0), (missing, 0), (0, 0)), constant_values=np.nan)


def _to_device(inputs: TFTInputs, device: str) -> TFTInputs:
    if device == "cpu":
        return inputs

    def move(x: Tensor) -> Tensor:
        return x.to(device, non_blocking=True)

    return TFTInputs(
        move(inputs.static_categoricals),
        tuple(map(move, inputs.static_reals)),
        tuple(map(move, inputs.encoder)),
        tuple(map(move, inputs.decoder)),
        None if inputs.baselines is None else move(inputs.baselines),
    )
