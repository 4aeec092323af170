"""Probabilities that keep their word: a small monotone map from what the forecast says to what then happens.

For one horizon the map is a straight line of log-odds,

    logit(calibrated) = intercept + slope * logit(raw),    slope > 0

which can make probabilities sharper, milder, higher or lower but never changes their order (J. Platt,
"Probabilistic outputs for support vector machines", 1999, on log-odds instead of scores). It is fitted for a
few horizons. Between them intercept and slope are linear in the logarithm of the horizon, outside they stay as
at the nearest one. Two lines may fall from one horizon to the next where the raw probability hardly grows, but
a crossing within 30 minutes is one within 8 hours as well: the running maximum along the horizon keeps that.

A probability of 0 stays 0: it is what a threshold out of reach, or a metric without a forecast, has.

What holds for one server does not yet hold for a fleet: how its servers depend on each other is calibrated as
well, see `argus_server.risk.dependence`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from argus_server.risk.dependence import INDEPENDENT, Dependence, Fleet
from argus_server.risk.dependence import CalibrationError as CalibrationError

Floats = npt.NDArray[np.float32]
Wide = npt.NDArray[np.float64]

FORMAT_VERSION: Final = 1

# Log-odds beyond it differ by rounding only.
_LEAST: Final = 1e-6
# Where data say nothing, or separate perfectly, the map stays near the identity: a prior worth a few outcomes.
_PRIOR: Final = 1.0
_MIN_SLOPE: Final = 0.05
_NEWTON_STEPS: Final = 50
_CLOSE_ENOUGH: Final = 1e-10


@dataclass(frozen=True, slots=True)
class HorizonMap:
    """The map at one horizon.

    Attributes:
        minutes: The horizon.
        intercept: Of the line of log-odds.
        slope: Of the line of log-odds, above 0.
    """

    minutes: float
    intercept: float
    slope: float

    def __post_init__(self) -> None:
        for name in ("minutes", "intercept", "slope"):
            if not math.isfinite(getattr(self, name)):
                raise CalibrationError(f"{name} must be a finite number, got {getattr(self, name)}")
        if self.minutes <= 0:
            raise CalibrationError(f"minutes must be above 0, got {self.minutes:g}")
        if self.slope <= 0:
            raise CalibrationError(
                f"the slope at {self.minutes:g} minutes must be above 0, got {self.slope:g}: a map must not "
                "turn probabilities round; fit it anew"
            )

    @classmethod
    def fit(
        cls, minutes: float, probability: npt.NDArray[np.floating], outcome: npt.NDArray[np.bool_]
    ) -> HorizonMap:
        """The most likely map, by Newton's method, with a weak prior on the identity.

        Args:
            minutes: The horizon.
            probability: Raw, [samples]; zeros, which stay zeros, say nothing about the line and are left out.
            outcome: Whether it happened, [samples].

        Raises:
            CalibrationError: Arrays that do not go together, or values that are no probabilities.
        """
        if probability.shape != outcome.shape or probability.ndim != 1:
            raise CalibrationError(
                f"probability and outcome must be [samples], got {probability.shape} and {outcome.shape}"
            )
        if not ((probability >= 0) & (probability <= 1)).all():
            raise CalibrationError("probabilities must lie between 0 and 1; leave out those that are NaN")
        possible = probability > 0
        odds = _logit(probability[possible])
        happened = outcome[possible].astype(np.float64)
        intercept, slope = _newton(odds, happened, np.array([0.0, 1.0]), free_slope=True)
        if slope < _MIN_SLOPE:
            intercept, slope = _newton(odds, happened, np.array([0.0, _MIN_SLOPE]), free_slope=False)
        return cls(minutes, intercept, slope)


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Maps at several horizons, and how servers of a fleet depend on each other.

    Attributes:
        maps: By horizon, shortest first, at least one.
        dependence: The same; none where servers are taken as independent.
    """

    maps: tuple[HorizonMap, ...]
    dependence: tuple[Dependence, ...] = ()

    def __post_init__(self) -> None:
        minutes = [one.minutes for one in self.maps]
        if not minutes or any(a >= b for a, b in itertools.pairwise(minutes)):
            raise CalibrationError(f"maps must have rising horizons, at least one, got minutes {minutes}")
        minutes = [one.minutes for one in self.dependence]
        if any(a >= b for a, b in itertools.pairwise(minutes)):
            raise CalibrationError(f"dependence must have rising horizons, got minutes {minutes}")

    @classmethod
    def fit(
        cls, samples: Mapping[float, tuple[npt.NDArray[np.floating], npt.NDArray[np.bool_]]]
    ) -> Calibrator:
        """Fit one map per horizon.

        Args:
            samples: Minutes to raw probabilities and outcomes, both [samples].

        Raises:
            CalibrationError: As `HorizonMap.fit`.
        """
        return cls(tuple(HorizonMap.fit(minutes, *samples[minutes]) for minutes in sorted(samples)))

    def with_dependence(self, fleets: Mapping[float, Sequence[Fleet]]) -> Calibrator:
        """The same maps, and how servers depended on each other in some fleets.

        Args:
            fleets: Minutes to the fleets at that horizon, their chances calibrated by these maps.
        """
        fitted = tuple(Dependence.fit(minutes, fleets[minutes]) for minutes in sorted(fleets))
        return Calibrator(self.maps, fitted)

    def exponent(self, minutes: float) -> float:
        """Share of a fleet's servers that counts at a horizon, for `argus_server.risk.dependence.any_of`."""
        if not self.dependence:
            return INDEPENDENT
        known = np.log([one.minutes for one in self.dependence])
        return float(np.interp(math.log(minutes), known, [one.exponent for one in self.dependence]))

    def apply(self, probability: Floats, step_seconds: int) -> Floats:
        """Calibrate the probability of having crossed by each step.

        Args:
            probability: [..., horizon], between 0 and 1, never falling along the horizon.
            step_seconds: Length of a step; step h ends h steps from now.

        Returns:
            float32, the same shape, never falling along the horizon; 0 stays 0.
        """
        at = np.log(np.arange(1, probability.shape[-1] + 1) * (step_seconds / 60.0))
        known = np.log([one.minutes for one in self.maps])
        intercept = np.interp(at, known, [one.intercept for one in self.maps])
        slope = np.interp(at, known, [one.slope for one in self.maps])
        mapped = _expit(intercept + slope * _logit(probability)).astype(np.float32)
        mapped[probability <= 0] = 0.0
        calibrated: Floats = np.maximum.accumulate(mapped, axis=-1)
        return calibrated

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "format_version": FORMAT_VERSION,
            "method": "logit(calibrated) = intercept + slope * logit(raw), linear in log(minutes) between horizons",
            "maps": [
                {"minutes": one.minutes, "intercept": one.intercept, "slope": one.slope} for one in self.maps
            ],
            "dependence": [{"minutes": one.minutes, "exponent": one.exponent} for one in self.dependence],
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Calibrator:
        """Read what `to_json` gave, with or without dependence, which came later.

        Raises:
            CalibrationError: Another format, or values that are not allowed.
        """
        if state.get("format_version") != FORMAT_VERSION:
            raise CalibrationError(
                f"format_version must be {FORMAT_VERSION}, got {state.get('format_version')!r}; fit it anew"
            )
        try:
            maps = tuple(
                HorizonMap(float(one["minutes"]), float(one["intercept"]), float(one["slope"]))
                for one in state["maps"]
            )
        except (KeyError, TypeError) as error:
            raise CalibrationError(
                f"maps must be a list of minutes, intercept and slope, got {state.get('maps')!r}"
            ) from error
        try:
            dependence = tuple(
                Dependence(float(one["minutes"]), float(one["exponent"]))
                for one in state.get("dependence", ())
            )
        except (KeyError, TypeError) as error:
            raise CalibrationError(
                f"dependence must be a list of minutes and exponent, got {state['dependence']!r}"
            ) from error
        return cls(maps, dependence)


