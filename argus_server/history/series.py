"""The past of one server and of the fleet, in buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.history import batches
from argus_server.history.batches import Cancelled, guarded
from argus_server.history.policy import POLICY
from argus_server.history.schemas import FLEET_RISK, FORECASTS, PERCENTILES, SERVER_RISK
from argus_server.history.span import Buckets, BucketStatistics, Span
from argus_server.history.store import RowSource
from argus_server.metrics import METRICS
from argus_server.store.tables import METRICS_TABLE

Floats = npt.NDArray[np.float32]

_RISK: Final = ("risk_score", "probability_30m", "probability_8h")

# A server that is scored is recorded at least that often; one tick late is still in time.
_HOLD_MS: Final = 2000 * POLICY.risk_most_seconds


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One metric of a server: float32 [buckets] each, NaN where there is nothing.

    Attributes:
        metric: Index into `METRICS`.
        actual: Mean of what was measured.
        minimum: Least value measured.
        maximum: Greatest value measured.
        forecast: What had been forecast, [buckets, 3].
    """

    metric: int
    actual: Floats
    minimum: Floats
    maximum: Floats
    forecast: Floats


@dataclass(frozen=True, slots=True)
class ServerSeries:
    """The past of one server.

    Attributes:
        buckets: Points in time.
        risk_score: Mean, float32 [buckets].
        risk_score_maximum: Greatest, the same.
        probability_30m: Greatest, the same.
        probability_8h: Greatest, the same.
        metrics: Of those asked for; of all measured if none was.
        rows: Rows of any table that were found.
    """

    buckets: Buckets
    risk_score: Floats
    risk_score_maximum: Floats
    probability_30m: Floats
    probability_8h: Floats
    metrics: tuple[MetricSeries, ...]
    rows: int


def server_series(
    store: RowSource,
    server_name: str,
    span: Span,
    *,
    metrics: Sequence[int],
    horizon_minutes: int,
    max_points: int,
    cancelled: Cancelled,
) -> ServerSeries:
    """Reads the past of a server.

    Args:
        store: Where from.
        server_name: Which server.
        span: When.
        metrics: Indices into `METRICS`; empty for all that were measured.
        horizon_minutes: How long before each time the forecast for it was made.
        max_points: Buckets at most.
        cancelled: Says when to give up.

    Raises:
        QueryCancelled: It was called off.
    """
    buckets = Buckets.of(span, max_points)
    wanted = list(metrics) or list(range(len(METRICS)))
    measured = _measured(store, server_name, span, buckets, wanted, cancelled)
    forecast, forecasts = _forecast(store, server_name, span, buckets, wanted, horizon_minutes, cancelled)
    risk, held, records = _risk(store, server_name, span, buckets, cancelled)
    actual, minimum, maximum = measured.means(), measured.least(), measured.greatest()
    kept = [place for place in range(len(wanted)) if metrics or measured.counts[:, place].any()]
    greatest = np.where(np.isnan(risk.greatest()), held, risk.greatest())
    means = np.where(np.isnan(risk.means()), held, risk.means())
    return ServerSeries(
        buckets=buckets,
        risk_score=means[:, 0],
        risk_score_maximum=greatest[:, 0],
        probability_30m=greatest[:, 1],
        probability_8h=greatest[:, 2],
        metrics=tuple(
            MetricSeries(
                wanted[place],
                actual[:, place],
                minimum[:, place],
                maximum[:, place],
                forecast[:, 3 * place : 3 * place + 3],
            )
            for place in kept
        ),
        rows=int(measured.counts.sum()) + forecasts + records,
    )


def _measured(
    store: RowSource, server: str, span: Span, buckets: Buckets, wanted: Sequence[int], cancelled: Cancelled
) -> BucketStatistics:
    names = [METRICS[metric] for metric in wanted]
    statistics = BucketStatistics(buckets, len(names))
    found = store.read(METRICS_TABLE, span.start_ms, span.end_ms, [server], ["timestamp", *names])
    for batch in guarded(found, cancelled):
        statistics.add(batches.times_ms(batch), batches.floats(batch, names))
    return statistics


