"""Pictures of an evaluation, as PNG files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from argus_server.evaluation import rolling
from argus_server.evaluation.harness import REFERENCE, Report
from argus_server.evaluation.protocol import HEADLINE, Protocol, targets
from argus_server.evaluation.scores import Figures, Table, ratio, score
from argus_server.metrics import METRICS, P10, P50, P90, QUANTILES

CALIBRATION: Final = "calibration.png"
HORIZON: Final = "horizon.png"
SERIES: Final = "series.png"

_WORST: Final = 4
_FORECASTS: Final = 9  # three days of them


@dataclass(frozen=True, slots=True)
class Example:
    """A series to be shown: why, which server and metric, and its loss relative to seasonal naive's."""

    title: str
    server: int
    metric: int
    ratio: float


def calibration(report: Report, path: Path) -> None:
    """How often values lie at or below each quantile, and inside the band along the horizon."""
    figure, (left, right) = _figure(1, 2)
    table = report.model
    hours = _hours(report.protocol)
    left.plot([0, 1], [0, 1], color="0.8", lw=1)
    right.axhline(0.8, color="0.8", lw=1)
    for metric in _present(table):
        below, count = table.sums.below[:, metric], table.sums.count[:, metric]
        left.plot(QUANTILES, ratio(below.sum(axis=(0, 1)), count.sum()), marker="o", label=METRICS[metric])
        right.plot(hours, ratio(table.sums.covered[:, metric].sum(axis=0), count.sum(axis=0)))
    left.set(xlabel="quantile", ylabel="share of values at or below it", title="Calibration", xlim=(0, 1))
    left.legend(frameon=False, fontsize=8)
    right.set(xlabel="hours ahead", title="Share of values inside the 80 % band", ylim=(0.5, 1.0))
    _save(figure, path)


def horizon(report: Report, path: Path) -> None:
    """The weighted quantile loss at each step of the horizon, of the model and of all baselines."""
    figure, (left, right) = _figure(1, 2)
    hours = _hours(report.protocol)
    tables = {"model": report.model, **report.baselines}
    reference = _loss_by_step(report.baselines[REFERENCE])
    for name, table in tables.items():
        style = {"lw": 2.5, "color": "black"} if name == "model" else {"lw": 1.0}
        loss = _loss_by_step(table)
        left.plot(hours, loss, label=name, **style)
        right.plot(hours, ratio(loss, reference), **style)
    left.set(
        xlabel="hours ahead", ylabel="wQL, mean of the headline metrics", ylim=(0, 2.5 * reference.max())
    )
    left.legend(frameon=False, fontsize=8)
    right.set(xlabel="hours ahead", ylabel=f"relative to {REFERENCE}", ylim=(0, 2))
    _save(figure, path)


def examples(report: Report) -> list[Example]:
    """The series with the worst losses relative to seasonal naive, the median one and the best one."""
    metrics = HEADLINE
    relative = ratio(report.model.wql_of_series(), report.baselines[REFERENCE].wql_of_series())[:, metrics]
    known = np.argwhere(~np.isnan(relative))
    order = known[np.argsort(-relative[tuple(known.T)], kind="stable")].tolist()
    places = [("worst", place) for place in range(min(_WORST, len(order)))]
    places += [("median", len(order) // 2), ("best", len(order) - 1)]
    return [
        Example(title, order[place][0], int(metrics[order[place][1]]), float(relative[tuple(order[place])]))
        for title, place in places
        if 0 <= place < len(order)
    ]


def series(report: Report, shown: Sequence[Example], path: Path) -> None:
    """Forecasts of chosen series and what came, over the days on which the model did worst on each."""
    figure, axes = _figure(len(shown), 1, height=2.2)
    for example, axis in zip(shown, axes, strict=True):
        _draw(report, example, axis)
    axes[0].legend(frameon=False, fontsize=8, loc="upper left", ncols=3)
    axes[-1].set_xlabel("hours, over the three days with the highest loss")
    _save(figure, path)


def _draw(report: Report, example: Example, axis: Axes) -> None:
    one, horizon_steps = report.scored[example.server], report.protocol.horizon
    origins = report.protocol.origins(one.history)
    forecasts = rolling.forecasts(one.candidate, one.history, origins).quantiles
    actual = targets(one.history.values, origins, horizon_steps)
    losses = [
        score(actual[[row]], forecasts[[row]]).loss[example.metric].sum() for row in range(len(origins))
    ]
    begin = int(np.argmax(np.convolve(losses, np.ones(min(_FORECASTS, len(origins))), mode="valid")))
    chosen = slice(begin, begin + _FORECASTS)
    origins = origins[chosen]
    made, actual = forecasts[chosen, example.metric], actual[chosen, example.metric]
    hours = (origins - origins[0])[:, None] + np.arange(horizon_steps)
    hours = hours * (report.protocol.step_seconds / 3600.0)
    for row, (at, quantiles, came) in enumerate(zip(hours, made, actual, strict=True)):
        label = "_" if row else ""
        axis.fill_between(
            at, quantiles[:, P10], quantiles[:, P90], color="C0", alpha=0.25, lw=0, label=f"{label}p10 to p90"
        )
        axis.plot(at, quantiles[:, P50], color="C0", lw=1.2, label=f"{label}p50")
        axis.plot(at, came, color="black", lw=0.7, label=f"{label}observed")
        axis.axvline(at[0], color="0.85", lw=0.6)
    axis.set_title(
        f"{example.title}: {METRICS[example.metric]} of {one.history.name}, "
        f"loss {example.ratio:.2f} of {REFERENCE}'s",
        fontsize=9,
        loc="left",
    )
    axis.set_xlim(hours.min(), hours.max())


def _loss_by_step(table: Table) -> Figures:
    """Weighted quantile loss at each step, mean of the headline metrics, [horizon]."""
    losses = ratio(table.sums.loss[:, HEADLINE].sum(axis=0), table.sums.magnitude[:, HEADLINE].sum(axis=0))
    known = ~np.isnan(losses)
    return ratio(np.where(known, losses, 0.0).sum(axis=0), known.sum(axis=0))


def _present(table: Table) -> list[int]:
    return [metric for metric in HEADLINE.tolist() if table.sums.count[:, metric].any()]


def _hours(protocol: Protocol) -> Figures:
    return np.arange(1.0, protocol.horizon + 1.0) * (protocol.step_seconds / 3600.0)


def _figure(rows: int, columns: int, height: float = 4.0) -> tuple[Figure, Sequence[Axes]]:
    """A figure of its own: pyplot's global state is no place for a library."""
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}):
        figure = Figure(figsize=(10, height * rows), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        return figure, list(_flat(figure.subplots(rows, columns, squeeze=False)))


def _flat(axes: Iterable[Iterable[Axes]]) -> Iterable[Axes]:
    return (axis for row in axes for axis in row)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Software": None})
