"""What a forecast must beat: simple forecasts whose bands come from the past's own changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.evaluation.protocol import Rows
from argus_server.evaluation.regression import Lines
from argus_server.forecast.scaling import upper_bounds
from argus_server.metrics import QUANTILES

FloatArray = npt.NDArray[np.float32]
Figures = npt.NDArray[np.float64]

_LEVELS: Final = np.array(QUANTILES)
_WEEK_DAYS: Final = 7
_HOUR_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Task:
    """What a baseline is asked: forecasts of one server from the rows before each origin.

    Attributes:
        values: The whole history, [steps, metrics], NaN where missing; rows from an origin on are not for it.
        origins: Index of the first unseen row of each forecast, [origins].
        horizon: Steps to forecast, at most `season`.
        season: Steps of a day.
        step_seconds: Length of a step.
    """

    values: FloatArray
    origins: Rows
    horizon: int
    season: int
    step_seconds: int

    def rows(self, offset: int, length: int) -> FloatArray:
        """Rows `offset` to `offset + length` after each origin, [origins, length, metrics]."""
        at = self.origins[:, None] + np.arange(offset, offset + length)
        found: FloatArray = self.values[np.maximum(at, 0)]
        found[at < 0] = np.nan
        return found


Baseline = Callable[[Task], FloatArray]
"""Quantiles of a task, [origins, metrics, horizon, 3]; NaN where it has nothing to say."""


def named(names: Iterable[str]) -> dict[str, Baseline]:
    """The chosen ones of `FAST`, made to answer wherever anything was ever observed."""

    def answering(baseline: Baseline) -> Baseline:
        return lambda task: finished(task, baseline(task))

    return {name: answering(FAST[name]) for name in names}


def finished(task: Task, quantiles: FloatArray) -> FloatArray:
    """Quantiles in each metric's range, with the last value where a baseline has nothing to say.

    So every baseline answers wherever anything was ever observed, and all are scored on the same steps.
    """
    bounded = np.clip(quantiles, 0.0, upper_bounds()[:, None, None])
    return np.where(np.isnan(bounded), last_value(task), bounded).astype(np.float32)


def last_value(task: Task) -> FloatArray:
    """Repeat the last observation; a point, all three quantiles are the same."""
    last = _last_before(task.values, task.origins)  # [origins, metrics]
    return np.broadcast_to(last[:, :, None, None], (*last.shape, task.horizon, len(QUANTILES)))


def seasonal_naive(task: Task) -> FloatArray:
    """Yesterday's value plus the quantiles of all day-to-day changes seen before the origin.

    Where yesterday has a hole, the last observation stands in for it.
    """
    yesterday = task.rows(-task.season, task.horizon).transpose(0, 2, 1)
    point = np.where(np.isnan(yesterday), _last_before(task.values, task.origins)[:, :, None], yesterday)
    change = task.values[task.season :].astype(np.float64) - task.values[: -task.season]
    spread = np.stack(
        [
            running_quantiles(change[:, metric], task.origins - task.season)
            for metric in range(change.shape[1])
        ],
        axis=1,
    )  # [origins, metrics, 3]
    spread = np.where(np.isnan(spread), 0.0, spread)
    return (point[..., None] + spread[:, :, None]).astype(np.float32)


def climatology_day(task: Task) -> FloatArray:
    """Quantiles of the last 24 hours, the same at every step."""
    spread = empirical(task.rows(-task.season, task.season), axis=1)  # [origins, metrics, 3]
    return np.broadcast_to(spread[:, :, None], (*spread.shape[:2], task.horizon, len(QUANTILES)))


def climatology_week(task: Task) -> FloatArray:
    """Quantiles of the last 7 days at the same time of day."""
    days = np.stack(
        [task.rows(-task.season * day, task.horizon) for day in range(1, _WEEK_DAYS + 1)], axis=1
    )  # [origins, days, horizon, metrics]
    return empirical(days, axis=1).transpose(0, 2, 1, 3)


def predict_linear(task: Task, *, hours: int) -> FloatArray:
    """The least-squares line through the last hours, as Prometheus' predict_linear draws it.

    Its band is p10 and p90 of the line's own residuals; p50 is the line itself.
    """
    steps = hours * _HOUR_SECONDS // task.step_seconds
    lines = Lines.through(task.values, steps)
    level, slope = lines.level[task.origins - 1], lines.slope[task.origins - 1]  # [origins, metrics]
    past = task.rows(-steps, steps)  # [origins, steps, metrics]
    at = np.arange(1.0 - steps, 1.0)[:, None]
    spread = empirical(past - (level[:, None] + slope[:, None] * at), axis=1)  # [origins, metrics, 3]
    spread[..., 1] = 0.0
    line = level[:, :, None] + slope[:, :, None] * np.arange(1.0, task.horizon + 1)
    return np.sort(line[..., None] + spread[:, :, None], axis=-1).astype(np.float32)


FAST: Final[Mapping[str, Baseline]] = {
    "last_value": last_value,
    "seasonal_naive": seasonal_naive,
    "climatology_24h": climatology_day,
    "climatology_7d": climatology_week,
    "predict_linear_1h": partial(predict_linear, hours=1),
    "predict_linear_6h": partial(predict_linear, hours=6),
    "predict_linear_24h": partial(predict_linear, hours=24),
}
"""Baselines that take no time to speak of."""

ALWAYS: Final = ("seasonal_naive", "last_value")
"""Baselines that every evaluation is compared with."""


def empirical(values: npt.NDArray[np.floating], axis: int) -> FloatArray:
    """p10, p50 and p90 along an axis, on a new last axis; linear between order statistics, NaN left out.

    The same as `numpy.nanquantile`, which is a hundred times slower when there may be holes.
    """
    ordered = np.sort(values, axis=axis)  # NaN sorts to the end
    count = np.count_nonzero(~np.isnan(ordered), axis=axis)
    ordered = np.moveaxis(ordered, axis, -1)
    place = _LEVELS * np.maximum(count - 1, 0)[..., None]
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(count - 1, 0)[..., None])
    below = np.take_along_axis(ordered, low, axis=-1)
    above = np.take_along_axis(ordered, high, axis=-1)
    return np.where(count[..., None] > 0, below + (above - below) * (place - low), np.nan).astype(np.float32)


def running_quantiles(values: Figures, ends: Rows) -> Figures:
    """p10, p50 and p90 of `values[:end]` for each end, NaN left out.

    Args:
        values: [steps].
        ends: Ascending, [origins].

    Returns:
        [origins, 3]; NaN where nothing was known.
    """
    result = np.full((len(ends), len(_LEVELS)), np.nan)
    ordered: Figures = np.empty(0)
    begin = 0
    for row, end in enumerate(np.maximum(ends, 0).tolist()):
        fresh = values[begin:end]
        fresh = np.sort(fresh[~np.isnan(fresh)])
        # One sorted array that grows: sorting the whole past anew at each origin takes far longer.
        ordered = np.insert(ordered, np.searchsorted(ordered, fresh), fresh)
        begin = max(begin, end)
        if len(ordered):
            place = _LEVELS * (len(ordered) - 1)
            low = np.floor(place).astype(np.intp)
            high = np.minimum(low + 1, len(ordered) - 1)
            result[row] = ordered[low] + (ordered[high] - ordered[low]) * (place - low)
    return result


def _last_before(values: FloatArray, origins: Rows) -> FloatArray:
    """The last observation before each origin, [origins, metrics]; NaN where there is none."""
    known = ~np.isnan(values)
    rows = np.where(known, np.arange(len(values))[:, None], -1)
    np.maximum.accumulate(rows, axis=0, out=rows)
    at = rows[origins - 1]  # [origins, metrics]
    found = np.take_along_axis(values, np.maximum(at, 0), axis=0)
    return np.where(at >= 0, found, np.nan).astype(np.float32)
