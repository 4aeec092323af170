"""Rolling-origin evaluation of a model on servers it never saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from argus_server.evaluation import baselines
from argus_server.evaluation.scores import Scoreboard
from argus_server.forecast.features import FeatureSchema
from argus_server.forecast.forecaster import forecast_windows
from argus_server.forecast.scaling import upper_bounds
from argus_server.forecast.tft import TemporalFusionTransformer
from argus_server.metrics import METRICS
from argus_server.training.corpus import History

# The metrics of the headline figure.
HEADLINE_METRICS: Final = ("cpu_user_pct", "mem_used_pct", "load_average", "net_in_mb_s", "disk_usage_pct")
_TRAIN_SHARE: Final = 0.7
_DAY_SECONDS: Final = 86_400
_CHUNK: Final = 32


def backtest(
    module: TemporalFusionTransformer, schema: FeatureSchema, histories: Sequence[History]
) -> dict[str, Any]:
    """Score a model against the last value and the seasonal naive forecast.

    A server's test part starts at its boundary, or after 70 % of a history without one. The first origin lies
    one day into it, the next ones a horizon apart; a forecast sees rows before its origin only. uptime_days
    is left out: it is computed, not forecast.

    Args:
        module: The network, in eval mode.
        schema: Its feature schema.
        histories: Servers that the model was not trained on.

    Returns:
        JSON-ready figures, overall and by metric; a figure without data is None.
    """
    season = _DAY_SECONDS // schema.step_seconds
    model, last, seasonal = Scoreboard(), Scoreboard(), Scoreboard()
    origins = 0
    bounds = upper_bounds()
    for history in histories:
        boundary = _boundary(history)
        facts = [
            baselines.seasonal_changes(history.values[:boundary, metric], season)
            for metric in range(len(METRICS))
        ]
        for chunk in _chunks(_origins(history, boundary, schema)):
            origins += len(chunk)
            forecast = _forecast(module, schema, history, chunk)
            for row, origin in enumerate(chunk.tolist()):
                future = history.values[origin : origin + schema.horizon]
                for metric, (scale, spread) in enumerate(facts):
                    target = future[:, metric]
                    quantiles = forecast[row, metric]
                    if (
                        METRICS[metric] == "uptime_days"
                        or np.isnan(quantiles).any()
                        or np.isnan(target).all()
                    ):
                        continue
                    past = history.values[origin - 288 : origin, metric]
                    model.add(history.name, metric, scale, target, quantiles)
                    naive = baselines.last_value(past, schema.horizon)
                    last.add(history.name, metric, scale, target, naive)
                    daily = baselines.seasonal_naive(past, schema.horizon, season, spread)
                    np.clip(daily, 0.0, bounds[metric], out=daily)
                    seasonal.add(history.name, metric, scale, target, daily)
    return {
        "servers": sorted({server for server, _ in model.series}),
        "series": len(model.series),
        "origins": origins,
        "horizon_steps": schema.horizon,
        **_summary(model),
        "coverage": _figure(model.coverage()),
        "series_beating_seasonal_naive": _figure(model.share_better_than(seasonal)),
        "baselines": {"last_value": _summary(last), "seasonal_naive": _summary(seasonal)},
        "per_metric": {
            name: {
                "wql": _figure(model.wql(index)),
                "seasonal_naive_wql": _figure(seasonal.wql(index)),
                "last_value_wql": _figure(last.wql(index)),
                "mase_mean": _mean(model.mase(index)),
                "coverage": _figure(model.coverage(index)),
            }
            for index, name in enumerate(METRICS)
            if not np.isnan(model.wql(index))
        },
    }


def _boundary(history: History) -> int:
    steps = len(history.values)
    return history.boundary if history.boundary < steps else int(steps * _TRAIN_SHARE)


def _origins(history: History, boundary: int, schema: FeatureSchema) -> npt.NDArray[np.int64]:
    """Origins are indices of the first unseen row."""
    first = max(boundary, 0) + schema.encoder_steps
    return np.arange(first, len(history.values) - schema.horizon + 1, schema.horizon)


def _chunks(origins: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    for begin in range(0, len(origins), _CHUNK):
        yield origins[begin : begin + _CHUNK]


def _forecast(
    module: TemporalFusionTransformer,
    schema: FeatureSchema,
    history: History,
    origins: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    unknown = np.full((schema.context_steps, len(METRICS)), np.nan, dtype=np.float32)
    padded = np.concatenate((unknown, history.values))
    windows = np.stack([padded[origin : origin + schema.context_steps] for origin in origins])
    # The window's last step is the one before the origin row.
    origin_ms = history.start_ms + (origins - 1) * schema.step_seconds * 1000
    profiles = np.full(len(origins), history.profile, dtype=np.int8)
    return forecast_windows(module, schema, windows, origin_ms, profiles)


def _summary(board: Scoreboard) -> dict[str, float | None]:
    mase = board.mase()
    return {
        "wql": _figure(board.mean_wql(HEADLINE_METRICS)),
        "wql_all_metrics": _figure(board.mean_wql(METRICS)),
        "mase_mean": _mean(mase),
        "mase_median": _figure(float(np.median(mase))) if len(mase) else None,
    }


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    return _figure(float(values.mean())) if len(values) else None


def _figure(value: float) -> float | None:
    """Rounded for the record; None instead of NaN, which JSON does not have."""
    return None if np.isnan(value) else round(value, 5)
