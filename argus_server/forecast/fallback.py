"""The honest forecast of a server without a model forecast: a level, a damped robust trend, and wide bands.

Bands come from the empirical h-step changes of the server's own short past where there are enough of them,
and from per-metric defaults where there are not; they widen with the square root of the horizon and never
cross.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.forecast.quantiles import uptime
from argus_server.forecast.scaling import FloatArray, upper_bounds
from argus_server.metrics import METRIC_INDEX, METRICS

# Half width of the 80 % band one hour ahead when a server is hardly known: an absolute part in the metric's
# unit, and a part of its level.
_DEFAULT_SPREAD: Final[dict[str, tuple[float, float]]] = {
    "cpu_user_pct": (8.0, 0.3),
    "cpu_sys_pct": (2.0, 0.3),
    "cpu_iowait_pct": (3.0, 0.5),
    "cpu_idle_pct": (8.0, 0.1),
    "java_cpu_pct": (8.0, 0.3),
    "mem_used_pct": (4.0, 0.05),
    "swap_used_pct": (2.0, 0.1),
    "disk_usage_pct": (1.5, 0.02),
    "net_in_mb_s": (0.5, 0.6),
    "net_out_mb_s": (0.5, 0.6),
    "back_close_wait": (2.0, 0.5),
    "front_close_wait": (2.0, 0.5),
    "load_average": (0.5, 0.4),
    "uptime_days": (0.0, 0.0),
}
_LEVEL_STEPS: Final = 12  # the level is the median of the last hour
_TREND_STEPS: Final = 72  # the trend is read off the last six hours
_TREND_MIN_OBSERVED: Final = 12
_DAMPING: Final = 0.93  # per step: a trend goes on for about an hour's worth of steps, then flattens out
_MIN_CHANGES: Final = 24  # h-step changes needed before they replace the defaults
# A short past has not seen what the next hours may bring: bands never fall below a share of the defaults, which
# shrinks from the first of these to the second over a day of observations.
_DEFAULT_SHARES: Final = (0.5, 0.1)
_DAY_SECONDS: Final = 86_400.0
_LAGS: Final = (1, 3, 6, 12, 24, 48, 96)
_HOUR_SECONDS: Final = 3600.0


def forecast(values: FloatArray, step_seconds: int, horizon: int) -> FloatArray:
    """Forecast servers from whatever was observed, from one step on.

    Args:
        values: [servers, steps, metrics], NaN where missing, oldest first.
        step_seconds: Length of a step.
        horizon: Future steps.

    Returns:
        Quantiles p10, p50, p90, [servers, metrics, horizon, 3]; NaN for a metric without any observation.
    """
    series = values.transpose(0, 2, 1)  # [servers, metrics, steps]
    known = ~np.isnan(series)
    level = _level(series, known)
    slope = _slope(series, known)
    # Damped steps travelled after i steps, from the middle of the hour that the level is the median of.
    reach = (_LEVEL_STEPS - 1) / 2 + np.cumsum(_DAMPING ** np.arange(1, horizon + 1))
    middle = level[:, :, None] + slope[:, :, None] * reach
    low, high = _spread(series, known, level, step_seconds, horizon)

    quantiles = np.stack((middle - low, middle, middle + high), axis=-1)
    column = METRIC_INDEX["uptime_days"]
    quantiles[:, column] = uptime(values[:, :, column], horizon, step_seconds)[:, :, None]
    np.clip(quantiles, 0.0, upper_bounds()[None, :, None, None], out=quantiles)
    quantiles[~known.any(axis=-1)] = np.nan
    return quantiles.astype(np.float32)


def _level(series: FloatArray, known: npt.NDArray[np.bool_]) -> FloatArray:
    """Median of the newest observations, at most an hour of them, however long ago; 0 when there are none."""
    newer = np.cumsum(known[:, :, ::-1], axis=-1)[:, :, ::-1]
    recent = np.where(known & (newer <= _LEVEL_STEPS), series, np.nan)
    return _median(recent)


def _slope(series: FloatArray, known: npt.NDArray[np.bool_]) -> FloatArray:
    """Change per step: the two halves of the recent past, compared by their medians.

    Shrunk to 0 unless the halves differ by more than what is left around the line, so that noise is no trend.
    """
    window = series[:, :, -_TREND_STEPS:]
    seen = known[:, :, -_TREND_STEPS:]
    steps = window.shape[-1]
    if steps < _TREND_MIN_OBSERVED:
        return np.zeros(window.shape[:2], dtype=np.float32)
    half = steps // 2
    older, newer = window[:, :, :half], window[:, :, half:]
    old_level, new_level = _median(older), _median(newer)
    at = np.arange(steps, dtype=np.float32)
    old_at = _mean_where(at[None, None, :half], seen[:, :, :half])
    new_at = _mean_where(at[None, None, half:], seen[:, :, half:])
    rise = new_level - old_level
    raw = rise / np.maximum(new_at - old_at, 1.0)
    line = old_level[:, :, None] + raw[:, :, None] * (at - old_at[:, :, None])
    noise = 2.0 * _mean_where(np.abs(window - line), seen)
    trust = np.abs(rise) / (np.abs(rise) + noise + 1e-6)
    enough = (seen[:, :, :half].sum(axis=-1) >= _TREND_MIN_OBSERVED // 2) & (
        seen[:, :, half:].sum(axis=-1) >= _TREND_MIN_OBSERVED // 2
    )
    slope = raw * trust * trust
    return np.where(enough, slope, 0.0).astype(np.float32)


def _spread(
    series: FloatArray,
    known: npt.NDArray[np.bool_],
    level: FloatArray,
    step_seconds: int,
    horizon: int,
) -> tuple[FloatArray, FloatArray]:
    """How far p10 lies below and p90 above the median, [servers, metrics, horizon]."""
    ahead = np.arange(1, horizon + 1, dtype=np.float32)
    absolute = np.array([_DEFAULT_SPREAD[name][0] for name in METRICS], dtype=np.float32)
    relative = np.array([_DEFAULT_SPREAD[name][1] for name in METRICS], dtype=np.float32)
    default = absolute[None, :] + relative[None, :] * np.abs(level)
    widening = np.sqrt(np.maximum(ahead * step_seconds / _HOUR_SECONDS, 0.25))
    low = default[:, :, None] * widening
    high = low.copy()
    seen_days = np.minimum(known.sum(axis=-1) * step_seconds / _DAY_SECONDS, 1.0)
    share = (_DEFAULT_SHARES[0] + (_DEFAULT_SHARES[1] - _DEFAULT_SHARES[0]) * seen_days)[:, :, None]
    previous_low = np.zeros_like(level)
    previous_high = np.zeros_like(level)
    steps = series.shape[-1]
    for index, lag in enumerate(_LAGS):
        if lag >= steps or lag > horizon:
            break
        change = series[:, :, lag:] - series[:, :, :-lag]
        counted = (~np.isnan(change)).sum(axis=-1)
        bottom, top = _outer_quantiles(change, counted)
        # A band may not narrow with the horizon: what is uncertain at an hour is no surer at two.
        previous_low = np.maximum(previous_low, np.maximum(-bottom, 0.0))
        previous_high = np.maximum(previous_high, np.maximum(top, 0.0))
        end = _LAGS[index + 1] if index + 1 < len(_LAGS) else horizon + 1
        scope = (ahead >= lag) & (ahead < end)
        growth = np.sqrt(ahead[scope] / lag)
        enough = (counted >= _MIN_CHANGES)[:, :, None]
        least = share * low[:, :, scope]
        own_low = np.maximum(previous_low[:, :, None] * growth, least)
        own_high = np.maximum(previous_high[:, :, None] * growth, least)
        low[:, :, scope] = np.where(enough, own_low, low[:, :, scope])
        high[:, :, scope] = np.where(enough, own_high, high[:, :, scope])
    return np.maximum.accumulate(low, axis=-1), np.maximum.accumulate(high, axis=-1)


def _outer_quantiles(change: FloatArray, counted: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """p10 and p90 along the last axis, ignoring NaN; arbitrary where nothing was counted."""
    ordered = np.sort(change, axis=-1)
    last = np.maximum(counted - 1, 0)

    def at(level: float) -> FloatArray:
        index = np.rint(level * last).astype(np.int64)
        taken: FloatArray = np.take_along_axis(ordered, index[:, :, None], axis=-1)[:, :, 0]
        return np.nan_to_num(taken)

    return at(0.1), at(0.9)


def _median(values: FloatArray) -> FloatArray:
    """Median along the last axis, ignoring NaN; 0 where all are NaN."""
    ordered = np.sort(values, axis=-1)
    counted = (~np.isnan(values)).sum(axis=-1)
    low = np.maximum(counted - 1, 0) // 2
    high = np.minimum(counted // 2, values.shape[-1] - 1)
    pair = np.take_along_axis(ordered, np.stack((low, high), axis=-1), axis=-1)
    return np.where(counted > 0, pair.mean(axis=-1), 0.0).astype(np.float32)


def _mean_where(values: FloatArray, chosen: npt.NDArray[np.bool_]) -> FloatArray:
    """Mean of the chosen values along the last axis; 0 where none is chosen."""
    total = np.where(chosen, np.nan_to_num(values), 0.0).sum(axis=-1)
    mean: FloatArray = (total / np.maximum(chosen.sum(axis=-1), 1)).astype(np.float32)
    return mean
