"""Per-window robust scaling: every series is seen as asinh((x - median) / mean absolute deviation).

The scale knows nothing but the window itself, so a server never seen before needs nothing, and a metric that
is missing on one server cannot touch another's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.contract import batch_constraints
from argus_server.metrics import METRICS

FloatArray = npt.NDArray[np.float32]

# Smallest scale of a metric, in its unit: below it, movement is rounding or noise nobody acts on.
SCALE_FLOORS: Final[dict[str, float]] = {
    "cpu_user_pct": 0.1,
    "cpu_sys_pct": 0.1,
    "cpu_iowait_pct": 0.1,
    "cpu_idle_pct": 0.1,
    "java_cpu_pct": 0.1,
    "mem_used_pct": 0.1,
    "swap_used_pct": 0.1,
    "disk_usage_pct": 0.02,
    "net_in_mb_s": 0.001,
    "net_out_mb_s": 0.001,
    "back_close_wait": 0.25,
    "front_close_wait": 0.25,
    "load_average": 0.02,
    "uptime_days": 0.01,
}

# asinh space is cut here: sinh(12) is 81,000 scales, beyond any reading and far from float32 overflow.
LIMIT: Final = 12.0


# A quiet day in a lively week is no reason to see the rest of the week through a microscope.
WEEK_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Scaling:
    """Location and scale of every series of a window, float32 [...]."""

    center: FloatArray
    scale: FloatArray


@dataclass(frozen=True, slots=True)
class WindowScaling:
    """What a window says about the scale of its series.

    Attributes:
        scaling: Location and scale, [series].
        day_share: How much of the whole window's deviation the last day shows, 0 to 1, [series].
    """

    scaling: Scaling
    day_share: FloatArray

    @property
    def center(self) -> FloatArray:
        """Location of each series."""
        return self.scaling.center

    @property
    def scale(self) -> FloatArray:
        """Scale of each series."""
        return self.scaling.scale

    def apply(self, values: FloatArray) -> FloatArray:
        """Real units [series, steps] -> asinh space."""
        return to_model_space(values, self.center, self.scale)


def to_model_space(values: FloatArray, center: FloatArray, scale: FloatArray) -> FloatArray:
    """Real units [..., steps] -> asinh space, for locations and scales [...]."""
    scaled: FloatArray = (values - center[..., None]) / scale[..., None]
    return np.clip(np.arcsinh(scaled, out=scaled), -LIMIT, LIMIT, out=scaled)


def fit(values: FloatArray, mask: npt.NDArray[np.bool_], floors: FloatArray, day: int) -> WindowScaling:
    """Median of the last day and mean absolute deviation from it.

    The deviation is the last day's, but at least `WEEK_SHARE` of the whole window's.

    Args:
        values: [series, steps] in real units, NaN where missing.
        mask: Where values are observed, same shape.
        floors: Smallest scale of each series, [series].
        day: Steps of the last day.

    Returns:
        The scaling; 0 and the floor for a series without any observation. A series that was silent for the
        last day has the whole window's median.
    """
    recent, recent_mask = values[:, -day:], mask[:, -day:]
    center, observed = _median(recent, recent_mask)
    silent = (observed == 0) & mask.any(axis=-1)
    if silent.any():
        center[silent] = _median(values[silent], mask[silent])[0]
    distance = np.where(mask, np.abs(values - center[:, None]), np.float32(0.0))
    whole = distance.sum(axis=-1) / np.maximum(mask.sum(axis=-1), 1)
    last_day = distance[:, -day:].sum(axis=-1) / np.maximum(observed, 1)
    scale = np.maximum(np.maximum(last_day, WEEK_SHARE * whole), floors).astype(np.float32)
    share: FloatArray = last_day / (last_day + whole + np.float32(1e-9))
    return WindowScaling(Scaling(center, scale), share.astype(np.float32))


def _median(values: FloatArray, mask: npt.NDArray[np.bool_]) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Median of what was observed, 0 for nothing, and how much was, both [series]."""
    steps = values.shape[-1]
    observed = np.count_nonzero(mask, axis=-1)
    ordered = np.sort(values, axis=-1)  # NaN sorts to the end
    low = np.maximum(observed - 1, 0) // 2
    high = np.minimum(observed // 2, steps - 1)
    middle = np.take_along_axis(ordered, np.stack((low, high), axis=-1), axis=-1).mean(axis=-1)
    return np.where(observed > 0, middle, 0.0).astype(np.float32), observed


def floors_of(metrics: tuple[str, ...]) -> FloatArray:
    """Scale floors of the named metrics, float32 [metrics]."""
    return np.array([SCALE_FLOORS[name] for name in metrics], dtype=np.float32)


def upper_bounds(metrics: tuple[str, ...] = METRICS) -> FloatArray:
    """Largest value of each metric that the contract allows; the smallest is 0."""
    bounds = dict(zip(METRICS, batch_constraints().metric_bounds, strict=True))
    return np.array([bounds[name].upper for name in metrics], dtype=np.float32)
