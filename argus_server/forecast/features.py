"""The one feature pipeline: window values in, model inputs out, for training, evaluation and serving alike.

Every modelled metric of every server is its own sequence through one shared TFT. A token is a patch of steps:

* encoder: the series' own scaled values with their mask; the patch means of all metrics of the same server;
  the calendar;
* decoder: yesterday's values at the same time with their mask; the calendar and the distance from now;
* static: which metric, which profile, the window's level, scale and how much of it was observed;
* baselines: the last value, the mean of the last hour, and yesterday's value at each future step.

A forecast made at the window's end looks at nothing after it: decoder step i is `origin + i` steps,
i = 1..horizon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from argus_server.forecast import scaling
from argus_server.forecast.scaling import FloatArray, Scaling
from argus_server.forecast.tft import Categorical, Real, TFTConfig, TFTInputs
from argus_server.metrics import METRICS, QUANTILES
from argus_server.profiles import PROFILES

SCHEMA_VERSION: Final = 1

# uptime_days only counts up; it is computed, not learned.
MODELLED: Final[tuple[str, ...]] = tuple(name for name in METRICS if name != "uptime_days")
MODELLED_COLUMNS: Final = np.array([METRICS.index(name) for name in MODELLED])

_DAY_MS: Final = 86_400_000
# 1970-01-01 was a Thursday; Monday is day 0.
_EPOCH_WEEKDAY: Final = 3


@dataclass(frozen=True, slots=True)
class FeatureSchema:
    """Shape of the model's view of a window.

    Attributes:
        step_seconds: Length of a step.
        encoder_steps: Steps of the past, one day.
        horizon: Steps of the future.
        patch_length: Steps per token; divides both.
    """

    step_seconds: int = 300
    encoder_steps: int = 288
    horizon: int = 96
    patch_length: int = 12

    def __post_init__(self) -> None:
        if self.encoder_steps % self.patch_length or self.horizon % self.patch_length:
            raise ValueError(
                f"patch_length {self.patch_length} must divide encoder_steps {self.encoder_steps} "
                f"and horizon {self.horizon}"
            )
        if self.encoder_steps < self.horizon:
            raise ValueError("encoder_steps must be at least horizon: the decoder is shown a day ago")

    @property
    def context_steps(self) -> int:
        """Steps of the past that `build` is given."""
        return self.encoder_steps

    @property
    def encoder_tokens(self) -> int:
        """Past tokens."""
        return self.encoder_steps // self.patch_length

    @property
    def decoder_tokens(self) -> int:
        """Future tokens."""
        return self.horizon // self.patch_length


def model_config(
    schema: FeatureSchema,
    *,
    hidden_size: int = 32,
    attention_heads: int = 4,
    lstm_layers: int = 1,
    dropout: float = 0.1,
) -> TFTConfig:
    """The TFT that fits this feature schema."""
    patch = schema.patch_length
    return TFTConfig(
        static_categoricals=(
            # One slot more than there are names: the unknown metric and the unknown profile.
            Categorical("metric", len(MODELLED) + 1, 8),
            Categorical("profile", len(PROFILES) + 1, 4),
        ),
        static_reals=(Real("level", 2), Real("scale", 2), Real("coverage", 3)),
        encoder_reals=(Real("own", 2 * patch), Real("server", 2 * len(MODELLED)), Real("calendar", 5)),
        decoder_reals=(Real("yesterday", 2 * patch), Real("calendar", 5)),
        encoder_tokens=schema.encoder_tokens,
        decoder_tokens=schema.decoder_tokens,
        patch_length=patch,
        hidden_size=hidden_size,
        real_size=hidden_size,
        attention_heads=attention_heads,
        lstm_layers=lstm_layers,
        dropout=dropout,
        targets=1,
        quantiles=QUANTILES,
        baselines=3,
    )


@dataclass(frozen=True, slots=True)
class Features:
    """Model inputs of a set of servers, and the scaling that leads back to real units.

    Attributes:
        inputs: Tensors with leading dimensions that broadcast to [servers, modelled metrics].
        scaling: Location and scale, [servers, modelled metrics].
    """

    inputs: TFTInputs
    scaling: Scaling


def build(
    schema: FeatureSchema,
    values: FloatArray,
    origin_ms: npt.NDArray[np.int64],
    profiles: npt.NDArray[np.int8],
) -> Features:
    """Turn windows into model inputs.

    Args:
        schema: The model's feature schema.
        values: [servers, encoder_steps, contract metrics], real units, NaN where missing, oldest first.
        origin_ms: Start of each window's last step, Unix milliseconds UTC; [1] if all servers share it,
            else [servers]. -1 hides the calendar.
        profiles: Index into `PROFILES`, [servers]; its length marks the unknown profile.

    Returns:
        The features of the modelled metrics, series order [servers, modelled metrics].
    """
    servers, steps = values.shape[0], values.shape[1]
    if steps != schema.encoder_steps or values.shape[2] != len(METRICS):
        raise ValueError(
            f"values must be [servers, {schema.encoder_steps}, {len(METRICS)}], got {values.shape}"
        )
    patch, metrics = schema.patch_length, len(MODELLED)
    # [servers, steps, contract metrics] -> [servers, metrics, steps]
    series = np.ascontiguousarray(values[:, :, MODELLED_COLUMNS].transpose(0, 2, 1))
    mask = ~np.isnan(series)
    window = scaling.fit(series, mask, scaling.floors_of(MODELLED))
    filled, last_seen = _fill_forward(window.apply(series), mask)

    maskf = mask.astype(np.float32)
    tokens = (servers, metrics, schema.encoder_tokens, patch)
    own = np.concatenate((filled.reshape(tokens), maskf.reshape(tokens)), axis=-1)
    present = maskf.reshape(tokens).sum(axis=-1)  # [servers, metrics, tokens]
    means = (filled * maskf).reshape(tokens).sum(axis=-1) / np.maximum(present, 1.0)
    server = np.concatenate((means, present / np.float32(patch)), axis=1).transpose(0, 2, 1)[:, None]

    last = filled[:, :, -1]
    recent_weight = maskf[:, :, -patch:].sum(axis=-1)
    recent = np.where(recent_weight > 0, means[:, :, -1], last)
    # Future step i is origin + i; a day before it is window index i - 1 when the window is one day long.
    day = _DAY_MS // (schema.step_seconds * 1000)
    start = schema.encoder_steps - day
    if start < 0:
        raise ValueError(f"encoder_steps {schema.encoder_steps} must span a day ({day} steps)")
    yesterday = own[:, :, start // patch : start // patch + schema.decoder_tokens]
    seasonal = np.where(
        yesterday[..., patch:] > 0, yesterday[..., :patch], last[:, :, None, None]
    )  # [servers, metrics, decoder tokens, patch]
    baselines = np.stack(
        (
            np.broadcast_to(last[:, :, None, None], seasonal.shape),
            np.broadcast_to(recent[:, :, None, None], seasonal.shape),
            seasonal,
        ),
        axis=-2,
    )

    observed = mask.mean(axis=-1, dtype=np.float32)
    silence = np.where(last_seen >= 0, steps - 1 - last_seen, steps).astype(np.float32) / steps
    floors = scaling.floors_of(MODELLED)[None, :]
    level = np.stack((window.center / 100.0, np.arcsinh(window.center / floors) / 8.0), axis=-1)
    relative = window.scale / (np.abs(window.center) + window.scale)
    spread = np.stack((np.log(window.scale / floors) / 4.0, relative), axis=-1)
    coverage = np.stack((observed, silence, last), axis=-1)
    codes = np.empty((servers, metrics, 2), dtype=np.int64)
    codes[:, :, 0] = np.arange(metrics)
    codes[:, :, 1] = profiles[:, None]

    past, future = _calendar(schema, origin_ms)
    inputs = TFTInputs(
        static_categoricals=torch.from_numpy(codes),
        static_reals=(_tensor(np.minimum(level, 4.0)), _tensor(spread), _tensor(coverage)),
        encoder=(_tensor(own), _tensor(server), _tensor(past)),
        decoder=(_tensor(yesterday), _tensor(future)),
        baselines=_tensor(baselines),
    )
    return Features(inputs, window)


def _fill_forward(
    values: FloatArray, mask: npt.NDArray[np.bool_]
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Repeat the last observation over gaps; before the first one the value is 0, the window's median.

    Returns:
        Filled values [servers, metrics, steps] and the index of the last observation, -1 for none.
    """
    steps = values.shape[-1]
    seen = np.where(mask, np.arange(steps, dtype=np.int16), np.int16(-1))
    np.maximum.accumulate(seen, axis=-1, out=seen)
    filled = np.take_along_axis(values, np.maximum(seen, 0).astype(np.int64), axis=-1)
    return np.where(seen >= 0, filled, np.float32(0.0)), seen[:, :, -1].astype(np.int64)


def _calendar(schema: FeatureSchema, origin_ms: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Hour of day and day of week as circles and the distance from now, at the middle of each token.

    Returns:
        [origins, 1, encoder_tokens, 5] and [origins, 1, decoder_tokens, 5].
    """
    tokens = np.arange(-schema.encoder_tokens, schema.decoder_tokens)
    middle = tokens * schema.patch_length + (schema.patch_length + 1) / 2  # in steps after the origin
    at = origin_ms[:, None] + (middle * schema.step_seconds * 1000.0)[None, :]
    day = 2.0 * np.pi * (at / _DAY_MS)
    week = 2.0 * np.pi * ((at / _DAY_MS + _EPOCH_WEEKDAY) / 7.0)
    known = (origin_ms >= 0)[:, None, None]
    circles = np.stack((np.sin(day), np.cos(day), np.sin(week), np.cos(week)), axis=-1) * known
    distance = np.broadcast_to(tokens[None, :, None] / schema.encoder_tokens, (*at.shape, 1))
    calendar = np.concatenate((circles, distance), axis=-1).astype(np.float32)[:, None]
    return calendar[:, :, : schema.encoder_tokens], calendar[:, :, schema.encoder_tokens :]


def _tensor(array: npt.NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
