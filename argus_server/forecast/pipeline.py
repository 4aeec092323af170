"""What serving and evaluation share: a network together with the way into it and out of it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from argus_server.forecast import features, quantiles
from argus_server.forecast.features import FeatureSchema
from argus_server.forecast.scaling import FloatArray
from argus_server.forecast.tft import Explanation, TemporalFusionTransformer, TFTInputs


class Pipeline(Protocol):
    """Windows in real units to quantiles in real units; which variables lie between is its own business."""

    @property
    def module(self) -> TemporalFusionTransformer:
        """The network, in eval mode."""

    @property
    def step_seconds(self) -> int:
        """Length of a step."""

    @property
    def context_steps(self) -> int:
        """Steps of the past that a forecast is given."""

    @property
    def horizon(self) -> int:
        """Steps that are forecast."""

    def to(self, device: str) -> Self:
        """The same pipeline on a torch device; the network itself is moved."""

    def forecast(
        self, values: FloatArray, origin_ms: npt.NDArray[np.int64], profiles: npt.NDArray[np.int8]
    ) -> FloatArray:
        """Forecast windows in one forward pass.

        Args:
            values: [servers, context_steps, metrics], real units, NaN where missing, oldest first.
            origin_ms: Start of each window's last step, Unix milliseconds UTC, [1] if all share it or [servers].
            profiles: Index into the profiles, [servers]; one past the last is the unknown profile.

        Returns:
            p10, p50, p90 in real units, [servers, metrics, horizon, quantiles]: non-crossing, in each metric's
            range; NaN for metrics that a window never measured.
        """

    def explain(
        self, values: FloatArray, origin_ms: npt.NDArray[np.int64], profiles: npt.NDArray[np.int8]
    ) -> Explanation:
        """Attention and variable weights of the same forecasts; arguments as for `forecast`."""


@dataclass(frozen=True, slots=True)
class PatchPipeline:
    """The pipeline of Argus' own models: every metric of every server a sequence of patches.

    Attributes:
        module: The network, in eval mode, on `device`.
        schema: Its feature schema.
        device: torch device string.
    """

    module: TemporalFusionTransformer
    schema: FeatureSchema
    device: str = "cpu"

    @property
    def step_seconds(self) -> int:
        """Length of a step."""
        return self.schema.step_seconds

    @property
    def context_steps(self) -> int:
        """Steps of the past that a forecast is given."""
        return self.schema.context_steps

    @property
    def horizon(self) -> int:
        """Steps that are forecast."""
        return self.schema.horizon

    def to(self, device: str) -> Self:
        """The same pipeline on a torch device; the network itself is moved."""
        return replace(self, module=self.module.to(device), device=device)

    def forecast(
        self, values: FloatArray, origin_ms: npt.NDArray[np.int64], profiles: npt.NDArray[np.int8]
    ) -> FloatArray:
        """See `Pipeline.forecast`."""
        return forecast_windows(self.module, self.schema, values, origin_ms, profiles, self.device)

    def explain(
        self, values: FloatArray, origin_ms: npt.NDArray[np.int64], profiles: npt.NDArray[np.int8]
    ) -> Explanation:
        """See `Pipeline.explain`; series are servers x modelled metrics."""
        built = features.build(self.schema, values, origin_ms, profiles)
        with torch.inference_mode():
            return self.module.explain(on_device(built.inputs, self.device))


def forecast_windows(
    module: TemporalFusionTransformer,
    schema: FeatureSchema,
    values: FloatArray,
    origin_ms: npt.NDArray[np.int64],
    profiles: npt.NDArray[np.int8],
    device: str = "cpu",
) -> FloatArray:
    """Windows to quantiles in real units through one of Argus' own networks, in one forward pass.

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
        output = module(on_device(built.inputs, device))
        real = quantiles.to_real_units(output, built.scaling).cpu().numpy()
    return quantiles.assemble(real, values, schema.step_seconds)


def on_device(inputs: TFTInputs, device: str) -> TFTInputs:
    """Inputs of a network on its device."""
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
