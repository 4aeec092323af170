"""How far crossing probabilities keep their word: Brier score, calibration error and reliability.

A probability is scored at origins at which the threshold is not crossed yet, against whether the future steps
up to its horizon reach it: at any step, which is what it states, and for long enough to be an event. What a
fleet's incident probability is scored against is whether any of its servers, those that are over already left
out, reaches a threshold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from argus_server.evaluation.rolling import ServerForecasts
from argus_server.evaluation.truth import (
    EVENT_MINUTES,
    Flags,
    Rows,
    Truth,
    members_of_groups,
    outcomes,
    sustained,
)
from argus_server.risk.calibration import Calibrator
from argus_server.risk.crossings import Crossings, crossings
from argus_server.risk.dependence import INDEPENDENT, Fleet, any_of
from argus_server.risk.tables import RiskTables

FloatArray = npt.NDArray[np.float32]
Figures = npt.NDArray[np.float64]

FLEET_SERVERS: Final = 10
"""Servers of the fleets whose incident probability is scored, at most."""

_BINS: Final = 10


def crossings_at(
    forecasts: ServerForecasts, tables: RiskTables, calibrator: Calibrator | None = None
) -> Crossings:
    """Crossings of a server at each of its origins, computed as for that many servers of a fleet."""
    origins = forecasts.origins
    return crossings(
        forecasts.values[origins - 1],
        forecasts.quantiles,
        np.full(len(origins), forecasts.profile, dtype=np.int8),
        np.full(len(origins), np.nan, dtype=np.float32),
        forecasts.step_seconds,
        tables,
        calibrator,
    )


def brier(probability: Figures, outcome: Flags) -> dict[str, Any]:
    """Scores of probabilities [samples] against outcomes [samples], ready for JSON; None where undefined.

    The skill is 1 - Brier / Brier of always stating the samples' own base rate. The calibration error is the
    mean distance of stated and observed frequency over bins, weighted by their samples: ten bins of equal
    width, and up to ten of equal count, equal probabilities never parted.
    """
    samples = len(probability)
    if not samples:
        return {
            "samples": 0,
            "happened": 0,
            "brier": None,
            "skill": None,
            "ece": None,
            "ece_equal_count": None,
        }
    happened = outcome.astype(np.float64)
    base = float(happened.mean())
    error = float(((probability - happened) ** 2).mean())
    constant = base * (1 - base)
    inner = np.unique(np.quantile(probability, np.arange(1, _BINS) / _BINS))
    return {
        "samples": samples,
        "happened": int(outcome.sum()),
        "base_rate": _figure(base),
        "mean_probability": _figure(float(probability.mean())),
        "brier": _figure(error),
        "brier_of_base_rate": _figure(constant),
        "skill": _figure(1 - error / constant) if constant > 0 else None,
        "ece": _figure(_calibration_error(probability, happened, np.arange(1, _BINS) / _BINS)),
        "ece_equal_count": _figure(_calibration_error(probability, happened, inner)),
    }


def reliability(probability: Figures, outcome: Flags) -> list[dict[str, Any]]:
    """Stated against observed frequency in ten bins of equal width, empty ones left out."""
    bins = np.digitize(probability, np.arange(1, _BINS) / _BINS)
    return [
        {
            "from": round(index / _BINS, 1),
            "to": round((index + 1) / _BINS, 1),
            "samples": int((bins == index).sum()),
            "mean_probability": _figure(float(probability[bins == index].mean())),
            "frequency": _figure(float(outcome[bins == index].mean())),
        }
        for index in range(_BINS)
        if (bins == index).any()
    ]


def _calibration_error(probability: Figures, happened: Figures, inner_edges: Figures) -> float:
    bins = np.digitize(probability, inner_edges)
    count = len(inner_edges) + 1
    distance = np.bincount(bins, probability - happened, minlength=count)
    return float(np.abs(distance).sum() / len(probability))


@dataclass(slots=True)
class _Samples:
    """Probabilities and outcomes as they come in, server by server."""

    probability: list[FloatArray] = field(default_factory=list)
    outcome: list[Flags] = field(default_factory=list)

    def add(self, probability: FloatArray, outcome: Flags, chosen: Flags) -> None:
        self.probability.append(probability[chosen])
        self.outcome.append(outcome[chosen])

    def joined(self) -> tuple[Figures, Flags]:
        return np.concatenate(self.probability).astype(np.float64), np.concatenate(self.outcome)


@dataclass(frozen=True, slots=True)
class _Member:
    """A server of a fleet at one time: its chance, what happened, and the share of the fleet that counts."""

    probability: float
    happened: bool
    exponent: float


class ProbabilityBoard:
    """Collects servers, one at a time, and scores them all.

    Args:
        tables: Signals and thresholds.
        horizons: Minutes of the horizons that are scored, by name.
    """

    def __init__(self, tables: RiskTables, horizons: dict[str, float]) -> None:
        self._tables = tables
        self.horizons = horizons
        self._servers: dict[str, dict[str, _Samples]] = defaultdict(lambda: defaultdict(_Samples))
        self._fleets: dict[str, dict[tuple[str, int], list[_Member]]] = defaultdict(lambda: defaultdict(list))
        self._over = 0
        self.origins = 0

    @classmethod
    def of(cls, tables: RiskTables, step_seconds: int, horizon: int) -> ProbabilityBoard:
        """A board for the near future, as the tables say, and the whole of a forecast of `horizon` steps."""
        near, whole = (
            steps * step_seconds / 60.0 for steps in (tables.weights.near_steps(step_seconds), horizon)
        )
        return cls(tables, {_name(near): near, _name(whole): whole})

    def add(
        self,
        forecasts: ServerForecasts,
        truth: Truth,
        found: Crossings,
        *,
        fleet: str = "",
        calibrator: Calibrator | None = None,
    ) -> None:
        """Add a server.

        Args:
            forecasts: Its forecasts.
            truth: What happened.
            found: Its crossings at each origin.
            fleet: Servers of the same one, at the same time, may have incidents together.
            calibrator: Says how much they do.
        """
        tables, origins = self._tables, forecasts.origins
        before = origins - 1
        lasting = sustained(truth.over, max(1, round(EVENT_MINUTES * 60 / forecasts.step_seconds)))
        scopes: dict[str, tuple[FloatArray, list[int]]] = {
            "server": (found.probability, list(range(len(tables.signals))))
        }
        for group, members in members_of_groups(tables).items():
            scopes[f"group {group}"] = (found.groups[group], members)
        for index, signal in enumerate(tables.signals):
            scopes[f"signal {signal.name}"] = (found.crossed[index].probability, [index])
        # Servers whose origins lie in the same stretch between two origins make fleets of that time.
        stride = int(np.diff(origins).min()) if len(origins) > 1 else 1
        step_ms = forecasts.step_seconds * 1000
        slots: Rows = (forecasts.start_ms + origins * step_ms) // (stride * step_ms)
        self.origins += len(origins)
        self._over += int(truth.over[before].any(axis=1).sum())
        for scope, (probability, members) in scopes.items():
            over = np.any(truth.over[:, members], axis=1)
            measured = truth.measured(members)
            # Without a forecast there is no statement, and P is 0 for want of one.
            stated = ~np.isnan(forecasts.quantiles[:, self._metrics(members)]).all(axis=(1, 2, 3))
            ready = measured[before] & ~over[before] & stated
            for name, minutes in self.horizons.items():
                steps = round(minutes * 60 / forecasts.step_seconds)
                reached, known = outcomes(over, measured, origins, steps)
                events, _ = outcomes(np.any(lasting[:, members], axis=1), measured, origins, steps)
                chosen = ready & known
                at = probability[:, steps - 1]
                self._servers[name][scope].add(at, reached, chosen)
                if scope == "server":
                    self._servers[name]["server, for 10 minutes"].add(at, events, chosen)
                    exponent = INDEPENDENT if calibrator is None else calibrator.exponent(minutes)
                    for time in np.flatnonzero(chosen).tolist():
                        member = _Member(float(at[time]), bool(reached[time]), exponent)
                        self._fleets[name][fleet, int(slots[time])].append(member)

    def samples(self, name: str) -> tuple[Figures, Flags]:
        """Probabilities and outcomes of all signals at one horizon, both [samples]: what a calibrator is
        fitted to."""
        joined = [one.joined() for scope, one in self._servers[name].items() if scope.startswith("signal ")]
        return np.concatenate([p for p, _ in joined]), np.concatenate([y for _, y in joined])

    def fleets(self, name: str) -> list[Fleet]:
        """Chances and outcome of every fleet at one horizon: what dependence is fitted to."""
        return [
            (np.array([one.probability for one in fleet]), any(one.happened for one in fleet))
            for fleet in self._members(name)
        ]

    def to_json(self) -> dict[str, Any]:
        """Scores by horizon."""
        result: dict[str, Any] = {
            "origins": self.origins,
            "origins_over_a_threshold_already": self._over,
        }
        for name in self.horizons:
            scopes = {scope: one.joined() for scope, one in self._servers[name].items()}
            if "server" not in scopes:
                continue
            result[name] = {
                "server": {**brier(*scopes["server"]), "reliability": reliability(*scopes["server"])},
                "server_for_10_minutes": brier(*scopes["server, for 10 minutes"]),
                "groups": {s[6:]: brier(*one) for s, one in scopes.items() if s.startswith("group ")},
                "signals": {s[7:]: brier(*one) for s, one in scopes.items() if s.startswith("signal ")},
                "environment": self._environment(name),
            }
        return result

    def _metrics(self, members: list[int]) -> list[int]:
        signals = [self._tables.signals[index] for index in members]
        return sorted({metric for one in signals for metric in (one.metric, *one.substitutes[:1])})

    def _members(self, name: str) -> Iterator[list[_Member]]:
        for servers in self._fleets[name].values():
            for begin in range(0, len(servers), FLEET_SERVERS):
                fleet = servers[begin : begin + FLEET_SERVERS]
                if len(fleet) > 1:
                    yield fleet

    def _environment(self, name: str) -> dict[str, Any]:
        probability = np.array(
            [
                any_of(chances, float(np.mean([one.exponent for one in fleet])))
                for fleet, (chances, _) in zip(self._members(name), self.fleets(name), strict=True)
            ]
        )
        outcome = np.array([happened for _, happened in self.fleets(name)], dtype=np.bool_)
        return {
            "fleet_servers": FLEET_SERVERS,
            **brier(probability, outcome),
            "reliability": reliability(probability, outcome),
        }


def _name(minutes: float) -> str:
    return f"{minutes:g}min" if minutes < 60 else f"{minutes / 60:g}h"


def _figure(value: float) -> float:
    return round(value, 5)
