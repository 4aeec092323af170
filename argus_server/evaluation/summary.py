"""From sums to the figures of a report, ready for JSON; a figure without data is None."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from argus_server.evaluation.protocol import HEADLINE, SCORED, Protocol
from argus_server.evaluation.scores import Figures, Mask, Table, ratio
from argus_server.forecast.calibration import BUCKET_ENDS_MINUTES
from argus_server.metrics import METRICS, QUANTILES

_WORSE: Final = 1.05
_NOMINAL: Final = 0.8
# Ratios are shifted by it, so that a series that repeats exactly has one; as in BOOM's aggregation.
_SHIFT: Final = 1e-5
# Losses below it are rounding: a flat line reproduced to the last digits is no worse than an exact one.
_ROUNDING: Final = 1e-6

Indices = npt.NDArray[np.intp]
Groups = Mapping[str, Indices]

HEADLINE_ONLY: Final[Groups] = {"": HEADLINE}
GROUPS: Final[Groups] = {"": HEADLINE, "_all_metrics": SCORED}
"""Metrics that figures are made over, by the suffix of the figures' names."""


def summary(table: Table, protocol: Protocol, naive: Table) -> dict[str, Any]:
    """All figures of the forecaster that is being judged.

    Args:
        table: Its scores.
        protocol: How they were made.
        naive: Scores of seasonal naive on the same steps.
    """
    moving = table.moving & table.present()
    return {
        **accuracy(table),
        **coverages(table),
        "coverage_at_nominal": _calibration(table, HEADLINE),
        "coverage_by_horizon": _by_bucket(table, HEADLINE, protocol),
        "coverage_worst_bucket": _worst_bucket(table, HEADLINE, protocol, table.present()),
        "coverage_worst_bucket_all_metrics_moving": _worst_bucket(table, SCORED, protocol, moving),
        **_against(table, naive),
        "per_metric": {
            METRICS[metric]: _metric(table, naive, metric, protocol)
            for metric in SCORED.tolist()
            if table.sums.magnitude[:, metric].any()
        },
    }


def accuracy(table: Table, groups: Groups = GROUPS) -> dict[str, float | None]:
    """Losses and errors, by group of metrics."""
    result: dict[str, float | None] = {}
    for suffix, metrics in groups.items():
        mase = table.mase_of_series()[:, metrics]
        magnitude = table.sums.magnitude.sum(axis=(0, 2))[metrics]
        width = ratio(table.sums.width.sum(axis=(0, 2))[metrics], magnitude)
        interval = ratio(table.sums.interval_score.sum(axis=(0, 2))[metrics], magnitude)
        result |= {
            f"wql{suffix}": figure(_mean(table.wql()[metrics])),
            f"mase_mean{suffix}": figure(_mean(mase)),
            f"mase_median{suffix}": figure(_median(mase)),
            f"interval_width{suffix}": figure(_mean(width)),
            f"interval_score{suffix}": figure(_mean(interval)),
        }
    return result


def figure(value: float) -> float | None:
    """Rounded for the record; None instead of NaN, which JSON does not have."""
    return None if np.isnan(value) else round(float(value), 5)


