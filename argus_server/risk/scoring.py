"""Risk v1: from present values and forecasts to one RiskFrame.

    points   of a signal: from the tables, for its present value, and for the mean of its pessimistic
             quantile (p90, for idle CPU p10) over the next 30 minutes
    base     = 0.70 * min(100, sum of present points) + 0.30 * min(100, sum of predicted points)
    urgency  = expected points for the time left until a critical threshold is crossed (see `thresholds`)
    score    = base + (100 - base) * urgency / 100

The predicted side can add 30 points at the most, so by itself the base would leave a certain failure half an
hour away among the healthy. Urgency is therefore no term inside a side: it takes its share of what the base
leaves up to 100. That keeps the score within 100 and rising with both, and puts every kind of trouble on its
own rungs: a certain crossing hours away is at least degrading, a near one at least warning, a threshold that
is crossed already warning or danger, and one that is far exceeded, or crossed in company, critical.

A server that stopped sending scores at least 90, and counts as having crossed a critical threshold: that of
silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.metrics import METRICS
from argus_server.risk import precedent
from argus_server.risk.calibration import Calibrator
from argus_server.risk.causes import CauseParts, name_causes
from argus_server.risk.crossings import Crossings, crossings
from argus_server.risk.dependence import INDEPENDENT
from argus_server.risk.display import display_values
from argus_server.risk.environment import environment
from argus_server.risk.frame import RiskFrame
from argus_server.risk.signals import turned
from argus_server.risk.tables import RiskTables, Weights
from argus_server.risk.thresholds import UrgencyWeights

Floats = npt.NDArray[np.float32]

# What is left to a crossing whose moment has come though the threshold is not crossed: 0 is for what is.
_LEAST_MINUTES: Final = np.float32(1 / 60)
# Minutes beyond any horizon.
_BEHIND_EVERY_MEDIAN: Final = 1e9


@dataclass(frozen=True, slots=True)
class RiskInputs:
    """What risk scoring needs to know about a set of servers.

    Attributes:
        current: Newest step means, float32 [servers, metrics]; NaN where not measured.
        quantiles: float32 [servers, metrics, horizon, 3] as in `Forecast`; NaN for metrics never measured.
        profiles: Indices into `PROFILES`, int8 [servers].
        silent: Whether the server stopped sending, for 3 steps or more, bool [servers].
        silent_minutes: Minutes since its newest sample, float32 [servers].
        cores: Number of CPU cores, float32 [servers]; NaN where unknown.
        step_seconds: Length of a step.
        elapsed_minutes: Since the origin of the quantiles; what is left to a crossing counts from now.
        calibrator: Corrects crossing probabilities; None takes the quantiles at their word.
        past: Step means up to the newest, float32 [servers, steps, metrics]; None when it is not known, and then
            every value counts as unprecedented.

    Raises:
        ValueError: Shapes that do not go together, or a step that is not positive.
    """

    current: Floats
    quantiles: Floats
    profiles: npt.NDArray[np.int8]
    silent: npt.NDArray[np.bool_]
    silent_minutes: Floats
    cores: Floats
    step_seconds: int
    elapsed_minutes: float = 0.0
    calibrator: Calibrator | None = None
    past: Floats | None = None

    def __post_init__(self) -> None:
        servers = len(self.current)
        if self.current.shape != (servers, len(METRICS)):
            raise ValueError(f"current must be [servers, {len(METRICS)}], got {self.current.shape}")
        shape = self.quantiles.shape
        if len(shape) != 4 or shape[:2] != self.current.shape or shape[2] < 1 or shape[3] != 3:
            raise ValueError(f"quantiles must be [{servers}, {len(METRICS)}, horizon, 3], got {shape}")
        for name in ("profiles", "silent", "silent_minutes", "cores"):
            if getattr(self, name).shape != (servers,):
                raise ValueError(f"{name} must be [{servers}], got {getattr(self, name).shape}")
        if self.past is not None and (self.past.ndim, len(self.past)) != (3, servers):
            raise ValueError(f"past must be [{servers}, steps, {len(METRICS)}], got {self.past.shape}")
        if self.step_seconds < 1:
            raise ValueError(f"step_seconds must be positive, got {self.step_seconds}")
        if not self.elapsed_minutes >= 0:
            raise ValueError(f"elapsed_minutes must be 0 or more, got {self.elapsed_minutes}")


def score(inputs: RiskInputs, tables: RiskTables) -> RiskFrame:
    """Score a set of servers; a row depends on nothing but the same row of the inputs.

    Args:
        inputs: Present values and forecasts.
        tables: Points, thresholds, ladder and limits.
    """
    signals = _Signals.of(inputs, tables)
    weights = tables.weights
    current_share = weights.current_weight * _capped(signals.current_points)
    predicted_share = weights.predicted_weight * _capped(signals.predicted_points)
    base = current_share.sum(axis=1) + predicted_share.sum(axis=1)
    uplift = (100.0 - base) * signals.urgency / 100.0
    scores = np.clip(base + uplift, 0.0, 100.0).astype(np.float32)
    scores[inputs.silent] = np.maximum(scores[inputs.silent], np.float32(weights.silent_score))

    near = np.where(inputs.silent, np.float32(1.0), signals.probability_near)
    horizon = np.where(inputs.silent, np.float32(1.0), signals.probability_horizon)
    breach = signals.first_breach(inputs.silent)
    display = display_values(
        tables.displays, inputs.current, inputs.quantiles, weights.near_steps(inputs.step_seconds)
    )
    causes = name_causes(
        CauseParts(
            signals=tables.signals,
            current_share=current_share,
            predicted_share=predicted_share,
            urgency_share=uplift[:, None] * _shares(signals.signal_urgency),
            current=signals.current,
            predicted=signals.predicted,
            critical=signals.critical,
            minutes=signals.minutes,
            by_median=signals.by_median,
            probability=signals.signal_probability,
            metrics=signals.metrics,
            per_core=signals.per_core,
            scores=scores,
            silent=inputs.silent,
            silent_minutes=inputs.silent_minutes,
            near_minutes=weights.near_minutes,
            horizon_minutes=inputs.quantiles.shape[2] * inputs.step_seconds / 60.0,
        ),
        weights.minimum_cause_points,
    )
    return RiskFrame(
        scores=scores,
        levels=tables.ladder.levels(scores),
        priorities=tables.ladder.priorities(scores),
        display_current=display.current,
        display_predicted=display.predicted,
        trends=display.trends,
        cause_metrics=causes.metrics,
        cause_kinds=causes.kinds,
        cause_points=causes.points,
        cause_texts=causes.texts,
        breach_metrics=breach.metrics,
        breach_thresholds=breach.thresholds,
        breach_minutes=breach.minutes,
        breach_probabilities=breach.probabilities,
        probability_30m=near,
        probability_8h=horizon,
        signal_scores=signals.own_scores(weights),
        signal_probabilities=signals.signal_probability,
        signal_alert_probabilities=signals.signal_probability_alert,
        signal_minutes=signals.minutes,
        signal_current=signals.current,
        signal_critical=signals.critical,
        signal_per_core=signals.per_core,
        environment=environment(
            near, horizon, signals.judged | inputs.silent, tables.environment, _exponents(inputs, tables)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Breach:
    """First expected breach of each server; metric 0, NaN, NaN and 0 where none is expected."""

    metrics: npt.NDArray[np.uint8]
    thresholds: Floats
    minutes: Floats
    probabilities: Floats


@dataclass(frozen=True, slots=True)
class _Signals:
    """All signals of a set of servers: [servers, signals] unless stated."""

    current: Floats
    predicted: Floats
    current_points: Floats
    predicted_points: Floats
    critical: Floats
    metrics: npt.NDArray[np.uint8]
    metric_thresholds: Floats
    per_core: npt.NDArray[np.bool_]
    minutes: Floats
    by_median: npt.NDArray[np.bool_]
    signal_probability: Floats  # of crossing within the horizon
    signal_probability_alert: Floats  # within the horizon of its alert rule
    signal_urgency: Floats
    urgency: Floats  # [servers]
    probability_near: Floats  # [servers]
    probability_horizon: Floats  # [servers]
    judged: npt.NDArray[np.bool_]  # [servers]: anything is measured or forecast

    @classmethod
    def of(cls, inputs: RiskInputs, tables: RiskTables) -> _Signals:
        """Every signal, from its crossings."""
        _, _, horizon, _ = inputs.quantiles.shape
        near_steps = tables.weights.near_steps(inputs.step_seconds)
        urgency_weights = UrgencyWeights.of(tables.urgency, horizon, inputs.step_seconds)
        found = crossings(
            inputs.current,
            inputs.quantiles,
            inputs.profiles,
            inputs.cores,
            inputs.step_seconds,
            tables,
            inputs.calibrator,
        )
        columns = [
            (values, crossed, urgency_weights.points(crossed.probability))
            for values, crossed in zip(found.values, found.crossed, strict=True)
        ]
        crossing_by_step = found.probability
        near = min(near_steps, horizon) - 1
        current = np.stack([values.current for values, _, _ in columns], axis=1)
        predicted = np.stack([values.predicted for values, _, _ in columns], axis=1)
        judged: npt.NDArray[np.bool_] = np.any(~(np.isnan(current) & np.isnan(predicted)), axis=1)
        return cls(
            current=current,
            predicted=predicted,
            current_points=np.stack([values.current_points for values, _, _ in columns], axis=1),
            predicted_points=np.stack([values.predicted_points for values, _, _ in columns], axis=1),
            critical=np.stack([values.critical for values, _, _ in columns], axis=1),
            metrics=np.stack([values.metrics for values, _, _ in columns], axis=1),
            metric_thresholds=np.stack([values.metric_thresholds for values, _, _ in columns], axis=1),
            per_core=np.stack([values.per_core for values, _, _ in columns], axis=1),
            minutes=_left([crossed.minutes for _, crossed, _ in columns], inputs.elapsed_minutes),
            by_median=np.stack([crossed.by_median for _, crossed, _ in columns], axis=1),
            signal_probability=np.stack([crossed.probability[:, -1] for _, crossed, _ in columns], axis=1),
            signal_probability_alert=_alert_probability(inputs, found, tables),
            signal_urgency=np.stack([urgency for _, _, urgency in columns], axis=1),
            urgency=urgency_weights.points(crossing_by_step),
            probability_near=crossing_by_step[:, near],
            probability_horizon=crossing_by_step[:, -1],
            judged=judged,
        )

    def own_scores(self, weights: Weights) -> Floats:
        """The score each signal would make were it the only one."""
        base = weights.current_weight * np.minimum(self.current_points, 100.0)
        base += weights.predicted_weight * np.minimum(self.predicted_points, 100.0)
        scores: Floats = (base + (100.0 - base) * self.signal_urgency / 100.0).astype(np.float32)
        return scores

    def first_breach(self, silent: npt.NDArray[np.bool_]) -> _Breach:
        """The earliest crossing of a median; where no median crosses, the earliest of a pessimistic quantile.

        A silent server has none: what it last measured says nothing about now.
        """
        rank = np.where(np.isnan(self.minutes) | silent[:, None], np.inf, self.minutes.astype(np.float64))
        rank = np.where(self.by_median, rank, rank + _BEHIND_EVERY_MEDIAN)
        first = rank.argmin(axis=1)
        rows = np.arange(len(first))
        expected = np.isfinite(rank[rows, first])
        none = np.float32(np.nan)
        return _Breach(
            metrics=np.where(expected, self.metrics[rows, first], 0).astype(np.uint8),
            thresholds=np.where(expected, self.metric_thresholds[rows, first], none),
            minutes=np.where(expected, self.minutes[rows, first], none),
            probabilities=np.where(expected, self.signal_probability[rows, first], np.float32(0.0)),
        )


def _left(minutes: list[Floats], elapsed: float) -> Floats:
    """Minutes from now, [servers, signals], of what is so many minutes from the origin; 0 and NaN stay."""
    from_origin = np.stack(minutes, axis=1)
    left = np.maximum(from_origin - np.float32(elapsed), _LEAST_MINUTES)
    return np.where(from_origin > 0, left, from_origin)


def _alert_probability(inputs: RiskInputs, found: Crossings, tables: RiskTables) -> Floats:
    """What alerts go by, [servers, signals]: 0 where a rule asks for a value beyond the past and it is not."""
    probability = found.alert_probability(tables, inputs.step_seconds)
    if inputs.past is None:
        return probability
    for column, (signal, rule) in enumerate(zip(tables.signals, tables.alerts.signals, strict=True)):
        if not rule.only_unprecedented:
            continue
        values = found.values[column]
        # Looking through the past of the few that could raise or hold an alert is cheap.
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero(
                (probability[:, column] >= rule.clear) & ~(values.current >= values.critical)
            )
        past = inputs.past[rows]
        turned_past = turned(past.reshape(-1, len(METRICS)), signal).reshape(past.shape[:2])
        beyond = precedent.unprecedented(
            turned(inputs.current[rows], signal), turned_past, inputs.step_seconds
        )
        probability[rows[~beyond], column] = 0.0
    return probability


def _exponents(inputs: RiskInputs, tables: RiskTables) -> tuple[float, float]:
    """Shares of the servers that count, soon and within the horizon."""
    if inputs.calibrator is None:
        return INDEPENDENT, INDEPENDENT
    whole = inputs.quantiles.shape[2] * inputs.step_seconds / 60.0
    near = min(tables.weights.near_minutes, whole)
    return inputs.calibrator.exponent(near), inputs.calibrator.exponent(whole)


def _capped(points: Floats) -> npt.NDArray[np.float64]:
    """Points [servers, signals] shrunk in proportion so that no server's sum is above 100."""
    wide = points.astype(np.float64)
    total = wide.sum(axis=1, keepdims=True)
    capped: npt.NDArray[np.float64] = wide * (100.0 / np.maximum(total, 100.0))
    return capped


def _shares(parts: Floats) -> npt.NDArray[np.float64]:
    """Parts [servers, signals] as shares of their row's sum; all 0 where that is 0."""
    wide = parts.astype(np.float64)
    total = wide.sum(axis=1, keepdims=True)
    shares: npt.NDArray[np.float64] = np.divide(wide, total, out=np.zeros_like(wide), where=total > 0)
    return shares
