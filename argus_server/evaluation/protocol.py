"""Where forecasts are made when a forecaster is scored, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.training.corpus import History

HEADLINE_METRICS: Final = ("cpu_user_pct", "mem_used_pct", "load_average", "net_in_mb_s", "disk_usage_pct")
"""The metrics of the headline figures."""

HEADLINE: Final = np.array([METRIC_INDEX[name] for name in HEADLINE_METRICS])
SCORED: Final = np.array([METRIC_INDEX[name] for name in METRICS if name != "uptime_days"])

_DAY_SECONDS: Final = 86_400

Rows = npt.NDArray[np.int64]


class EvaluationError(ValueError):
    """Nothing can be scored; the message says what was got, what is needed and what to do."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """Rolling origins over the test part of each server.

    The test part starts at the history's boundary, or is the last `test_share` of a history without one. The
    first origin lies a season into it, the next ones a horizon apart. An origin is the index of the first row
    that a forecast may not see; all rows before it may be seen, those of the train part as well.

    Attributes:
        step_seconds: Length of a step.
        horizon: Steps that are forecast.
        test_share: Share of a history without a boundary that is its test part.
        origin_stride: 1 to score every origin, k to score every k-th.
    """

    step_seconds: int = 300
    horizon: int = 96
    test_share: float = 0.3
    origin_stride: int = 1

    def __post_init__(self) -> None:
        if not 0.0 < self.test_share < 1.0:
            raise EvaluationError(f"the test share must lie between 0 and 1, got {self.test_share}")
        if self.horizon > self.season:
            raise EvaluationError(
                f"a horizon of {self.horizon} steps is longer than a day ({self.season} steps of "
                f"{self.step_seconds} s); repeating yesterday cannot be compared with it"
            )

    @property
    def season(self) -> int:
        """Steps of a day."""
        return _DAY_SECONDS // self.step_seconds

    def boundary(self, history: History) -> int:
        """Index of the first row of the test part."""
        steps = len(history.values)
        return history.boundary if history.boundary < steps else steps - int(steps * self.test_share)

    def origins(self, history: History) -> Rows:
        """Indices of the first unseen rows, [origins]; empty when the test part is too short."""
        first = self.boundary(history) + self.season
        last = len(history.values) - self.horizon
        return np.arange(first, last + 1, self.horizon * self.origin_stride, dtype=np.int64)

    def steps(self, minutes: float | None) -> int:
        """Steps of so many minutes, at least one; one without a number."""
        return 1 if minutes is None else max(1, round(minutes * 60 / self.step_seconds))

    def event_origins(self, history: History, stride: int) -> Rows:
        """Indices of the first unseen rows of the forecasts that alarms are judged at, so many steps apart."""
        regular = self.origins(history)
        last = len(history.values) - self.horizon
        return np.arange(regular[0], last + 1, stride, dtype=np.int64) if len(regular) else regular

    def to_json(self) -> dict[str, Any]:
        """What a reader must know to repeat it."""
        return {
            "test_part": f"from the split's boundary on, else the last {self.test_share:g} of each server",
            "first_origin": f"{self.season} steps after the boundary",
            "step_seconds": self.step_seconds,
            "horizon_steps": self.horizon,
            "origin_every_steps": self.horizon * self.origin_stride,
            "season_steps": self.season,
            "bands": "calibrated online as they are served, fresh at the first origin",
            "headline_metrics": list(HEADLINE_METRICS),
            "not_scored": [name for name in METRICS if METRIC_INDEX[name] not in SCORED],
        }


def targets(values: npt.NDArray[np.float32], origins: Rows, horizon: int) -> npt.NDArray[np.float32]:
    """What a history [steps, metrics] holds after each origin, [origins, metrics, horizon]."""
    rows = origins[:, None] + np.arange(horizon)
    found: npt.NDArray[np.float32] = values[rows].transpose(0, 2, 1)
    return found
