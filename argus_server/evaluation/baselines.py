"""What a forecast must beat: the last value, and yesterday with bands from its own past errors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def last_value(past: FloatArray, horizon: int) -> FloatArray:
    """Repeat the last observation; a point forecast, all quantiles are the same.

    Args:
        past: One series up to the origin, [steps], NaN where missing.
        horizon: Future steps.

    Returns:
        [horizon, 3]; NaN when nothing was observed.
    """
    seen = past[~np.isnan(past)]
    return np.full((horizon, 3), seen[-1] if len(seen) else np.nan, dtype=np.float32)


def seasonal_naive(past: FloatArray, horizon: int, season: int, spread: tuple[float, float]) -> FloatArray:
    """Repeat the last season; where it has a hole, the last observation.

    Args:
        past: One series up to the origin, [steps], at least `season` long.
        horizon: Future steps, at most `season`.
        season: Steps of a season.
        spread: p10 and p90 of the season-to-season change, from `seasonal_changes`.

    Returns:
        [horizon, 3].
    """
    value = past[-season : len(past) - season + horizon]
    value = np.where(np.isnan(value), last_value(past, horizon)[:, 0], value)
    low, high = min(spread[0], 0.0), max(spread[1], 0.0)
    return np.stack((value + low, value, value + high), axis=-1).astype(np.float32)


def seasonal_changes(train: FloatArray, season: int) -> tuple[float, tuple[float, float]]:
    """In-sample seasonal-naive mean absolute error, and p10 and p90 of the changes; zeros when unknown."""
    change = train[season:] - train[:-season]
    change = change[~np.isnan(change)]
    if not len(change):
        return 0.0, (0.0, 0.0)
    low, high = np.quantile(change, (0.1, 0.9))
    return float(np.abs(change).mean()), (float(low), float(high))
