"""Snapshots, forecasts and history as data frames. Needs `pip install 'argus-forecast[frames]'`.

frames.to_pandas(client.get_snapshot(view="full"))        # server_name, metric, time, p10, p50, p90
frames.servers_to_pandas(client.get_snapshot())           # one row per server, riskiest first
frames.to_pandas(client.history.server("web-1"))          # metric, time, actual, ..., p10, p50, p90
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from argus_client._history_values import AlertEvents, FleetHistory, ServerHistory
from argus_client._server_prediction import ServerPrediction
from argus_client._snapshot import FleetForecast, FleetSnapshot, ServerForecast
from argus_client.extras import require

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["servers_to_arrow", "servers_to_pandas", "to_arrow", "to_pandas"]

Framable = FleetSnapshot | FleetForecast | ServerHistory | FleetHistory | AlertEvents

_EXTRA: Final = "frames"
_MILLISECONDS_UTC: Final = "datetime64[ms, UTC]"


def to_pandas(source: Framable) -> pd.DataFrame:
    """Forecasts or history as a table.

    Forecasts come in long format, one row per server, metric and step: `server_name` and `metric` (categories),
    `time` (UTC), `p10`, `p50`, `p90` (float32). A snapshot in summary view has no forecasts and gives no rows. The
    history of a server has a row per metric and bucket, that of the fleet one per bucket, alert events one each.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    pandas = require("pandas", _EXTRA)
    columns = _columns_of(source)
    columns["time"] = pandas.to_datetime(columns["time"], unit="ms", utc=True).astype(_MILLISECONDS_UTC)
    for name, values in columns.items():
        if isinstance(values, tuple):
            columns[name] = pandas.Categorical.from_codes(*values)
    frame: pd.DataFrame = pandas.DataFrame(columns)
    return frame


def to_arrow(source: Framable) -> pa.Table:
    """The same table for Arrow; categories are dictionary-encoded.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    arrow = require("pyarrow", _EXTRA)
    columns = _columns_of(source)
    for name, values in columns.items():
        if isinstance(values, tuple):
            codes, texts = values
            columns[name] = arrow.DictionaryArray.from_arrays(codes, arrow.array(texts, arrow.string()))
        elif values.dtype.kind == "O":
            columns[name] = arrow.array(values, arrow.string())
    columns["time"] = arrow.array(columns["time"], arrow.timestamp("ms", tz="UTC"))
    return arrow.table(columns)


def servers_to_pandas(snapshot: FleetSnapshot) -> pd.DataFrame:
    """One row per server, riskiest first: risk, alert, state, source, display metrics, first breach.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    pandas = require("pandas", _EXTRA)
    columns = _server_columns(snapshot)
    columns["last_sample"] = pandas.to_datetime(columns["last_sample"], unit="ms", utc=True).astype(
        _MILLISECONDS_UTC
    )
    frame: pd.DataFrame = pandas.DataFrame(columns)
    return frame


