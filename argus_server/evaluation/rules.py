"""The rule that operators use today, for every signal: a level guard and a line that crosses the threshold.

It is the node-mixin's rule for disks, in PromQL

    value > warning and predict_linear(value[6h], horizon) >= critical    for: 1h

with the warning and critical thresholds of the risk tables, on signals turned so that high is bad. The
mixin looks 24 hours ahead; 8 hours ask the same question as the forecasts do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from argus_server.evaluation.truth import Flags, FloatArray, Truth, runs
from argus_server.risk.tables import RiskTables

Figures = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearRule:
    """How the rule looks back and ahead.

    Attributes:
        horizon_hours: How far ahead the line must cross.
        window_hours: Length of the past that the line is fitted to.
        hold_minutes: How long both conditions hold before the rule fires.
    """

    horizon_hours: float = 24.0
    window_hours: float = 6.0
    hold_minutes: float = 60.0

    def fires(self, truth: Truth, profile: int, step_seconds: int, tables: RiskTables) -> dict[str, Flags]:
        """Whether the rule fires for a signal of each group once each row is known, group to [steps]."""
        window = round(self.window_hours * 3600 / step_seconds)
        ahead = round(self.horizon_hours * 3600 / step_seconds)
        # True now and at every evaluation of the hour before: an hour has one row more than steps.
        held = round(self.hold_minutes * 60 / step_seconds) + 1
        result = {signal.group: np.zeros(len(truth.values), dtype=np.bool_) for signal in tables.signals}
        for column, signal in enumerate(tables.signals):
            if signal.threshold.per_core:
                continue  # without a number of cores there is no threshold
            limits = signal.threshold.of(profile)
            warning, critical = limits.warning, limits.critical
            if signal.threshold.low_is_bad:
                warning, critical = 100.0 - warning, 100.0 - critical
            values = truth.values[:, column]
            with np.errstate(invalid="ignore"):
                met = (values >= warning) & (predict_linear(values, window, ahead) >= critical)
            for begin, end in runs(met):
                result[signal.group][begin + held - 1 : max(end, begin + held - 1)] = True
        return result


def predict_linear(values: FloatArray, window: int, ahead: int) -> Figures:
    """The least-squares line through the last `window` rows, that row included, `ahead` rows later.

    As Prometheus' function: missing rows are left out, a row with fewer than two known ones has no line, and
    the line is taken relative to the time of evaluation.

    Args:
        values: [steps], NaN where missing.
        window: Rows of a window; at the start of the history it is shorter.
        ahead: Rows from the last one of the window to where the line is read.

    Returns:
        float64 [steps]; NaN where there is no line.
    """
    padded = np.concatenate((np.full(window - 1, np.nan), values.astype(np.float64)))
    past = np.lib.stride_tricks.sliding_window_view(padded, window)  # [steps, window]
    known = ~np.isnan(past)
    at = np.arange(1.0 - window, 1.0)
    count = known.sum(axis=1)
    some = np.maximum(count, 1)
    mean_at = known @ at / some
    mean = np.where(known, past, 0.0).sum(axis=1) / some
    from_mean = np.where(known, at - mean_at[:, None], 0.0)
    moved = np.where(known, past - mean[:, None], 0.0)
    enough = count >= 2
    slope = (from_mean * moved).sum(axis=1) / np.where(enough, (from_mean**2).sum(axis=1), 1.0)
    line: Figures = np.where(enough, mean + slope * (ahead - mean_at), np.nan)
    return line
