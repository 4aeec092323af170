"""The fleet as grids of numbers for JSON: servers by metrics, servers by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus_client import AsyncArgusClient, FleetForecast, Forecast, MetricThreshold, ServerInfo

# Small enough that no one request keeps the Argus server from its other work for long.
_SERVERS_PER_REQUEST: Final = 200
# Where the warning value lies on the way from nothing to critical; browser/heat_colors.js begins to warm there.
WARM: Final = 0.6
# As many columns as a wide screen can tell apart; each is then the worst of a few steps.
MAX_COLUMNS: Final = 132

_Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that can be compared with its threshold on every server.

    Attributes:
        name: Its name.
        low_is_bad: Whether small values are the bad ones.
        limits: Warning and critical value by profile.
    """

    name: str
    low_is_bad: bool
    limits: dict[str, tuple[float, float]]

    def worst(self, values: _Floats) -> _Floats:
        """The worst of each row of [servers, steps]; NaN where there is none, or none is known."""
        return _worst(values, np.full(len(values), self.sign, np.float32))

    def nearness(self, values: _Floats, profiles: Sequence[str]) -> _Floats:
        """How far each server is on its way to trouble: `WARM` at the warning value, 1 at the critical one.

        Args:
            values: One per server.
            profiles: Of the servers.

        Returns:
            One number per server; NaN where the value is not known, or no threshold holds.
        """
        limits = np.array([self.limits.get(profile, (np.nan, np.nan)) for profile in profiles], np.float32)
        warning, critical = limits.reshape(-1, 2).T
        if self.low_is_bad:
            values, warning, critical = 100 - values, 100 - warning, 100 - critical
        with np.errstate(divide="ignore", invalid="ignore"):
            below = WARM * values / warning
            beyond = WARM + (1 - WARM) * (values - warning) / (critical - warning)
        found: _Floats = np.where(values < warning, below, beyond)
        return found

    @property
    def sign(self) -> int:
        """-1 if small values are the bad ones, else 1."""
        return -1 if self.low_is_bad else 1

    def pessimistic(self, forecast: Forecast | None) -> _Floats | None:
        """The side of its band that is the bad one."""
        if forecast is None:
            return None
        return forecast.p10 if self.low_is_bad else forecast.p90

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"name": self.name, "low_is_bad": self.low_is_bad, "limits": self.limits}


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
    """Every metric of every server: now, and the worst from now on of the medians and of the bad side of the band.

    Takes a while with thousands of servers: not for the event loop.
    """
    columns = []
    for metric in metrics:
        rows = _rows(forecasts, metric)
        columns.append(
            {
                **metric.to_json_dict(),
                "now": metric.worst(_now(rows)).round(2),
                "expected": metric.worst(_from_now(rows, _medians(rows))).round(2),
                "possible": metric.worst(_from_now(rows, [metric.pessimistic(one) for one in rows])).round(2),
            }
        )
    return {"origin_ms": _origin_ms(forecasts), "servers": _names(forecasts), "metrics": columns}


def nearest(
    forecasts: Sequence[FleetForecast], metrics: Sequence[Metric], profiles: Mapping[str, str]
) -> list[tuple[Metric, list[str]]]:
    """The servers by the metric that is nearest to its critical threshold on them, now or at the worst of its medians.

    Takes a while with thousands of servers: not for the event loop.

    Args:
        forecasts: Of all metrics.
        metrics: Those with thresholds.
        profiles: By server.

    Returns:
        Only metrics that are the nearest of some server. Servers that measure none of them are left out.
    """
    names = _names(forecasts)
    if not names or not metrics:
        return []
    of_servers = [profiles.get(name, "") for name in names]
    rows = [_rows(forecasts, metric) for metric in metrics]
    found = np.stack(
        [
            metric.nearness(metric.worst(_from_now(own, _medians(own))), of_servers)
            for metric, own in zip(metrics, rows, strict=True)
        ]
    )
    is_known = ~np.isnan(found).all(axis=0)
    first = np.nan_to_num(found, nan=-np.inf).argmax(axis=0)
    groups = [
        (metric, [names[i] for i in np.flatnonzero(is_known & (first == k))])
        for k, metric in enumerate(metrics)
    ]
    return [(metric, servers) for metric, servers in groups if servers]


