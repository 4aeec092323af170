"""What drives a server's risk, as numbers and as phrases for people.

A signal has three parts of the score: its present value, its forecast for the next 30 minutes, and its share
of the urgency of a coming breach (once the threshold is crossed, that share too belongs to the present
value). They are one cause, named after the largest part, so that three causes are three signals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.risk.frame import MAX_CAUSES, CauseKind
from argus_server.risk.tables import Signal

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# Below this probability a phrase says how likely its breach is.
_NEAR_CERTAIN: Final = 0.9


@dataclass(frozen=True, slots=True)
class CauseParts:
    """What causes are made of: [servers, signals] unless stated.

    Attributes:
        signals: The signals, in column order.
        current_share: Points of the score that the present value makes.
        predicted_share: Points that the near forecast makes.
        urgency_share: Points that the coming or present breach makes.
        current: Present values of the signals.
        predicted: Mean pessimistic values of the near future.
        critical: Critical thresholds of the signals; NaN for none.
        minutes: Until the breach; 0 when crossed already, NaN when not expected.
        by_median: Whether the median crosses rather than only the pessimistic quantile.
        probability: Of crossing within the horizon.
        metrics: Metrics to name.
        per_core: Whether values are per core.
        scores: [servers].
        silent: [servers].
        silent_minutes: [servers].
        near_minutes: Length of the near future.
        horizon_minutes: Length of the horizon.
    """

    signals: tuple[Signal, ...]
    current_share: Doubles
    predicted_share: Doubles
    urgency_share: Doubles
    current: Floats
    predicted: Floats
    critical: Floats
    minutes: Floats
    by_median: npt.NDArray[np.bool_]
    probability: Floats
    metrics: npt.NDArray[np.uint8]
    per_core: npt.NDArray[np.bool_]
    scores: Floats
    silent: npt.NDArray[np.bool_]
    silent_minutes: Floats
    near_minutes: float
    horizon_minutes: float


@dataclass(frozen=True, slots=True)
class Causes:
    """The causes of a set of servers, strongest first; the fields are those of `RiskFrame`."""

    metrics: npt.NDArray[np.uint8]
    kinds: npt.NDArray[np.uint8]
    points: Floats
    texts: tuple[tuple[str, ...], ...]


def name_causes(parts: CauseParts, minimum_points: float) -> Causes:
    """Name up to three causes per server.

    A silent server has one: what it last measured says nothing about now.

    Args:
        parts: What causes are made of.
        minimum_points: A signal that adds less is not named.
    """
    servers, signals = parts.current_share.shape
    with np.errstate(invalid="ignore"):
        crossed = parts.current >= parts.critical
    of_present = parts.current_share + np.where(crossed, parts.urgency_share, 0.0)
    of_breach = np.where(crossed, 0.0, parts.urgency_share)
    by_kind = np.stack([of_breach, of_present, parts.predicted_share])  # on a tie the first is named
    kind_order = np.array(
        [CauseKind.THRESHOLD_BREACH, CauseKind.CURRENT_VALUE, CauseKind.FORECAST], dtype=np.uint8
    )
    total = by_kind.sum(axis=0)
    kinds = kind_order[by_kind.argmax(axis=0)]

    places = min(MAX_CAUSES, signals)
    strongest = np.argsort(-total, axis=1, kind="stable")[:, :places]
    found = Causes(
        metrics=np.zeros((servers, MAX_CAUSES), dtype=np.uint8),
        kinds=np.zeros((servers, MAX_CAUSES), dtype=np.uint8),
        points=np.zeros((servers, MAX_CAUSES), dtype=np.float32),
        texts=(),
    )
    found.points[:, :places] = np.take_along_axis(total, strongest, axis=1)
    found.kinds[:, :places] = np.take_along_axis(kinds, strongest, axis=1)
    found.metrics[:, :places] = np.take_along_axis(parts.metrics, strongest, axis=1)
    unused = (found.points == 0) | (found.points < minimum_points) | parts.silent[:, None]
    for column in (found.points, found.kinds, found.metrics):
        column[unused] = 0
    found.kinds[parts.silent, 0] = CauseKind.SILENT
    found.points[parts.silent, 0] = parts.scores[parts.silent]

    texts: list[tuple[str, ...]] = [()] * servers
    for row in np.flatnonzero(found.kinds[:, 0]).tolist():
        if parts.silent[row]:
            texts[row] = (f"no data for {duration_text(float(parts.silent_minutes[row]))}",)
        else:
            used = int(np.count_nonzero(found.kinds[row]))
            texts[row] = tuple(
                _phrase(parts, row, signal, CauseKind(kind))
                for signal, kind in zip(
                    strongest[row, :used].tolist(), found.kinds[row].tolist(), strict=False
                )
            )
    return Causes(found.metrics, found.kinds, found.points, tuple(texts))


def threshold_phrase(
    signal: Signal,
    *,
    current: float,
    critical: float,
    minutes: float,
    probability: float,
    per_core: bool,
    horizon_minutes: float,
) -> str:
    """What is the matter with one signal that is beyond its critical threshold, or expected to be.

    Args:
        signal: The signal.
        current: Its present value; NaN where not measured.
        critical: Its critical threshold.
        minutes: Until that is crossed; NaN when no crossing is expected.
        probability: Of crossing it within the horizon.
        per_core: Whether both are per core.
        horizon_minutes: Length of the horizon.
    """
    unit = _unit(signal, per_core)
    if current >= critical:
        return f"{signal.label} {_number(current)}{unit} now, critical from {_number(critical)}{unit}"
    likely = "" if probability >= _NEAR_CERTAIN else f", {max(1, round(probability * 100))} % likely"
    if math.isnan(minutes):
        return f"{signal.label} → {_number(critical)}{unit} within {duration_text(horizon_minutes)}{likely}"
    start = "" if math.isnan(current) else f"{_below(current, critical)}{unit} "
    return f"{signal.label} {start}→ {_number(critical)}{unit} in {duration_text(minutes)}{likely}"


def _unit(signal: Signal, per_core: bool) -> str:
    return (f" {signal.unit}" if signal.unit else "") + (" per core" if per_core else "")


def _phrase(parts: CauseParts, row: int, column: int, kind: CauseKind) -> str:
    signal = parts.signals[column]
    per_core = bool(parts.per_core[row, column])
    unit = _unit(signal, per_core)
    if kind is CauseKind.CURRENT_VALUE:
        return f"{signal.label} {_number(float(parts.current[row, column]))}{unit} now"
    if kind is CauseKind.FORECAST:
        value = _number(float(parts.predicted[row, column]))
        return f"{signal.label} up to {value}{unit} within {duration_text(parts.near_minutes)}"
    return threshold_phrase(
        signal,
        current=float(parts.current[row, column]),
        critical=float(parts.critical[row, column]),
        minutes=float(parts.minutes[row, column]),
        probability=float(parts.probability[row, column]),
        per_core=per_core,
        horizon_minutes=parts.horizon_minutes,
    )


def _number(value: float) -> str:
    """Two or three significant digits, no trailing ".0"."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def _below(value: float, threshold: float) -> str:
    """A value below a threshold, never rounded up to it."""
    text = _number(value)
    return text if text != _number(threshold) else f"{min(round(value, 1), threshold - 0.1):.1f}"


def duration_text(minutes: float) -> str:
    """Minutes for people: "17 min", "3 h 20 min", "2 d 3 h"."""
    # Halves go up, as people round, and as every reader of the same number does.
    whole = max(1, math.floor(minutes + 0.5))
    hours, rest = divmod(whole, 60)
    days, hours_of_day = divmod(hours, 24)
    if days:
        return f"{days} d {hours_of_day} h" if hours_of_day else f"{days} d"
    if hours:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{rest} min"