def _forecast(
    store: RowSource,
    server: str,
    span: Span,
    buckets: Buckets,
    wanted: Sequence[int],
    horizon_minutes: int,
    cancelled: Cancelled,
) -> tuple[Floats, int]:
    """Means per bucket of the forecasts for times in it, [buckets, metrics * 3], and how many rows there were."""
    ahead_ms = 60_000 * horizon_minutes
    names = [f"{METRICS[metric]}_{percentile}" for metric in wanted for percentile in PERCENTILES]
    statistics, rows = BucketStatistics(buckets, len(names)), 0
    found = store.read(
        FORECASTS,
        max(span.start_ms - ahead_ms, 0),
        max(span.end_ms - ahead_ms, 0),
        [server],
        ["timestamp", "horizon_minutes", *names],
    )
    for batch in guarded(found, cancelled):
        mine = batch.column("horizon_minutes").to_numpy() == horizon_minutes
        rows += int(mine.sum())
        statistics.add((batches.times_ms(batch) + ahead_ms)[mine], batches.floats(batch, names)[mine])
    return statistics.means(), rows


def _risk(
    store: RowSource, server: str, span: Span, buckets: Buckets, cancelled: Cancelled
) -> tuple[BucketStatistics, Floats, int]:
    """Risk per bucket; what was recorded last before each bucket, [buckets, 3]; and how many rows there were."""
    statistics = BucketStatistics(buckets, len(_RISK))
    found = store.read(
        SERVER_RISK, max(span.start_ms - _HOLD_MS, 0), span.end_ms, [server], ["timestamp", *_RISK]
    )
    times: list[npt.NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    values: list[Floats] = [np.empty((0, len(_RISK)), dtype=np.float32)]
    rows = 0
    for batch in guarded(found, cancelled):
        times.append(batches.times_ms(batch))
        values.append(batches.floats(batch, _RISK))
        inside = times[-1] >= span.start_ms
        rows += int(inside.sum())
        statistics.add(times[-1][inside], values[-1][inside])
    return statistics, _held(np.concatenate(times), np.concatenate(values), buckets), rows


def _held(times: npt.NDArray[np.int64], values: Floats, buckets: Buckets) -> Floats:
    """The newest values from before each bucket, [buckets, columns]; NaN where they are too old to hold still."""
    held = np.full((buckets.count, values.shape[1]), np.nan, dtype=np.float32)
    if not len(times):
        return held
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    starts = buckets.starts_ms()
    last = np.searchsorted(times, starts, side="left") - 1
    fresh = (last >= 0) & (starts - times[last] <= _HOLD_MS)
    held[fresh] = values[last[fresh]]
    return held


FLEET_COLUMNS: Final = (
    "total_servers",
    "critical_count",
    "warning_count",
    "degrading_count",
    "healthy_count",
    "silent_count",
    "average_risk",
    "maximum_risk",
    "incident_probability_30m",
    "incident_probability_8h",
    "expected_incidents_8h",
)


@dataclass(frozen=True, slots=True)
class FleetSeries:
    """The past of the fleet.

    Attributes:
        buckets: Points in time.
        means: Of the columns `FLEET_COLUMNS`, float32 [buckets, columns]; NaN where nothing was recorded.
        greatest: Greatest values, the same shape.
    """

    buckets: Buckets
    means: Floats
    greatest: Floats


def fleet_series(store: RowSource, span: Span, *, max_points: int, cancelled: Cancelled) -> FleetSeries:
    """Reads the past of the fleet.

    Raises:
        QueryCancelled: It was called off.
    """
    buckets = Buckets.of(span, max_points)
    statistics = BucketStatistics(buckets, len(FLEET_COLUMNS))
    found = store.read(FLEET_RISK, span.start_ms, span.end_ms, columns=["timestamp", *FLEET_COLUMNS])
    for batch in guarded(found, cancelled):
        statistics.add(batches.times_ms(batch), batches.floats(batch, FLEET_COLUMNS))
    return FleetSeries(buckets, statistics.means(), statistics.greatest())
