"""The fleet as grids of numbers for JSON: servers by metrics, servers by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus_client import AsyncArgusClient, FleetForecast, Forecast, MetricThreshold, ServerInfo

# Small enough that no one request keeps the Argus server from its other work for long.
_SERVERS_PER_REQUEST: Final = 200
# As many columns as a wide screen can tell apart; each is then the worst of a few steps.
MAX_COLUMNS: Final = 132

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that can be compared with its threshold on every server.

    Attributes:
        name: Its name.
        low_is_bad: Whether small values are the bad ones.
        critical: Threshold by profile.
    """

    name: str
    low_is_bad: bool
    critical: dict[str, float]

    def worst(self, values: _Floats, axis: int = -1) -> _Floats:
        """The worst of some values; NaN where there are none, or none is known."""
        found: _Floats = (np.fmin if self.low_is_bad else np.fmax).reduce(
            values, axis=axis, initial=np.float32(np.nan)
        )
        return found

    def pessimistic(self, forecast: Forecast | None) -> _Floats | None:
        """The side of its band that is the bad one."""
        if forecast is None:
            return None
        return forecast.p10 if self.low_is_bad else forecast.p90

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"name": self.name, "low_is_bad": self.low_is_bad, "critical": self.critical}


def metrics_of(info: ServerInfo, profiles: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics with thresholds. Those per CPU core are left out: nobody tells how many cores a server has."""
    return tuple(
        _metric(info, name, profiles)
        for name in dict.fromkeys(found.metric for found in info.thresholds if not found.per_core)
    )


async def forecasts_of(
    client: AsyncArgusClient, servers: Sequence[str], metrics: Sequence[str], history_steps: int
) -> list[FleetForecast]:
    """Forecasts of many servers, some at a time.

    Raises:
        ArgusError: The server does not answer, or one of the fleet has just left it.
    """
    return [
        await client.get_forecast(
            servers[first : first + _SERVERS_PER_REQUEST],
            metrics=metrics,
            history_steps=history_steps,
            as_published=True,
        )
        for first in range(0, len(servers), _SERVERS_PER_REQUEST)
    ]


def by_metric(forecasts: Sequence[FleetForecast], metrics: Sequence[Metric]) -> dict[str, Any]:
    """Every metric of every server: now, the worst median and the worst of the bad side of the band.

    Takes a while with thousands of servers: not for the event loop.
    """
    columns = []
    for metric in metrics:
        rows = _rows(forecasts, metric)
        columns.append(
            {
                **metric.to_json_dict(),
                "now": metric.worst(_grid([None if one is None else one.history[-1:] for one in rows])).round(
                    2
                ),
                "expected": metric.worst(_grid([None if one is None else one.p50 for one in rows])).round(2),
                "possible": metric.worst(_grid([metric.pessimistic(one) for one in rows])).round(2),
            }
        )
    return {"origin_ms": _origin_ms(forecasts), "servers": _names(forecasts), "metrics": columns}


def over_time(forecasts: Sequence[FleetForecast], metric: Metric) -> dict[str, Any]:
    """One metric of every server: the past that came along, then the forecast, in columns of equal width.

    Takes a while with thousands of servers: not for the event loop.
    """
    rows = _rows(forecasts, metric)
    past = _grid([None if one is None else one.history for one in rows])
    expected = _grid([None if one is None else one.p50 for one in rows])
    possible = _grid([metric.pessimistic(one) for one in rows])
    width = -(-(past.shape[1] + expected.shape[1]) // MAX_COLUMNS) or 1
    step_seconds = forecasts[0].header.step_seconds if forecasts else 0
    return {
        **metric.to_json_dict(),
        "origin_ms": _origin_ms(forecasts),
        "column_seconds": width * step_seconds,
        "servers": _names(forecasts),
        "past": _columns(metric, past, width, keep_end=True),
        "expected": _columns(metric, expected, width),
        "possible": _columns(metric, possible, width),
    }


def _metric(info: ServerInfo, name: str, profiles: Sequence[str]) -> Metric:
    found: dict[str, MetricThreshold | None] = {
        profile: info.threshold(name, profile) for profile in dict.fromkeys(profiles)
    }
    low_is_bad = any(limit.low_is_bad for limit in found.values() if limit is not None)
    critical = {profile: limit.critical for profile, limit in found.items() if limit is not None}
    return Metric(name, low_is_bad, critical)


def _rows(forecasts: Sequence[FleetForecast], metric: Metric) -> list[Forecast | None]:
    """One forecast a server; None where the metric is not measured."""
    return [found.servers[name].forecasts.get(metric.name) for found in forecasts for name in found.servers]


def _grid(rows: Sequence[_Floats | None]) -> _Floats:
    """Rows as one array, [servers, steps of the longest], filled up at the end with NaN."""
    steps = max((len(row) for row in rows if row is not None), default=0)
    grid = np.full((len(rows), steps), np.nan, np.float32)
    for place, row in enumerate(rows):
        if row is not None:
            grid[place, : len(row)] = row
    return grid


def _columns(metric: Metric, grid: _Floats, width: int, keep_end: bool = False) -> _Floats:
    """The worst of every `width` steps, [servers, columns]; steps that fill no column are left out.

    Args:
        metric: Whose values they are.
        grid: Values, [servers, steps].
        width: Steps of a column.
        keep_end: Whether it is the first steps that are left out, not the last.
    """
    whole = grid.shape[1] // width
    first = grid.shape[1] - whole * width if keep_end else 0
    cut = grid[:, first : first + whole * width].reshape(len(grid), whole, width)
    return metric.worst(cut).round(1)


def _origin_ms(forecasts: Sequence[FleetForecast]) -> int:
    return forecasts[0].header.forecast_origin_ms if forecasts else 0


def _names(forecasts: Sequence[FleetForecast]) -> list[str]:
    return [name for found in forecasts for name in found.servers]
