"""The rule that operators use today, for every signal: a level guard and a line that crosses the threshold.

It is the node-mixin's rule for disks, in PromQL

    value > warning and predict_linear(value[6h], horizon) >= critical    for: 1h

with the warning and critical thresholds of the risk tables, on signals turned so that high is bad. The
mixin looks 24 hours ahead; 8 hours ask the same question as the forecasts do. An operator who tunes the rule may
look back over a shorter or longer time, wait less, and do without the level: `VARIANTS` are what there is to
choose from. They keep firing for half an hour (`keep_firing_for`), as the alarms that they are compared with do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.evaluation.alarms import CLEAR_MINUTES, lasting, latched
from argus_server.evaluation.regression import Lines
from argus_server.evaluation.truth import Flags, Truth
from argus_server.risk.tables import RiskTables


@dataclass(frozen=True, slots=True)
class LinearRule:
    """How the rule looks back and ahead.

    Attributes:
        horizon_hours: How far ahead the line must cross.
        window_hours: Length of the past that the line is fitted to.
        hold_minutes: How long both conditions hold before the rule fires.
        guarded: Whether the value must be at or above the warning threshold.
        keep_minutes: How long the rule keeps firing once a condition is over.
    """

    horizon_hours: float = 24.0
    window_hours: float = 6.0
    hold_minutes: float = 60.0
    guarded: bool = True
    keep_minutes: float = 0.0


NODE_MIXIN: Final[Mapping[str, LinearRule]] = {
    "node_mixin_24h": LinearRule(horizon_hours=24.0),
    "node_mixin_8h": LinearRule(horizon_hours=8.0),
}
"""The rule as it is published, and with the horizon of the forecasts."""

_HORIZONS: Final = (8.0, 24.0)
_WINDOWS: Final = (1.0, 6.0, 24.0)
_HOLDS: Final = (0.0, 15.0, 60.0)

VARIANTS: Final[Mapping[str, LinearRule]] = {
    f"{window:g}h_to_{horizon:g}h_held_{hold:g}min_{'guarded' if guarded else 'unguarded'}": LinearRule(
        horizon, window, hold, guarded, CLEAR_MINUTES
    )
    for horizon in _HORIZONS
    for window in _WINDOWS
    for hold in _HOLDS
    for guarded in (True, False)
}
"""The rule with other settings, for who tunes it."""

RULES: Final[Mapping[str, LinearRule]] = {**NODE_MIXIN, **VARIANTS}


def fires(
    rules: Mapping[str, LinearRule], truth: Truth, profile: int, step_seconds: int, tables: RiskTables
) -> dict[str, dict[str, Flags]]:
    """Whether each rule fires for a signal of each group once each row is known: name, group, [steps]."""
    windows = {rule.window_hours for rule in rules.values()}
    lines = {hours: Lines.through(truth.values, _rows(hours * 60, step_seconds)) for hours in windows}
    limits = _limits(profile, tables)
    return {
        name: _fires(rule, truth, lines[rule.window_hours], limits, step_seconds, tables)
        for name, rule in rules.items()
    }


def _fires(
    rule: LinearRule,
    truth: Truth,
    lines: Lines,
    limits: npt.NDArray[np.float64],
    step_seconds: int,
    tables: RiskTables,
) -> dict[str, Flags]:
    # True now and at every evaluation of the time before: an hour has one row more than steps.
    held = _rows(rule.hold_minutes, step_seconds) + 1
    kept = _rows(rule.keep_minutes, step_seconds) + 1
    with np.errstate(invalid="ignore"):
        met = lines.ahead(_rows(rule.horizon_hours * 60, step_seconds)) >= limits[1]
        if rule.guarded:
            met &= truth.values >= limits[0]
    result = {signal.group: np.zeros(len(met), dtype=np.bool_) for signal in tables.signals}
    for column, signal in enumerate(tables.signals):
        raised, cleared = lasting(met[:, column], held), lasting(~met[:, column], kept)
        result[signal.group] |= latched(raised, cleared)
    return result


def _limits(profile: int, tables: RiskTables) -> npt.NDArray[np.float64]:
    """Warning and critical thresholds of every signal, high being bad, [2, signals]; NaN for none."""
    limits = np.full((2, len(tables.signals)), np.nan)
    for column, signal in enumerate(tables.signals):
        if signal.threshold.per_core:
            continue  # without a number of cores there is no threshold
        own = signal.threshold.of(profile)
        low = signal.threshold.low_is_bad
        limits[:, column] = [100.0 - one if low else one for one in (own.warning, own.critical)]
    return limits


def _rows(minutes: float, step_seconds: int) -> int:
    return round(minutes * 60 / step_seconds)