def _newton(odds: Wide, happened: Wide, start: Wide, *, free_slope: bool) -> tuple[float, float]:
    """Maximise the posterior of intercept and slope; the slope keeps its start where it is not free."""
    design = np.stack((np.ones_like(odds), odds), axis=1)  # [samples, 2]
    prior = np.array([0.0, 1.0])
    at = start.copy()
    free = slice(0, 2 if free_slope else 1)
    value = _loss(design, happened, at, prior)
    for _ in range(_NEWTON_STEPS):
        chance = _expit(design @ at)
        gradient = design.T @ (chance - happened) + _PRIOR * (at - prior)
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + _PRIOR * np.eye(2)
        step = np.zeros(2)
        step[free] = np.linalg.solve(curvature[free, free], gradient[free])
        # The loss is convex; halving makes a full step that jumps over the minimum a smaller one.
        scale = 1.0
        while scale > _CLOSE_ENOUGH and _loss(design, happened, at - scale * step, prior) > value:
            scale /= 2
        at = at - scale * step
        value = _loss(design, happened, at, prior)
        if np.abs(scale * step).max() < _CLOSE_ENOUGH:
            break
    return float(at[0]), float(at[1])


def _loss(design: Wide, happened: Wide, at: Wide, prior: Wide) -> float:
    odds = design @ at
    # log(1 + exp(x)) - y x, the negative log-likelihood of an outcome y with log-odds x.
    return float((np.logaddexp(0.0, odds) - happened * odds).sum() + _PRIOR / 2 * ((at - prior) ** 2).sum())


def _logit(probability: npt.NDArray[np.floating]) -> Wide:
    inside = np.clip(probability.astype(np.float64), _LEAST, 1 - _LEAST)
    return np.log(inside) - np.log1p(-inside)


def _expit(odds: Wide) -> Wide:
    return np.exp(-np.logaddexp(0.0, -odds))
