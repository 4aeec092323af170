"""Serves a classic TFT that was trained elsewhere: the window in, with the variables and scaling it knows.

One sequence per server, one step per token. What the model does not forecast comes from the fallback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from argus_server.forecast import classic_scaling, fallback
from argus_server.forecast.classic_scaling import Norm
from argus_server.forecast.classic_schema import (
    ClassicSchema,
    Source,
    StaticReal,
    Variable,
    quantile_positions,
)
from argus_server.forecast.pipeline import on_device
from argus_server.forecast.scaling import FloatArray, upper_bounds
from argus_server.forecast.tft import Explanation, TemporalFusionTransformer, TFTInputs
from argus_server.metrics import METRIC_INDEX, METRICS

_DAY_SECONDS: Final = 86_400
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
# 1970-01-01 was a Thursday; Monday is day 0.
_EPOCH_WEEKDAY: Final = 3


class ClassicInputs(NamedTuple):
    """Inputs of the network, and the centre and scale of each target that lead back to real units."""

    inputs: TFTInputs
    norms: Mapping[str, Norm]


@dataclass(frozen=True, slots=True)
class ClassicPipeline:
    """The pipeline of an imported model; see `argus_server.forecast.pipeline.Pipeline`.

    Attributes:
        module: The network, in eval mode, on `device`.
        schema: Its variables and their scaling.
        device: torch device string.
    """

    module: TemporalFusionTransformer
    schema: ClassicSchema
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
        """See `Pipeline.forecast`; metrics that are no targets get their fallback forecast."""
        schema = self.schema
        built = build(schema, values, origin_ms, profiles)
        levels = quantile_positions(self.module.config.quantiles)
        with torch.inference_mode():
            output = self.module(on_device(built.inputs, self.device))[..., levels].cpu()
        recent = values[:, -_DAY_SECONDS // schema.step_seconds :]
        result = fallback.forecast(recent, schema.step_seconds, schema.horizon)
        upper = upper_bounds()
        for index, target in enumerate(schema.targets):
            column = METRIC_INDEX[target.metric]
            real = classic_scaling.to_real_units(
                output[:, :, index], target.scaler, built.norms[target.metric]
            )
            # Rearranged quantiles never score worse than crossing ones.
            result[:, column] = real.sort(dim=-1).values.clamp(0.0, float(upper[column])).numpy()
        result[np.isnan(values).all(axis=1)] = np.nan
        return result

    def explain(
        self, values: FloatArray, origin_ms: npt.NDArray[np.int64], profiles: npt.NDArray[np.int8]
    ) -> Explanation:
        """See `Pipeline.explain`; a series is a server."""
        built = build(self.schema, values, origin_ms, profiles)
        with torch.inference_mode():
            return self.module.explain(on_device(built.inputs, self.device))


def build(
    schema: ClassicSchema,
    values: FloatArray,
    origin_ms: npt.NDArray[np.int64],
    profiles: npt.NDArray[np.int8],
) -> ClassicInputs:
    """Turn windows into inputs of a classic network.

    Gaps are filled with the last observation before them, a missing beginning with the first one after it. A
    metric without any observation is its scaler's centre.

    Args:
        schema: The model's variables.
        values: [servers, context_steps, metrics], real units, NaN where missing, oldest first.
        origin_ms: Start of each window's last step, Unix milliseconds UTC, [1] or [servers].
        profiles: Index into the profiles, [servers].
    """
    servers, encoder = len(values), schema.encoder_steps
    if values.shape[1:] != (schema.context_steps, len(METRICS)):
        raise ValueError(
            f"values must be [servers, {schema.context_steps}, {len(METRICS)}], got {values.shape}"
        )
    names = {variable.name for variable in schema.encoder_reals if variable.source == "metric"}
    used = [name for name in METRICS if name in names or name in schema.target_metrics]
    window = values[:, :, [METRIC_INDEX[name] for name in used]]
    filled = _filled(window)[:, -encoder:]
    observed = torch.from_numpy(~np.isnan(window).all(axis=1))  # [servers, used metrics]
    series = {name: torch.from_numpy(filled[:, :, at].copy()) for at, name in enumerate(used)}
    seen = {name: observed[:, at, None] for at, name in enumerate(used)}
    norms = {target.metric: target.scaler.fit(series[target.metric]) for target in schema.targets}
    time = _times(schema, np.broadcast_to(origin_ms, (servers,)))

    def scaled(variable: Variable) -> Tensor:
        """[servers, encoder steps + horizon], or as many as are known."""
        if variable.source == "metric":
            x = series[variable.name]
            return variable.scaler.apply(x, variable.scaler.fit(x)) * seen[variable.name]
        x = time[variable.source]
        return variable.scaler.apply(x, variable.scaler.fit(x[:, :encoder]))

    def static(real: StaticReal) -> Tensor:
        if real.source == "encoder_length":
            return torch.ones(servers, 1)
        norm = norms[real.target]
        x = (norm.center if real.source == "target_center" else norm.scale)[:, None]
        return real.scaler.apply(x, real.scaler.fit(x)) * seen[real.target]

    codes = [category.of(profiles) for category in schema.static_categoricals]
    inputs = TFTInputs(
        static_categoricals=torch.from_numpy(
            np.stack(codes, axis=-1) if codes else np.empty((servers, 0), dtype=np.int64)
        ),
        static_reals=tuple(static(real) for real in schema.static_reals),
        encoder=tuple(scaled(variable)[:, :encoder, None] for variable in schema.encoder_reals),
        decoder=tuple(scaled(variable)[:, encoder:, None] for variable in schema.decoder_reals),
    )
    return ClassicInputs(inputs, norms)


def _filled(values: FloatArray) -> FloatArray:
    """Values [servers, steps, metrics] without gaps; 0 where a metric was never observed."""
    steps = np.arange(values.shape[1])[None, :, None]
    known = ~np.isnan(values)
    newest = np.maximum.accumulate(np.where(known, steps, -1), axis=1)
    first = known.argmax(axis=1)[:, None]
    filled: FloatArray = np.take_along_axis(values, np.where(newest < 0, first, newest), axis=1)
    return np.nan_to_num(filled)


def _times(schema: ClassicSchema, origin_ms: npt.NDArray[np.int64]) -> Mapping[Source, Tensor]:
    """What is known of each step, [servers, encoder steps + horizon], float64."""
    ahead = np.arange(1 - schema.encoder_steps, schema.horizon + 1)
    at = origin_ms[:, None] + ahead * (schema.step_seconds * 1000)
    columns: dict[Source, npt.NDArray[np.float64]] = {
        "hour": (at % _DAY_MS // _HOUR_MS).astype(np.float64),
        "hour_fraction": at % _DAY_MS / _HOUR_MS,
        "weekday": ((at // _DAY_MS + _EPOCH_WEEKDAY) % 7).astype(np.float64),
        "relative_time": np.broadcast_to((ahead - 1) / schema.encoder_steps, at.shape),
        "time_index": np.broadcast_to((ahead - ahead[0]).astype(np.float64), at.shape),
    }
    return {name: torch.from_numpy(column.copy()) for name, column in columns.items()}
