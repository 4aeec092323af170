"""Signals: metrics turned so that high is bad, put into the unit that their thresholds and points are in.

Three things happen to a metric on its way to being a signal. A percentage that is bad when low becomes 100
minus it (idle CPU becomes CPU in use), and its quantiles change places: the pessimistic CPU is 100 minus the
p10 of idle. Where it is not measured, the sum of its substitutes stands in. And load is divided by the number
of cores where that is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.metrics import P90
from argus_server.risk.tables import PointPair, PointTable, Signal

Floats = npt.NDArray[np.float32]

_FULL_PCT: Final = np.float32(100.0)


@dataclass(frozen=True, slots=True)
class SignalValues:
    """One signal of a set of servers, high being bad.

    Attributes:
        current: float32 [servers]; NaN where not measured.
        quantiles: float32 [servers, horizon, 3]: p10, p50, p90 of the signal; NaN where not forecast.
        critical: Critical threshold of the signal, float32 [servers]; NaN where none holds.
        current_points: Of the table for the present value, float32 [servers].
        predicted: Mean pessimistic quantile of the near future, float32 [servers].
        predicted_points: Of the table for it, float32 [servers].
        metrics: Metric to name, as its number in `argus.v1.Metric`, uint8 [servers]: a substitute where it
            stands in.
        metric_thresholds: Critical threshold in that metric's unit, float32 [servers].
        per_core: Whether values are per core, bool [servers].
    """

    current: Floats
    quantiles: Floats
    critical: Floats
    current_points: Floats
    predicted: Floats
    predicted_points: Floats
    metrics: npt.NDArray[np.uint8]
    metric_thresholds: Floats
    per_core: npt.NDArray[np.bool_]


def turned(current: Floats, signal: Signal) -> Floats:
    """A signal's present values, float32 [servers], from those of all metrics [servers, metrics], cores
    aside.

    NaN where neither the metric nor the first of its substitutes is measured.
    """
    own = current[:, signal.metric]
    if not signal.threshold.low_is_bad:
        return own
    return _with_substitutes(_FULL_PCT - own, current, signal)


def turned_quantiles(quantiles: Floats, signal: Signal) -> Floats:
    """A signal's quantiles, float32 [servers, horizon, 3], from those of all metrics [servers, metrics,
    horizon, 3].

    The quantiles of a sum of substitutes are taken to be the sums of their quantiles, which is exact when
    they rise and fall together and too wide otherwise: cautious on the pessimistic side.
    """
    own = quantiles[:, signal.metric]
    if not signal.threshold.low_is_bad:
        return own
    return _with_substitutes(_FULL_PCT - own[..., ::-1], quantiles, signal)


def _with_substitutes(own: Floats, values: Floats, signal: Signal) -> Floats:
    missing = np.isnan(own)
    if not signal.substitutes or not missing.any():
        return own
    first, *others = signal.substitutes
    total = values[
        :, first
    ].copy()  # unmeasured, it leaves the sum unknown: the rest alone would claim a quiet CPU
    for other in others:
        total += np.nan_to_num(values[:, other], nan=0.0)
    return np.where(missing, np.minimum(total, _FULL_PCT), own)


def signal_values(
    signal: Signal,
    current: Floats,
    quantiles: Floats,
    profiles: npt.NDArray[np.int8],
    cores: Floats,
    near_steps: int,
) -> SignalValues:
    """One signal of a set of servers.

    Args:
        signal: Which signal.
        current: [servers, metrics].
        quantiles: [servers, metrics, horizon, 3].
        profiles: Indices into `PROFILES`, [servers].
        cores: [servers]; NaN or not positive where unknown.
        near_steps: Steps of the near future.
    """
    threshold = signal.threshold
    values = turned(current, signal)
    bands = turned_quantiles(quantiles, signal)
    critical = np.full(len(values), threshold.limits.critical, dtype=np.float32)
    for profile, limits in threshold.profiles.items():
        critical[profiles == profile] = limits.critical
    if threshold.low_is_bad:
        critical = _FULL_PCT - critical
    metrics = np.full(len(values), signal.metric + 1, dtype=np.uint8)
    metric_thresholds = critical
    if threshold.low_is_bad:
        own = ~(
            np.isnan(current[:, signal.metric]) & np.isnan(quantiles[:, signal.metric, :, P90]).all(axis=1)
        )
        if signal.substitutes:
            metrics[~own] = signal.substitutes[0] + 1
        else:
            own[:] = True
        metric_thresholds = np.where(own, _FULL_PCT - critical, critical)
    per_core = np.zeros(len(values), dtype=np.bool_)
    if threshold.per_core:
        per_core = cores > 0
        divisor: Floats = np.where(per_core, cores, np.float32(1.0)).astype(np.float32)
        values = values / divisor
        bands = bands / divisor[:, None, None]
        metric_thresholds = critical * divisor
        critical = np.where(per_core, critical, np.float32(np.nan))
    predicted = bands[:, :near_steps, P90].mean(axis=1)
    return SignalValues(
        current=values,
        quantiles=bands,
        critical=critical,
        current_points=_points(signal, attrgetter("current"), values, profiles, per_core),
        predicted=predicted,
        predicted_points=_points(signal, attrgetter("predicted"), predicted, profiles, per_core),
        metrics=metrics,
        metric_thresholds=metric_thresholds,
        per_core=per_core,
    )


def _points(
    signal: Signal,
    side: Callable[[PointPair], PointTable],
    values: Floats,
    profiles: npt.NDArray[np.int8],
    per_core: npt.NDArray[np.bool_],
) -> Floats:
    points = side(signal.points).lookup(values)
    for profile, pair in signal.profiles.items():
        rows = profiles == profile
        points[rows] = side(pair).lookup(values[rows])
    if signal.per_core_points is not None:
        points[per_core] = side(signal.per_core_points).lookup(values[per_core])
    return points
