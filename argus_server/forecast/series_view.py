"""What the model is shown of a series by itself: its last day, the same time of earlier days, and baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from argus_server.forecast import scaling, seasonal
from argus_server.forecast.scaling import FloatArray, Scaling
from argus_server.forecast.tft import TFTInputs

if TYPE_CHECKING:
    from argus_server.forecast.features import FeatureSchema

BASELINES: Final = (
    "last",
    "last_hour",
    "yesterday",
    "first_day",
    "low",
    "median",
    "high",
    "moved_first_day",
    "moved_low",
    "moved_median",
    "moved_high",
)

# Which of the ordered days is low, counted from the lowest: one outlier a week is not usual.
_OUTER: Final = 1


@dataclass(frozen=True, slots=True)
class SeriesView:
    """What the model is shown of each series by itself.

    Attributes:
        scaling: Location and scale, [series].
        static: Level, scale and coverage, each [series, width].
        own: Scaled values and mask of the last day, [series, encoder_tokens, 2 x patch_length].
        earlier_days: Patch means of earlier days and whether they are known, [series, encoder_tokens,
            2 x (context_days - 1)].
        decoder: Yesterday, the first day, and all days in order, each [series, decoder_tokens, width].
        baselines: [series, decoder_tokens, baselines, patch_length].
        patch_means: Scaled means of the last day's patches, 0 where unknown, [series, encoder_tokens].
        patch_shares: Observed share of them, same shape.
    """

    scaling: Scaling
    static: tuple[FloatArray, ...]
    own: FloatArray
    earlier_days: FloatArray
    decoder: tuple[FloatArray, ...]
    baselines: FloatArray
    patch_means: FloatArray
    patch_shares: FloatArray

    def inputs(
        self,
        apart: Callable[[FloatArray], FloatArray],
        codes: npt.NDArray[np.int64],
        server: FloatArray,
        past: FloatArray,
        future: FloatArray,
    ) -> TFTInputs:
        """Model inputs; `apart` gives the series their leading dimensions, the rest has them already."""

        def own(x: FloatArray) -> Tensor:
            return tensor(apart(x))

        return TFTInputs(
            static_categoricals=torch.from_numpy(codes),
            static_reals=tuple(map(own, self.static)),
            encoder=(own(self.own), own(self.earlier_days), tensor(server), tensor(past)),
            decoder=(*map(own, self.decoder), tensor(future)),
            baselines=own(self.baselines),
        )


def look(schema: FeatureSchema, series: FloatArray, floors: FloatArray) -> SeriesView:
    """Look at series one by one.

    Args:
        schema: The model's feature schema.
        series: [series, context_steps], real units, NaN where missing, oldest first.
        floors: Smallest scale of each, [series].
    """
    count, patch = len(series), schema.patch_length
    day, days, horizon = schema.encoder_steps, schema.context_days, schema.horizon
    mask = ~np.isnan(series)
    window = scaling.fit(series, mask, floors, day)
    by_day, mask_by_day = series.reshape(count, days, day), mask.reshape(count, days, day)

    filled, last_seen = _fill_forward(window.apply(series[:, -day:]), mask[:, -day:])
    last = filled[:, -1]
    recent_mask = mask[:, -day:].astype(np.float32)
    tokens = (count, schema.encoder_tokens, patch)
    own = np.concatenate((filled.reshape(tokens), recent_mask.reshape(tokens)), axis=-1)

    observed = _patch_sums(mask.astype(np.float32), patch)
    total = _patch_sums(np.where(mask, series, np.float32(0.0)), patch)
    patch_mask = (observed > 0).reshape(count, days, -1)
    mean = np.divide(total, np.maximum(observed, 1.0), dtype=np.float32)
    means = window.apply(mean.reshape(count, -1)).reshape(patch_mask.shape)
    means = np.where(patch_mask, means, np.float32(0.0))  # [series, days, encoder tokens]
    earlier_days = np.concatenate((means[:, :-1], patch_mask[:, :-1]), axis=1, dtype=np.float32)
    earlier_days = earlier_days.transpose(0, 2, 1)
    last_hour = np.where(patch_mask[:, -1, -1], means[:, -1, -1], last)

    # The same time of every day as each future step: [series, days, horizon]
    ahead = window.apply(by_day[:, :, :horizon].reshape(count, -1)).reshape(count, days, horizon)
    ahead_mask = mask_by_day[:, :, :horizon]
    ordered, known_days = seasonal.ordered_days(ahead, ahead_mask)
    known = known_days > 0
    ordered = np.where(known, ordered, last[:, None])
    shift = seasonal.level_shift(
        filled[:, -patch:],
        mask[:, -patch:],
        window.apply(by_day[:, :-1, -patch:].reshape(count, -1)).reshape(count, days - 1, patch),
        mask_by_day[:, :-1, -patch:],
    )
    median = ordered[days // 2]
    yesterday = np.where(ahead_mask[:, -1], ahead[:, -1], median)
    first_day = np.where(ahead_mask[:, 0], ahead[:, 0], median)
    low, high = ordered[_OUTER], ordered[-1 - _OUTER]

    def by_token(*parts: npt.NDArray[Any]) -> FloatArray:
        """[series, horizon] or [series, 1] each -> [series, decoder tokens, parts, patch]."""
        tokens = np.empty((count, schema.decoder_tokens, len(parts), patch), dtype=np.float32)
        for index, part in enumerate(parts):
            steps = np.broadcast_to(part, (count, horizon))
            tokens[:, :, index] = steps.reshape(count, schema.decoder_tokens, patch)
        return tokens

    moved = shift[:, None]
    baselines = by_token(
        last[:, None],
        last_hour[:, None],
        yesterday,
        first_day,
        low,
        median,
        high,
        first_day + moved,
        low + moved,
        median + moved,
        high + moved,
    )
    np.clip(baselines, -scaling.LIMIT, scaling.LIMIT, out=baselines)

    def wide(*parts: npt.NDArray[Any]) -> FloatArray:
        """[series, horizon] each -> [series, decoder tokens, parts x patch]."""
        return by_token(*parts).reshape(count, schema.decoder_tokens, -1)

    seen = mask[:, -day:].mean(axis=-1, dtype=np.float32)
    silence = np.where(last_seen >= 0, day - 1 - last_seen, day).astype(np.float32) / day
    level = (window.center / 100.0, np.arcsinh(window.center / floors) / 8.0, shift)
    relative = window.scale / (np.abs(window.center) + window.scale)
    spread = (np.log(window.scale / floors) / 4.0, relative, window.day_share)
    coverage = (
        seen,
        silence,
        last,
        mask.mean(axis=-1, dtype=np.float32),
        known_days.mean(axis=-1, dtype=np.float32) / days,
    )
    return SeriesView(
        scaling=window.scaling,
        static=(
            np.minimum(np.stack(level, axis=-1), 4.0),
            np.stack(spread, axis=-1),
            np.stack(coverage, axis=-1),
        ),
        own=own,
        earlier_days=earlier_days,
        decoder=(
            wide(yesterday, ahead_mask[:, -1]),
            wide(first_day, ahead_mask[:, 0]),
            wide(*ordered, known_days / np.float32(days)),
        ),
        baselines=baselines,
        patch_means=means[:, -1],
        patch_shares=observed.reshape(count, days, -1)[:, -1] / np.float32(patch),
    )


def _patch_sums(values: FloatArray, patch: int) -> FloatArray:
    """Sums over each patch, [series x patches].

    Not `sum`, which is slow at so few elements, and not a product: NumPy's BLAS has threads of its own, which
    spin for a while after each call and take the core of the pass beside this one.
    """
    sums: FloatArray = np.einsum("ij->i", values.reshape(-1, patch))
    return sums


def _fill_forward(
    values: FloatArray, mask: npt.NDArray[np.bool_]
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Repeat the last observation over gaps; before the first one the value is 0, the window's median.

    Returns:
        Filled values [series, steps] and the index of the last observation, -1 for none.
    """
    if mask.all():
        return values, np.full(len(values), values.shape[-1] - 1)
    steps = values.shape[-1]
    seen = np.where(mask, np.arange(steps, dtype=np.int16), np.int16(-1))
    np.maximum.accumulate(seen, axis=-1, out=seen)
    filled = np.take_along_axis(values, np.maximum(seen, 0).astype(np.intp), axis=-1)
    return np.where(seen >= 0, filled, np.float32(0.0)), seen[:, -1].astype(np.int64)


def tensor(array: npt.NDArray[np.float32]) -> Tensor:
    """A float32 tensor over the array, copied only when it must be."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