def servers_to_arrow(snapshot: FleetSnapshot) -> pa.Table:
    """The same table for Arrow.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    arrow = require("pyarrow", _EXTRA)
    columns = {
        name: arrow.array(values, arrow.string()) if values.dtype == object else arrow.array(values)
        for name, values in _server_columns(snapshot).items()
    }
    columns["last_sample"] = columns["last_sample"].cast(arrow.timestamp("ms", tz="UTC"))
    return arrow.table(columns)


def _columns_of(source: Framable) -> dict[str, Any]:
    """Columns by name; categories as pairs of codes and texts, `time` as Unix milliseconds."""
    if isinstance(source, ServerHistory):
        return _server_history_columns(source)
    if isinstance(source, FleetHistory):
        arrays = [name for name in source.__slots__ if name not in ("bucket_seconds", "times_ms")]
        return {"time": source.times_ms, **{name: getattr(source, name) for name in arrays}}
    if isinstance(source, AlertEvents):
        return _event_columns(source)
    return _long_columns(source)


def _server_history_columns(source: ServerHistory) -> dict[str, Any]:
    buckets, metrics = len(source.times_ms), list(source.metrics.values())
    parts = ("actual", "minimum", "maximum", "p10", "p50", "p90")
    codes = np.repeat(np.arange(len(metrics), dtype=np.int32), buckets)
    return {
        "metric": (codes, [one.metric for one in metrics]),
        "time": np.tile(source.times_ms, len(metrics)),
        **{
            part: np.concatenate([getattr(one, part) for one in metrics] or [np.empty(0, np.float32)])
            for part in parts
        },
        "risk_score": np.tile(source.risk_score, len(metrics)),
    }


def _event_columns(source: AlertEvents) -> dict[str, Any]:
    def column(name: str, dtype: Any) -> Any:
        return np.array([getattr(event, name) for event in source], dtype=dtype)

    texts = ("event", "alert_id", "server_name", "subject", "metric", "level", "author", "detail")
    return {
        "time": column("at_ms", np.int64),
        **{name: np.array([str(text) for text in column(name, object)], dtype=object) for name in texts},
        "probability": column("probability", np.float32),
    }


def _long_columns(source: FleetSnapshot | FleetForecast) -> dict[str, Any]:
    """Columns of the long format; names as pairs of codes and values, times as Unix milliseconds."""
    servers = list(source.servers)
    metrics: dict[str, int] = {}
    server_codes: list[int] = []
    metric_codes: list[int] = []
    lengths: list[int] = []
    series: dict[str, list[Any]] = {"p10": [], "p50": [], "p90": []}
    predictions: list[ServerPrediction | ServerForecast] = list(source.servers.values())
    for code, server in enumerate(predictions):
        for metric, forecast in server.forecasts.items():
            server_codes.append(code)
            metric_codes.append(metrics.setdefault(metric, len(metrics)))
            lengths.append(len(forecast.p50))
            for quantile, parts in series.items():
                parts.append(getattr(forecast, quantile))
    times = source.header.step_times_ms(max(lengths, default=0))
    return {
        "server_name": (np.repeat(np.asarray(server_codes, np.int32), lengths), servers),
        "metric": (np.repeat(np.asarray(metric_codes, np.int32), lengths), list(metrics)),
        "time": np.concatenate([times[:length] for length in lengths]) if lengths else times,
        **{name: np.concatenate(parts or [np.empty(0, np.float32)]) for name, parts in series.items()},
    }


def _server_columns(snapshot: FleetSnapshot) -> dict[str, Any]:
    servers = list(snapshot.servers.values())

    def column(read: Any, dtype: Any = object) -> Any:
        return np.array([read(server) for server in servers], dtype=dtype)

    columns = {
        "server_name": column(lambda s: s.server_name),
        "risk_score": column(lambda s: s.risk_score, np.float32),
        "alert_level": column(lambda s: str(s.alert.level)),
        "alert_priority": column(lambda s: str(s.alert.priority)),
        "profile": column(lambda s: s.profile),
        "state": column(lambda s: s.state),
        "source": column(lambda s: str(s.source)),
        "last_sample": column(lambda s: s.last_sample_ms, np.int64),
        "observed_steps": column(lambda s: s.observed_steps, np.int64),
        "breach_probability_30m": column(lambda s: s.breach_probability_30m, np.float32),
        "breach_probability_8h": column(lambda s: s.breach_probability_8h, np.float32),
        "first_breach_metric": column(lambda s: s.first_breach.metric if s.first_breach else ""),
        "first_breach_minutes": column(
            lambda s: s.first_breach.minutes if s.first_breach else np.nan, np.float32
        ),
    }
    for name in ("cpu", "memory", "iowait", "swap", "load", "disk", "net_in", "net_out"):
        for part in ("current", "predicted"):
            columns[f"{name}_{part}"] = column(
                lambda s, name=name, part=part: (
                    getattr(s.display_metrics[name], part) if name in s.display_metrics else np.nan
                ),
                np.float32,
            )
    return columns
