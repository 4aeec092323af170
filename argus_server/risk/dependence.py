"""From the chances of servers to the chance that any of them has an incident.

Taken as independent, chances add up to 1 - prod(1 - p). Servers are not: they share load, networks and causes, so
their incidents come together, and some of the servers say nothing that the others have not said. Of n servers
that move as one, only one counts. The exponent states the share that counts,

    P = max(max p, 1 - prod(1 - p) ** exponent),    0 < exponent <= 1

from one trouble that is all servers' (towards 0, where the likeliest server speaks for all) to independence (1).
So P stays within what any dependence allows, and one certain incident is a certain incident in any fleet. The
exponent is the most likely one for what happened to the fleets that it is fitted to, and belongs to a horizon.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Figures = npt.NDArray[np.float64]
Fleet = tuple[Figures, bool]
"""Chances of the servers of a fleet, [servers], and whether any of them had an incident."""

INDEPENDENT: Final = 1.0

_LEAST: Final = 0.01
_CANDIDATES: Final = np.geomspace(_LEAST, INDEPENDENT, 200)
# Chances of 0 and 1 that did not come true cost much, not everything.
_ROUNDING: Final = 1e-4
# Few fleets say little: independence is worth this many fleets per factor of e of distance, squared.
_PRIOR: Final = 1.0


class CalibrationError(ValueError):
    """A calibration that cannot be used; the message says what was got, what is allowed and what to do."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """How servers of a fleet depend on each other.

    Attributes:
        minutes: The horizon that it holds for.
        exponent: Share of the servers that counts, above 0 and at most 1.
    """

    minutes: float
    exponent: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.minutes) and self.minutes > 0):
            raise CalibrationError(f"minutes must be a finite number above 0, got {self.minutes:g}")
        if not 0 < self.exponent <= INDEPENDENT:
            raise CalibrationError(
                f"the exponent at {self.minutes:g} minutes must be above 0 and at most 1, got {self.exponent:g}; "
                "fit it anew"
            )

    @classmethod
    def fit(cls, minutes: float, fleets: Sequence[Fleet]) -> Dependence:
        """The most likely exponent, with a weak prior on independence; without fleets that is what it is."""
        if not fleets:
            return cls(minutes, INDEPENDENT)
        with np.errstate(divide="ignore"):
            spared = np.array([np.log1p(-chances).sum() for chances, _ in fleets])
        likeliest = np.array([chances.max() for chances, _ in fleets])
        happened = np.array([outcome for _, outcome in fleets])
        stated = np.maximum(-np.expm1(_CANDIDATES[:, None] * spared), likeliest)  # [candidates, fleets]
        stated = stated.clip(_ROUNDING, 1 - _ROUNDING)
        loss = -np.where(happened, np.log(stated), np.log1p(-stated)).sum(axis=1)
        loss += _PRIOR / 2 * np.log(_CANDIDATES) ** 2
        return cls(minutes, float(_CANDIDATES[loss.argmin()]))


def any_of(probability: npt.NDArray[np.floating], exponent: float = INDEPENDENT) -> float:
    """Chance that at least one server has an incident.

    Args:
        probability: Of each server, [servers].
        exponent: Share of the servers that counts.

    Returns:
        At least the largest of the chances, at most their sum; 0 for an empty fleet.
    """
    if not len(probability):
        return 0.0
    chances = probability.astype(np.float64)
    spared = float(np.prod(1.0 - chances))
    return max(float(chances.max()), 1.0 - float(spared**exponent))
