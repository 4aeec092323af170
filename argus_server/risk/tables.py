"""Risk tables as values: points, thresholds, ladder, display and environment, one immutable object.

`load_tables()` reads the shipped `tables.toml`; `load_tables(path)` lays a file of the operator's over it.
What the tables mean is documented in that file, how they are read from TOML in `table_file`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from argus_server.risk.alert_rules import AlertRules
from argus_server.risk.ladder import Ladder


@dataclass(frozen=True, slots=True)
class PointTable:
    """Points for reaching values: the last row reached counts, none reached is 0.

    Attributes:
        values: Strictly ascending.
        points: As many, never falling: worse never scores less.
    """

    values: tuple[float, ...]
    points: tuple[float, ...]

    def lookup(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Points of each value, same shape; NaN has none."""
        rows = np.searchsorted(np.array(self.values, dtype=np.float32), values, side="right")
        found = np.array((0.0, *self.points), dtype=np.float32)[rows]
        found[np.isnan(values)] = 0.0  # NaN sorts behind the last row
        return found


@dataclass(frozen=True, slots=True)
class Limits:
    """Warning and critical threshold, in the unit of whoever holds them."""

    warning: float
    critical: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """Thresholds of one metric, in the metric's unit.

    Attributes:
        metric: Index into `METRICS`.
        low_is_bad: True for a percentage whose small values are bad (idle CPU).
        per_core: True when the limits are per core and hold only where the number of cores is known.
        limits: For every profile without its own.
        profiles: Profile index to its own limits.
    """

    metric: int
    low_is_bad: bool
    per_core: bool
    limits: Limits
    profiles: dict[int, Limits]

    def of(self, profile: int) -> Limits:
        """The limits that hold for a profile."""
        return self.profiles.get(profile, self.limits)


@dataclass(frozen=True, slots=True)
class PointPair:
    """Points of a signal for its present and for its forecast value."""

    current: PointTable
    predicted: PointTable


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that makes risk: a metric turned so that high is bad (a low-is-bad percentage becomes 100
    minus it).

    Attributes:
        name: Its key in the tables.
        label: Name in cause phrases.
        unit: "%" or empty.
        group: Signals of one group measure the same trouble.
        metric: Index into `METRICS`.
        substitutes: Metrics whose sum stands in where `metric` is not measured; the first of them must be.
        threshold: Of the metric.
        points: For every profile without its own.
        profiles: Profile index to its own points.
        per_core_points: For servers whose number of cores is known; None when cores do not matter.
    """

    name: str
    label: str
    unit: str
    group: str
    metric: int
    substitutes: tuple[int, ...]
    threshold: Threshold
    points: PointPair
    profiles: dict[int, PointPair]
    per_core_points: PointPair | None


@dataclass(frozen=True, slots=True)
class Weights:
    """How the parts make a score; the fields are those of `[score]` in the tables."""

    current_weight: float
    predicted_weight: float
    silent_score: float
    minimum_cause_points: float
    near_minutes: float

    def near_steps(self, step_seconds: int) -> int:
        """Steps that make up the near future, at least one."""
        return max(1, round(self.near_minutes * 60 / step_seconds))


@dataclass(frozen=True, slots=True)
class Urgency:
    """Points for the time left until a critical threshold is crossed.

    Attributes:
        minutes: Strictly ascending.
        points: As many, never rising: later never scores more.
        minimum_probability: From which a crossing of the pessimistic quantile alone is announced.
        independence_exponent: See `thresholds.crossing_probability`.
    """

    minutes: tuple[float, ...]
    points: tuple[float, ...]
    minimum_probability: float
    independence_exponent: float


@dataclass(frozen=True, slots=True)
class Display:
    """A metric that people look at.

    Attributes:
        name: One of `DISPLAY_METRICS`.
        metric: Index into `METRICS`.
        signal: The signal whose turned values are shown; None to show the metric as it is.
        unit: For people; empty for a plain number.
        dead_band: Change that is no trend yet, in the unit.
        dead_band_ratio: The same as a share of the present value; the larger counts.
    """

    name: str
    metric: int
    signal: Signal | None
    unit: str
    dead_band: float
    dead_band_ratio: float


@dataclass(frozen=True, slots=True)
class EnvironmentLimits:
    """Where the fleet's health turns, as probabilities; above, not at, them."""

    warning_probability: float
    critical_probability: float
    high_risk_probability: float


@dataclass(frozen=True, slots=True)
class StateLimits:
    """Percentages that derived states turn at."""

    critical_pct: float
    heavy_pct: float
    idle_cpu_pct: float
    idle_memory_pct: float


@dataclass(frozen=True, slots=True)
class RiskTables:
    """Everything risk scoring is told rather than computes.

    Attributes:
        weights: How the parts make a score.
        urgency: Points for the time left.
        thresholds: Metric index to its thresholds; a metric without any is not here.
        signals: In table order.
        ladder: The one alert ladder.
        displays: In the order of `DISPLAY_METRICS`.
        environment: Where fleet health turns.
        states: Where derived states turn.
        alerts: When alerts are raised and when they end.
    """

    weights: Weights
    urgency: Urgency
    thresholds: dict[int, Threshold]
    signals: tuple[Signal, ...]
    ladder: Ladder
    displays: tuple[Display, ...]
    environment: EnvironmentLimits
    states: StateLimits
    alerts: AlertRules
