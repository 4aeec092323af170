"""Accuracy of quantile forecasts, pooled over servers, origins and steps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from argus_server.metrics import METRICS, P10, P50, P90, QUANTILES

FloatArray = npt.NDArray[np.float32]

_LEVELS = np.array(QUANTILES)


@dataclass
class SeriesScore:
    """Sums of one series (server x metric) over all its origins."""

    pinball: float = 0.0  # mean over quantiles of 2 x pinball, summed over steps
    magnitude: float = 0.0  # sum of |y|
    error: float = 0.0  # sum of |y - p50|
    covered: float = 0.0  # steps with p10 <= y <= p90
    steps: int = 0

    def add(self, target: FloatArray, quantiles: FloatArray) -> None:
        """Count one forecast: target [horizon] (NaN where missing), quantiles [horizon, 3]."""
        seen = ~np.isnan(target) & ~np.isnan(quantiles).any(axis=-1)
        y, q = target[seen].astype(np.float64), quantiles[seen].astype(np.float64)
        error = y[:, None] - q
        self.pinball += float(
            (2.0 * np.maximum(_LEVELS * error, (_LEVELS - 1.0) * error)).mean(axis=-1).sum()
        )
        self.magnitude += float(np.abs(y).sum())
        self.error += float(np.abs(y - q[:, P50]).sum())
        self.covered += float(((q[:, P10] <= y) & (y <= q[:, P90])).sum())
        self.steps += len(y)


@dataclass
class Scoreboard:
    """Scores of one forecaster over many series.

    Attributes:
        series: Score by (server, metric index).
        scales: In-sample seasonal-naive mean absolute error by (server, metric index), for MASE.
    """

    series: dict[tuple[str, int], SeriesScore] = field(default_factory=dict)
    scales: dict[tuple[str, int], float] = field(default_factory=dict)

    def add(self, server: str, metric: int, scale: float, target: FloatArray, quantiles: FloatArray) -> None:
        """Count one forecast of one series."""
        key = (server, metric)
        self.scales[key] = scale
        self.series.setdefault(key, SeriesScore()).add(target, quantiles)

    def wql(self, metric: int) -> float:
        """Weighted quantile loss of a metric: pooled 2 x pinball over pooled |y|; NaN when there is none."""
        chosen = [score for (_, m), score in self.series.items() if m == metric]
        magnitude = sum(score.magnitude for score in chosen)
        return sum(score.pinball for score in chosen) / magnitude if magnitude > 0 else float("nan")

    def mean_wql(self, metrics: tuple[str, ...]) -> float:
        """Mean of the per-metric weighted quantile losses over those of `metrics` that have any values."""
        values = [self.wql(METRICS.index(name)) for name in metrics]
        known = [value for value in values if not np.isnan(value)]
        return float(np.mean(known)) if known else float("nan")

    def mase(self, metric: int | None = None) -> npt.NDArray[np.float64]:
        """Mean absolute scaled error of every series (of a metric) whose scale is not 0."""
        return np.array(
            [
                score.error / score.steps / self.scales[key]
                for key, score in self.series.items()
                if (metric is None or key[1] == metric) and score.steps and self.scales[key] > 1e-6
            ]
        )

    def coverage(self, metric: int | None = None) -> float:
        """Share of steps inside the 80 % band; NaN when there are none."""
        chosen = [score for key, score in self.series.items() if metric is None or key[1] == metric]
        steps = sum(score.steps for score in chosen)
        return sum(score.covered for score in chosen) / steps if steps else float("nan")

    def share_better_than(self, other: Scoreboard) -> float:
        """Share of moving series with a lower quantile loss than `other`'s."""
        keys = [key for key in self.series if other.series[key].pinball > 0 or self.series[key].pinball > 0]
        if not keys:
            return float("nan")
        return float(np.mean([self.series[key].pinball < other.series[key].pinball for key in keys]))
