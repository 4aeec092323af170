"""What risk scoring hands to the snapshot: one row per server, one small array per column."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

DISPLAY_METRICS: Final = ("cpu", "memory", "iowait", "swap", "load", "disk", "net_in", "net_out")

MAX_CAUSES: Final = 3


class CauseKind(IntEnum):
    """What about a metric drives the risk; the values are those of `argus.v1.CauseKind`."""

    UNSPECIFIED = 0
    CURRENT_VALUE = 1
    FORECAST = 2
    THRESHOLD_BREACH = 3
    SILENT = 4


@dataclass(frozen=True, slots=True)
class Environment:
    """The fleet in probabilities, as `argus.v1.Environment` describes it."""

    incident_probability_30m: float
    incident_probability_8h: float
    expected_incidents_30m: float
    expected_incidents_8h: float
    high_risk_servers: int
    fleet_health: int


@dataclass(frozen=True, slots=True)
class RiskFrame:
    """Risk of a set of servers.

    Metrics are given as their number in `argus.v1.Metric` (index in METRICS plus one), 0 meaning none.

    Attributes:
        scores: 0 to 100, float32 [servers].
        levels: `argus.v1.AlertLevel` numbers, uint8 [servers].
        priorities: `argus.v1.AlertPriority` numbers, uint8 [servers].
        display_current: float32 [servers, 8] in the order of DISPLAY_METRICS; NaN where not measured.
        display_predicted: float32 [servers, 8]: mean of the median over the next 30 minutes.
        trends: `argus.v1.Trend` numbers, uint8 [servers, 8].
        cause_metrics: uint8 [servers, 3], strongest first; unused places have kind 0.
        cause_kinds: `CauseKind` numbers, uint8 [servers, 3].
        cause_points: Points each adds to the score, float32 [servers, 3].
        cause_texts: Phrases for people, one tuple of up to 3 per server.
        breach_metrics: Metric of the first expected threshold breach, uint8 [servers]; 0 when none is
            expected, and for silent servers.
        breach_thresholds: In the metric's unit, float32 [servers]; NaN where there is no breach.
        breach_minutes: From now, float32 [servers]; NaN where there is no breach.
        breach_probabilities: Of that breach within the horizon, float32 [servers].
        probability_30m: Of crossing any critical threshold within 30 minutes, float32 [servers]; 1 for silent
            servers, which have crossed that of silence.
        probability_8h: The same within the horizon, float32 [servers].
        signal_scores: Score that each signal would make were it alone, float32 [servers, signals], in the order
            of the tables, like those that follow.
        signal_probabilities: Of crossing the signal's critical threshold within the horizon, or having crossed it.
        signal_alert_probabilities: The same within the horizon of the alert rule of the signal.
        signal_minutes: From now until the threshold is crossed; 0 when it is, NaN when no crossing is expected.
        signal_current: Present values of the signals, high being bad; NaN where not measured.
        signal_critical: Their critical thresholds; NaN where none holds.
        signal_per_core: Whether both are per core, bool.
        environment: The fleet as a whole.
    """

    scores: npt.NDArray[np.float32]
    levels: npt.NDArray[np.uint8]
    priorities: npt.NDArray[np.uint8]
    display_current: npt.NDArray[np.float32]
    display_predicted: npt.NDArray[np.float32]
    trends: npt.NDArray[np.uint8]
    cause_metrics: npt.NDArray[np.uint8]
    cause_kinds: npt.NDArray[np.uint8]
    cause_points: npt.NDArray[np.float32]
    cause_texts: tuple[tuple[str, ...], ...]
    breach_metrics: npt.NDArray[np.uint8]
    breach_thresholds: npt.NDArray[np.float32]
    breach_minutes: npt.NDArray[np.float32]
    breach_probabilities: npt.NDArray[np.float32]
    probability_30m: npt.NDArray[np.float32]
    probability_8h: npt.NDArray[np.float32]
    signal_scores: npt.NDArray[np.float32]
    signal_probabilities: npt.NDArray[np.float32]
    signal_alert_probabilities: npt.NDArray[np.float32]
    signal_minutes: npt.NDArray[np.float32]
    signal_current: npt.NDArray[np.float32]
    signal_critical: npt.NDArray[np.float32]
    signal_per_core: npt.NDArray[np.bool_]
    environment: Environment
