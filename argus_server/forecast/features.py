"""The one feature pipeline: window values in, model inputs out, for training, evaluation and serving alike.

Every modelled metric of every server is its own sequence through one shared TFT. It sees the last day step by
step and the days before at the same time of day. A token is a patch of steps:

* encoder: the series' own scaled values with their mask; its patch means at the same time of each earlier day;
  the patch means of all metrics of the same server; the calendar;
* decoder: yesterday and the first day of the context (a week ago by default) at the same time, with their
  masks; the values of all days at that time, in order of size; the calendar and the distance from now;
* static: which metric, which profile, the window's level and scale, how much of it was observed, and how far
  the last hour is from what is usual at that time;
* baselines: the last value, the last hour's mean, and what the days before say about each future step, as it
  was and moved by the present distance from usual.

A forecast made at the window's end looks at nothing after it: decoder step i is `origin + i` steps,
i = 1..horizon.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.forecast import scaling
from argus_server.forecast.scaling import FloatArray, Scaling
from argus_server.forecast.series_view import BASELINES, look
from argus_server.forecast.tft import Categorical, Real, TFTConfig, TFTInputs
from argus_server.metrics import METRICS, QUANTILES
from argus_server.profiles import PROFILES

SCHEMA_VERSION: Final = 2

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
        encoder_steps: Steps of the past that are seen one by one: one day.
        context_days: Days of the past, the last one included; of the others, what each time of day was.
        horizon: Steps of the future.
        patch_length: Steps per token; divides both.
    """

    step_seconds: int = 300
    encoder_steps: int = 288
    context_days: int = 7
    horizon: int = 96
    patch_length: int = 12

    def __post_init__(self) -> None:
        if self.encoder_steps % self.patch_length or self.horizon % self.patch_length:
            raise ValueError(
                f"patch_length {self.patch_length} must divide encoder_steps {self.encoder_steps} "
                f"and horizon {self.horizon}"
            )
        if self.encoder_steps * self.step_seconds * 1000 != _DAY_MS:
            raise ValueError(
                f"encoder_steps must be one day, {_DAY_MS // (self.step_seconds * 1000)} steps of "
                f"{self.step_seconds} s, got {self.encoder_steps}"
            )
        if self.encoder_steps < self.horizon:
            raise ValueError("encoder_steps must be at least horizon: the decoder is shown the days before")
        if self.context_days < 2:
            raise ValueError(f"context_days must be at least 2, got {self.context_days}")

    @property
    def context_steps(self) -> int:
        """Steps of the past that `build` is given."""
        return self.encoder_steps * self.context_days

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
        static_reals=(Real("level", 3), Real("scale", 3), Real("coverage", 5)),
        encoder_reals=(
            Real("own", 2 * patch),
            Real("earlier_days", 2 * (schema.context_days - 1)),
            Real("server", 2 * len(MODELLED)),
            Real("calendar", 5),
        ),
        decoder_reals=(
            Real("yesterday", 2 * patch),
            Real("first_day", 2 * patch),
            Real("all_days", (schema.context_days + 1) * patch),
            Real("calendar", 5),
        ),
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
        baselines=len(BASELINES),
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
        values: [servers, context_steps, contract metrics], real units, NaN where missing, oldest first.
        origin_ms: Start of each window's last step, Unix milliseconds UTC; [1] if all servers share it,
            else [servers]. -1 hides the calendar.
        profiles: Index into `PROFILES`, [servers]; its length marks the unknown profile.

    Returns:
        The features of the modelled metrics, series order [servers, modelled metrics].
    """
    servers, metrics = values.shape[0], len(MODELLED)
    if values.shape[1:] != (schema.context_steps, len(METRICS)):
        raise ValueError(
            f"values must be [servers, {schema.context_steps}, {len(METRICS)}], got {values.shape}"
        )
    # [servers, steps, contract metrics] -> [servers x metrics, steps]
    series = np.ascontiguousarray(values[:, :, MODELLED_COLUMNS].transpose(0, 2, 1))
    floors = np.broadcast_to(scaling.floors_of(MODELLED), (servers, metrics)).reshape(-1)
    view = look(schema, series.reshape(servers * metrics, -1), floors)

    def apart(x: FloatArray) -> FloatArray:
        return x.reshape(servers, metrics, *x.shape[1:])

    codes = np.empty((servers, metrics, 2), dtype=np.int64)
    codes[:, :, 0] = np.arange(metrics)
    codes[:, :, 1] = profiles[:, None]
    # [servers, metrics, encoder tokens] twice -> [servers, 1, encoder tokens, 2 x metrics]
    server = np.concatenate((apart(view.patch_means), apart(view.patch_shares)), axis=1).transpose(0, 2, 1)
    inputs = view.inputs(apart, codes, server[:, None], *calendar(schema, origin_ms))
    return Features(inputs, Scaling(apart(view.scaling.center), apart(view.scaling.scale)))


def calendar(schema: FeatureSchema, origin_ms: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
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