def over_time(parts: Sequence[tuple[Metric, Sequence[FleetForecast]]]) -> dict[str, Any]:
    """One metric of every server: the past that came along, then the forecast, in columns of equal width.

    Takes a while with thousands of servers: not for the event loop.

    Args:
        parts: Metrics with the forecasts of the servers that are shown by them.
    """
    rows = [_rows(forecasts, metric) for metric, forecasts in parts]
    signs = np.array(
        [metric.sign for (metric, _), own in zip(parts, rows, strict=True) for _ in own], np.float32
    )
    past = _grid([None if one is None else one.history for own in rows for one in own])
    expected = _grid([one for own in rows for one in _medians(own)])
    possible = _grid(
        [metric.pessimistic(one) for (metric, _), own in zip(parts, rows, strict=True) for one in own]
    )
    width = -(-(past.shape[1] + expected.shape[1]) // MAX_COLUMNS) or 1
    forecasts = [one for _, found in parts for one in found]
    return {
        "metrics": [metric.to_json_dict() for metric, _ in parts],
        "origin_ms": _origin_ms(forecasts),
        "column_seconds": width * (forecasts[0].header.step_seconds if forecasts else 0),
        "servers": _names(forecasts),
        "metric": [k for k, own in enumerate(rows) for _ in own],
        "past": _columns(past, signs, width, keep_end=True),
        "expected": _columns(expected, signs, width),
        "possible": _columns(possible, signs, width),
    }


def _metric(info: ServerInfo, name: str, profiles: Sequence[str]) -> Metric:
    found: dict[str, MetricThreshold | None] = {
        profile: info.threshold(name, profile) for profile in dict.fromkeys(profiles)
    }
    low_is_bad = any(limit.low_is_bad for limit in found.values() if limit is not None)
    limits = {
        profile: (limit.warning, limit.critical) for profile, limit in found.items() if limit is not None
    }
    return Metric(name, low_is_bad, limits)


def _medians(rows: Sequence[Forecast | None]) -> list[_Floats | None]:
    return [None if one is None else one.p50 for one in rows]


def _now(rows: Sequence[Forecast | None]) -> _Floats:
    """What was measured last, [servers, 1 or, without any, 0]."""
    return _grid([None if one is None else one.history[-1:] for one in rows])


def _from_now(rows: Sequence[Forecast | None], ahead: Sequence[_Floats | None]) -> _Floats:
    """What was measured last and what is to come, [servers, steps]."""
    return np.hstack((_now(rows), _grid(ahead)))


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


def _worst(values: _Floats, signs: _Floats) -> _Floats:
    """The worst along the last axis; signs are -1 for rows whose small values are the bad ones."""
    shaped = signs.reshape(-1, *[1] * (values.ndim - 1))
    found: _Floats = np.fmax.reduce(values * shaped, axis=-1, initial=np.float32(np.nan))
    return found * shaped[..., 0]


def _columns(grid: _Floats, signs: _Floats, width: int, keep_end: bool = False) -> _Floats:
    """The worst of every `width` steps, [servers, columns]; steps that fill no column are left out.

    Args:
        grid: Values, [servers, steps].
        signs: As for `_worst`.
        width: Steps of a column.
        keep_end: Whether it is the first steps that are left out, not the last.
    """
    whole = grid.shape[1] // width
    first = grid.shape[1] - whole * width if keep_end else 0
    cut = grid[:, first : first + whole * width].reshape(len(grid), whole, width)
    return _worst(cut, signs).round(1)


def _origin_ms(forecasts: Sequence[FleetForecast]) -> int:
    return forecasts[0].header.forecast_origin_ms if forecasts else 0


def _names(forecasts: Sequence[FleetForecast]) -> list[str]:
    return [name for found in forecasts for name in found.servers]