def buckets(protocol: Protocol) -> dict[str, slice]:
    """Parts of the horizon by name, such as `30-60 min`: after the first end, up to the second."""
    step_minutes = protocol.step_seconds / 60
    last = protocol.horizon * step_minutes
    ends = [*(end for end in BUCKET_ENDS_MINUTES if end < last), last]
    result, begin = {}, 0
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        stop = int(end // step_minutes)
        if stop > begin:
            result[_bucket_name(start or step_minutes, end)] = slice(begin, stop)
        begin = stop
    return result


def server_losses(table: Table) -> Figures:
    """Each server's weighted quantile loss, the mean of its headline metrics, [servers]."""
    losses = table.wql_of_series()[:, HEADLINE]
    known = ~np.isnan(losses)
    return ratio(np.where(known, losses, 0.0).sum(axis=1), known.sum(axis=1))


def worse_servers(table: Table, naive: Table) -> Mask:
    """Servers whose loss is more than 1.05 times seasonal naive's, [servers]."""
    # A server without a loss compares as false: it is flat zero in all headline metrics.
    return server_losses(table) > _WORSE * server_losses(naive) + _ROUNDING


def _bucket_name(start: float, end: float) -> str:
    if end <= 60:
        return f"{start:g}-{end:g} min"
    return f"{start / 60:g}-{end / 60:g} h"


def coverages(table: Table, groups: Groups = GROUPS) -> dict[str, float | None]:
    """Coverage, and that of series which move in the test part: any closed band covers a constant."""
    result: dict[str, float | None] = {}
    for suffix, metrics in groups.items():
        chosen = np.zeros_like(table.moving)
        chosen[:, metrics] = True
        result[f"coverage{suffix}"] = figure(table.coverage(chosen))
        result[f"coverage{suffix}_moving"] = figure(table.coverage(chosen & table.moving))
    return result


def _calibration(table: Table, metrics: Indices) -> dict[str, float | None]:
    """Share of steps at or below each quantile."""
    below = table.sums.below[:, metrics].sum(axis=(0, 1, 2))
    shares = ratio(below, table.sums.count[:, metrics].sum())
    return {
        f"p{round(level * 100)}": figure(share)
        for level, share in zip(QUANTILES, shares.tolist(), strict=True)
    }


def _by_bucket(table: Table, metrics: Indices, protocol: Protocol) -> dict[str, float | None]:
    covered, count = table.sums.covered[:, metrics], table.sums.count[:, metrics]
    return {
        name: figure(float(ratio(covered[..., steps].sum(), count[..., steps].sum())))
        for name, steps in buckets(protocol).items()
    }


def _worst_bucket(
    table: Table, metrics: Indices, protocol: Protocol, chosen: Mask
) -> dict[str, float | str | None] | None:
    """The metric and part of the horizon whose coverage is furthest from 0.8."""
    worst: dict[str, float | str | None] | None = None
    furthest = -1.0
    for metric in metrics.tolist():
        rows = chosen[:, metric]
        for name, steps in buckets(protocol).items():
            covered = table.sums.covered[rows, metric, steps].sum()
            coverage = float(ratio(covered, table.sums.count[rows, metric, steps].sum()))
            if abs(coverage - _NOMINAL) > furthest:
                furthest = abs(coverage - _NOMINAL)
                worst = {"metric": METRICS[metric], "horizon": name, "coverage": figure(coverage)}
    return worst


def _against(table: Table, naive: Table) -> dict[str, Any]:
    """Ratios to seasonal naive and shares of series and servers on either side of it."""
    result: dict[str, Any] = {}
    ours, theirs = table.wql_of_series(), naive.wql_of_series()
    for suffix, metrics in GROUPS.items():
        ratios = {
            "wql": (ours[:, metrics], theirs[:, metrics]),
            "mase": (table.mase_of_series()[:, metrics], naive.mase_of_series()[:, metrics]),
        }
        for name, (model, baseline) in ratios.items():
            result[f"{name}_ratio_to_seasonal_naive{suffix}"] = figure(_geometric_mean(model, baseline))
        # A series that both reproduce exactly says nothing.
        told = np.maximum(ours, theirs)[:, metrics] > 0
        beaten = (ours < theirs)[:, metrics][told]
        result[f"series_beating_seasonal_naive{suffix}"] = figure(_mean(beaten.astype(np.float64)))
    worse = worse_servers(table, naive)
    result["servers_worse_than_seasonal_naive_by_5pct"] = figure(_mean(worse.astype(np.float64)))
    return result


def _metric(table: Table, naive: Table, metric: int, protocol: Protocol) -> dict[str, Any]:
    chosen = np.zeros_like(table.moving)
    chosen[:, metric] = True
    mase = table.mase_of_series()[:, metric]
    magnitude = table.sums.magnitude[:, metric].sum()
    index = np.array([metric])
    return {
        "series": int(table.present()[:, metric].sum()),
        "wql": figure(float(table.wql()[metric])),
        "wql_ratio_to_seasonal_naive": figure(
            _geometric_mean(table.wql_of_series()[:, metric], naive.wql_of_series()[:, metric])
        ),
        "mase_mean": figure(_mean(mase)),
        "mase_median": figure(_median(mase)),
        "coverage": figure(table.coverage(chosen)),
        "coverage_moving": figure(table.coverage(chosen & table.moving)),
        "coverage_at_nominal": _calibration(table, index),
        "coverage_by_horizon": _by_bucket(table, index, protocol),
        "interval_width": figure(float(ratio(table.sums.width[:, metric].sum(), magnitude))),
        "interval_score": figure(float(ratio(table.sums.interval_score[:, metric].sum(), magnitude))),
    }


def _geometric_mean(ours: Figures, theirs: Figures) -> float:
    known = ~np.isnan(ours) & ~np.isnan(theirs)
    logs = np.log((ours[known] + _SHIFT) / (theirs[known] + _SHIFT))
    return float(np.exp(logs.mean())) if len(logs) else float("nan")


def _mean(values: Figures) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _median(values: Figures) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")
