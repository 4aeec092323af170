"""How likely, and when, a critical threshold is crossed: from quantile forecasts to probabilities.

**One step.** Between and beyond p10, p50 and p90 the forecast is read as a two-piece normal distribution: the
half above the median has the standard deviation that puts 10 % beyond p90, the half below the one that puts
10 % below p10. It passes through all three quantiles, allows skew, and is exact for a normal forecast. A half
without width is certain. A metric with a bound (100 %) needs no extra care: thresholds lie inside the bound,
so a quantile cut off at the bound is past the threshold anyway and its true distance does not matter.

**Many steps.** Steps of one series are not separate chances: a forecast that is 10 % likely to be over in
each of 96 steps may be over at some time with a probability of 10 % (one slow drift decides all) or of almost
100 % (every step is drawn anew). How much of the uncertainty of step h is new is told by the forecast itself:
the band of a series that forgets at once is as wide at step 1 as later, the band of one that drifts grows. So
the chance of step h counts with the exponent

    w(h) = min(1, width(1) / width(h)) ** independence_exponent
    P(H) = max(max p(h), 1 - prod (1 - p(h)) ** w(h))

The exponent 1.6 of the tables was fitted to simulated normal random walks and first-order autoregressive
series (coefficients 0 to 1, with and without drift, thresholds 0.5 to 2.6 standard deviations away, 30
minutes to 8 hours). There P is wrong by less than 0.04 on average and 0.15 at most, which a test holds. The
usual shortcut, steps of one hour as one chance and hours as independent, is wrong by up to 0.7.

**One server.** Signals of one group of the tables (CPU and load, memory and swap) measure the same trouble:
the likelier one speaks for the group. Groups are taken as independent. What servers of a fleet have to do with
each other is the matter of `argus_server.risk.dependence`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.metrics import P10, P50, P90
from argus_server.risk.calibration import Calibrator
from argus_server.risk.tables import Urgency

Floats = npt.NDArray[np.float32]

# Standard deviations between the median and p90 of a normal distribution.
_P90_DEVIATIONS: Final = np.float32(1.2815515655446004)

# The standard normal upper tail on a grid fine enough for an error below 1e-6 when interpolated, up to where
# float32 tells it from 0 or 1 no more.
_GRID: Final = np.linspace(-6.0, 6.0, 4801)
_UPPER_TAIL: Final = np.array([0.5 * math.erfc(z / math.sqrt(2.0)) for z in _GRID])

# A chance of 1 would make its logarithm infinite; the maximum restores it.
_ALMOST_CERTAIN: Final = np.float32(1.0 - 1e-6)


@dataclass(frozen=True, slots=True)
class Crossing:
    """Of one signal of a set of servers.

    Attributes:
        probability: That the threshold is crossed by step h, float32 [servers, horizon], never falling along
            it.
        minutes: Until it is, float32 [servers]; 0 when it is crossed already, NaN when no crossing is
            expected.
        by_median: Whether the median (or the present value) crosses, bool [servers]; otherwise `minutes` are
            those of the pessimistic quantile.
    """

    probability: Floats
    minutes: Floats
    by_median: npt.NDArray[np.bool_]


def crossing(
    current: Floats,
    quantiles: Floats,
    critical: Floats,
    step_seconds: int,
    urgency: Urgency,
    calibrator: Calibrator | None = None,
) -> Crossing:
    """When and how likely values, high being bad, reach their critical threshold.

    Args:
        current: [servers]; NaN where not measured.
        quantiles: [servers, horizon, 3]; NaN where not forecast.
        critical: [servers]; NaN where there is no threshold: nothing is ever crossed.
        step_seconds: Length of a step.
        urgency: Holds `minimum_probability` and `independence_exponent`.
        calibrator: Corrects what the quantiles say; None takes them at their word.
    """
    with np.errstate(invalid="ignore"):
        crossed = current >= critical
    probability = crossing_probability(quantiles, critical, urgency.independence_exponent)
    if calibrator is not None:
        probability = calibrator.apply(probability, step_seconds)
    probability[crossed] = 1.0
    by_median = _first_crossing(current, quantiles[..., P50], critical, step_seconds)
    by_pessimist = _first_crossing(current, quantiles[..., P90], critical, step_seconds)
    by_pessimist[probability[:, -1] < urgency.minimum_probability] = np.nan
    minutes = np.where(np.isnan(by_median), by_pessimist, by_median)
    minutes[crossed] = 0.0
    return Crossing(probability, minutes, crossed | ~np.isnan(by_median))


def crossing_probability(quantiles: Floats, critical: Floats, independence_exponent: float) -> Floats:
    """Probability that values reach a threshold at some step up to each: the module says how.

    Args:
        quantiles: [servers, horizon, 3], non-crossing; NaN where not forecast.
        critical: [servers]; NaN for none.
        independence_exponent: How fast the chances of later steps lose weight as the band grows.

    Returns:
        float32 [servers, horizon], never falling along the horizon; 0 where not forecast.
    """
    single = exceedance(quantiles, critical[:, None])  # [servers, horizon]
    width = quantiles[..., P90] - quantiles[..., P10]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.nan_to_num(width[:, :1] / width, nan=1.0, posinf=1.0)
    weight = np.minimum(share, 1.0) ** np.float32(independence_exponent)
    spared = np.cumsum(weight * np.log1p(-np.minimum(single, _ALMOST_CERTAIN)), axis=1)
    combined: Floats = np.maximum(np.maximum.accumulate(single, axis=1), -np.expm1(spared))
    return combined


def exceedance(quantiles: Floats, critical: Floats) -> Floats:
    """Probability that a value is at or above a threshold, read from its quantiles as a two-piece normal.

    Args:
        quantiles: [..., 3], non-crossing; NaN where not forecast.
        critical: Broadcasts against [...]; NaN for none.

    Returns:
        float32 [...]; 0 where there is no forecast or no threshold.
    """
    median = quantiles[..., P50]
    distance = critical - median
    width = np.where(distance > 0, quantiles[..., P90] - median, median - quantiles[..., P10])
    with np.errstate(invalid="ignore", divide="ignore"):
        deviations = distance * _P90_DEVIATIONS / np.maximum(width, 0)
    # 0 / 0 is a certain value exactly at its threshold: reached.
    deviations = np.where((width <= 0) & (distance == 0), -np.inf, deviations)
    tail = np.interp(deviations, _GRID, _UPPER_TAIL, left=1.0, right=0.0).astype(np.float32)
    return np.where(np.isnan(deviations), np.float32(0.0), tail)


def _first_crossing(current: Floats, path: Floats, critical: Floats, step_seconds: int) -> Floats:
    """Minutes until a path [servers, horizon] first reaches the threshold, linear between steps; NaN when
    never.

    The path starts at the present value; where that is unknown, a crossing before step 1 is put at step 1.
    """
    with np.errstate(invalid="ignore"):
        over = path >= critical[:, None]
    step = over.argmax(axis=1)
    rows = np.arange(len(path))
    reached = path[rows, step]
    before = np.where(step > 0, path[rows, step - 1], current)
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = np.clip((critical - before) / (reached - before), 0.0, 1.0)
    fraction = np.where(np.isnan(before), 1.0, fraction)
    minutes = (step + fraction) * (step_seconds / 60.0)
    return np.where(over.any(axis=1), minutes, np.nan).astype(np.float32)


@dataclass(frozen=True, slots=True)
class UrgencyWeights:
    """Turns crossing probabilities into points: their expected urgency.

    With u(h) the points for crossing at step h and P(h) the probability of having crossed by then, the
    expectation of u over the time of the first crossing is the sum of u(h) * (P(h) - P(h - 1)). Summed by
    parts it is P(h) times weights that are never negative: more likely or sooner is never worth less. A
    threshold that is crossed already counts as crossed at step 1.

    Attributes:
        weights: float32 [horizon].
    """

    weights: Floats

    @classmethod
    def of(cls, urgency: Urgency, horizon: int, step_seconds: int) -> UrgencyWeights:
        """Weights for a horizon of so many steps of so many seconds."""
        minutes = np.arange(1, horizon + 1) * (step_seconds / 60.0)
        points = np.interp(minutes, urgency.minutes, urgency.points)
        return cls((points - np.append(points[1:], 0.0)).astype(np.float32))

    def points(self, probability: Floats) -> Floats:
        """Expected urgency, float32 [servers], of crossing probabilities [servers, horizon]."""
        # Not a product: NumPy's BLAS threads spin after each call and take cores from the forecast.
        points: Floats = np.einsum("sh,h->s", probability, self.weights)
        return points
