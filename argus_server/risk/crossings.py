"""When and how likely each signal of a set of servers crosses its critical threshold, and any of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from argus_server.risk.calibration import Calibrator
from argus_server.risk.signals import SignalValues, signal_values
from argus_server.risk.tables import RiskTables
from argus_server.risk.thresholds import Crossing, crossing

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Crossings:
    """All signals of a set of servers, in table order.

    Attributes:
        values: Of each signal.
        crossed: Of each signal.
        groups: Group to the probability that one of its signals crosses by step h, float32 [servers,
            horizon]: signals of a group measure the same trouble, the likelier one speaks for it.
        probability: That any signal crosses by step h, float32 [servers, horizon]; groups are independent.
    """

    values: tuple[SignalValues, ...]
    crossed: tuple[Crossing, ...]
    groups: dict[str, Floats]
    probability: Floats

    def alert_probability(self, tables: RiskTables, step_seconds: int) -> Floats:
        """Of crossing within the horizon of each signal's alert rule, float32 [servers, signals]."""
        columns = [
            crossed.probability[:, rule.horizon_steps(step_seconds, crossed.probability.shape[1]) - 1]
            for rule, crossed in zip(tables.alerts.signals, self.crossed, strict=True)
        ]
        return np.stack(columns, axis=1)


def crossings(
    current: Floats,
    quantiles: Floats,
    profiles: npt.NDArray[np.int8],
    cores: Floats,
    step_seconds: int,
    tables: RiskTables,
    calibrator: Calibrator | None = None,
) -> Crossings:
    """Crossings of every signal of the tables.

    Args:
        current: Newest step means, [servers, metrics]; NaN where not measured.
        quantiles: [servers, metrics, horizon, 3]; NaN where not forecast.
        profiles: Indices into `PROFILES`, [servers].
        cores: [servers]; NaN or not positive where unknown.
        step_seconds: Length of a step.
        tables: Signals, thresholds and how chances add up.
        calibrator: Corrects each signal's probability; None takes the quantiles at their word.
    """
    near_steps = tables.weights.near_steps(step_seconds)
    values: list[SignalValues] = []
    crossed: list[Crossing] = []
    groups: dict[str, Floats] = {}
    # One signal at a time, so that no temporary is larger than [servers, horizon].
    for signal in tables.signals:
        own = signal_values(signal, current, quantiles, profiles, cores, near_steps)
        its = crossing(own.current, own.quantiles, own.critical, step_seconds, tables.urgency, calibrator)
        likelier = groups.get(signal.group)
        groups[signal.group] = its.probability if likelier is None else np.maximum(likelier, its.probability)
        values.append(own)
        crossed.append(its)
    spared = np.ones((len(current), quantiles.shape[2]), dtype=np.float32)
    for probability in groups.values():
        spared *= 1 - probability
    return Crossings(tuple(values), tuple(crossed), groups, 1 - spared)
