"""Classical statistical forecasts by statsforecast: a model is fitted anew at every origin.

They see a bounded past, which keeps a fit to tenths of a second: seven days for AutoETS and Theta, one day for
AutoARIMA. AutoETS (additive errors, damped or plain additive trend) has no season, since statsforecast fits none of
more than 24 steps; nor has AutoARIMA, since 288 lags take minutes a fit. Theta takes the day out first. Only the
headline metrics are forecast.
"""

from __future__ import annotations

import time
import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from argus_server.evaluation.baselines import Task, finished
from argus_server.evaluation.protocol import HEADLINE
from argus_server.metrics import METRICS, QUANTILES

FloatArray = npt.NDArray[np.float32]
Figures = npt.NDArray[np.float64]

STATISTICAL: Final = ("auto_ets", "theta", "auto_arima")
"""Names of the baselines that statsforecast fits."""

_DAYS: Final = {"auto_ets": 7, "theta": 7, "auto_arima": 1}
_LEVEL: Final = 80
_LEAST_STEPS: Final = 24


class Statistical:
    """One of statsforecast's models as a baseline.

    Args:
        name: One of `STATISTICAL`.
        series_seconds: Time limit of a series; the origins that are left when it is reached are not forecast.

    Attributes:
        late_series: Series whose time limit was reached.
        failed_fits: Fits that raised; the last value stands in for them.

    Raises:
        ValueError: The name is unknown.
        ImportError: statsforecast is not installed.
    """

    def __init__(self, name: str, series_seconds: float) -> None:
        self.late_series = 0
        self.failed_fits = 0
        self._series_seconds = series_seconds
        self._name = name
        _model(name, season=1)
        self._days = _DAYS[name]

    def __call__(self, task: Task) -> FloatArray:
        """Quantiles [origins, metrics, horizon, 3]; NaN for metrics and origins that were not forecast."""
        shape = (len(task.origins), len(METRICS), task.horizon, len(QUANTILES))
        result = np.full(shape, np.nan, dtype=np.float32)
        done = np.zeros(shape[:2], dtype=bool)
        model = _model(self._name, task.season)
        for metric in HEADLINE.tolist():
            started = time.monotonic()
            for row, origin in enumerate(task.origins.tolist()):
                if time.monotonic() - started > self._series_seconds:
                    self.late_series += 1
                    break
                first = max(origin - self._days * task.season, 0)
                result[row, metric] = self._forecast(model, task.values[first:origin, metric], task.horizon)
                done[row, metric] = True
        return np.where(done[:, :, None, None], finished(task, result), np.float32(np.nan))

    def notes(self) -> dict[str, Any]:
        """How the fits went, for the record."""
        return {
            "metrics": "headline",
            "history_days": self._days,
            "series_out_of_time": self.late_series,
            "failed_fits": self.failed_fits,
        }

    def _forecast(self, model: Any, past: FloatArray, horizon: int) -> Figures:
        """Quantiles [horizon, 3]; NaN, for which the last value stands in, when there is nothing to fit."""
        nothing = np.full((horizon, len(QUANTILES)), np.nan)
        known = np.flatnonzero(~np.isnan(past))
        if len(known) < _LEAST_STEPS or np.ptp(past[known]) == 0.0:
            return nothing
        whole = np.interp(np.arange(known[0], len(past)), known, past[known].astype(np.float64))
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                made = model.forecast(y=whole, h=horizon, level=[_LEVEL])
        except (ArithmeticError, ValueError, IndexError, RuntimeError, np.linalg.LinAlgError):
            self.failed_fits += 1
            return nothing
        columns = (made[f"lo-{_LEVEL}"], made["mean"], made[f"hi-{_LEVEL}"])
        return np.sort(
            np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=-1), axis=-1
        )


def _model(name: str, season: int) -> Any:
    from statsforecast import models

    match name:
        case "auto_ets":
            return models.AutoETS(season_length=1, model="AZN")
        case "theta":
            return models.DynamicOptimizedTheta(season_length=season)
        case "auto_arima":
            return models.AutoARIMA(season_length=1)
        case _:
            raise ValueError(f"unknown statistical baseline {name!r}; allowed: {', '.join(STATISTICAL)}")
