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


@dataclass(frozen=True, slots=True)
class Scaling:
    """Location and scale of every series of a window, float32 [servers, metrics]."""

    center: FloatArray
    scale: FloatArray

    def apply(self, values: FloatArray) -> FloatArray:
        """Real units [servers, metrics, steps] -> asinh space."""
        scaled: FloatArray = (values - self.center[:, :, None]) / self.scale[:, :, None]
        return np.clip(np.arcsinh(scaled, out=scaled), -LIMIT, LIMIT, out=scaled)


def fit(values: FloatArray, mask: npt.NDArray[np.bool_], floors: FloatArray) -> Scaling:
    """Median and mean absolute deviation of what was observed.

    Args:
        values: [servers, metrics, steps] in real units, NaN where missing.
        mask: Where values are observed, same shape.
        floors: Smallest scale of each metric, [metrics].

    Returns:
        The scaling; 0 and the floor for a series without any observation.
    """
    steps = values.shape[-1]
    ordered = np.sort(values, axis=-1)  # NaN sorts to the end
    observed = np.count_nonzero(mask, axis=-1)
    low = np.maximum(observed - 1, 0) // 2
    high = np.minimum(observed // 2, steps - 1)
    middle = np.take_along_axis(ordered, np.stack((low, high), axis=-1), axis=-1).mean(axis=-1)
    center = np.where(observed > 0, middle, 0.0).astype(np.float32)
    distance = values - center[:, :, None]
    total = np.abs(distance, out=distance).sum(axis=-1, where=mask)
    return Scaling(center, np.maximum(total / np.maximum(observed, 1), floors[None, :]).astype(np.float32))


def floors_of(metrics: tuple[str, ...]) -> FloatArray:
    """Scale floors of the named metrics, float32 [metrics]."""
    return np.array([SCALE_FLOORS[name] for name in metrics], dtype=np.float32)


def upper_bounds(metrics: tuple[str, ...] = METRICS) -> FloatArray:
    """Largest value of each metric that the contract allows; the smallest is 0."""
    bounds = dict(zip(METRICS, batch_constraints().metric_bounds, strict=True))
    return np.array([bounds[name].upper for name in metrics], dtype=np.float32)
