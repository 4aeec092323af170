"""Servers that move together, such as twins behind one load balancer.

What is learned of one of them is known of the other, so nothing is tuned on one and scored on the other. Two
servers belong together when their hourly means, the mean of each time of day taken out, correlate by 0.25 or
more in the mean over the metrics that both measure; and so does all that is joined by a chain of such pairs.
Twins reach 0.8. Of strangers that run on one clock few pairs reach it by chance, which costs nothing but a less
even split.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.evaluation.protocol import SCORED
from argus_server.training.corpus import History

LEAST_CORRELATION: Final = 0.25
"""Mean correlation from which two servers belong together."""

Figures = npt.NDArray[np.float64]

_HOUR_MS: Final = 3_600_000
_HOURS: Final = 24
# Fewer common hours than this tell nothing.
_LEAST_COMMON: Final = 72
# What moves less than this is flat: rounding has no correlation.
_LEAST_DEVIATION: Final = 1e-6


def clusters(histories: Sequence[History]) -> list[tuple[str, ...]]:
    """Servers that move together, largest cluster first, of equals the one with the first name."""
    correlation = correlations(histories)
    with np.errstate(invalid="ignore"):
        linked = correlation >= LEAST_CORRELATION
    unseen = set(range(len(histories)))
    found: list[tuple[str, ...]] = []
    while unseen:
        reached = {unseen.pop()}
        ahead = list(reached)
        while ahead:
            fresh = unseen.intersection(np.flatnonzero(linked[ahead.pop()]).tolist())
            unseen -= fresh
            reached |= fresh
            ahead += fresh
        found.append(tuple(sorted(histories[index].name for index in reached)))
    return sorted(found, key=lambda one: (-len(one), one))


def halves(together: Sequence[tuple[str, ...]]) -> tuple[frozenset[str], frozenset[str]]:
    """Whole clusters in two parts of about as many servers; the second is empty when there is one cluster only.

    Args:
        together: Names by cluster, largest first.
    """
    parts: tuple[set[str], set[str]] = (set(), set())
    for names in together:
        min(parts, key=len).update(names)
    return frozenset(parts[0]), frozenset(parts[1])


def correlations(histories: Sequence[History]) -> Figures:
    """Mean correlation of each pair, [servers, servers]; NaN where too little is known of both."""
    servers = len(histories)
    hours = [_hourly(history) for history in histories]
    first = min(begin for begin, _ in hours)
    length = max(begin + len(values) for begin, values in hours) - first
    total, count = np.zeros((servers, servers)), np.zeros((servers, servers))
    for column in range(len(SCORED)):
        # Zero where unknown, so that products sum over common hours only.
        grid = np.zeros((servers, length))
        known = np.zeros((servers, length))
        for row, (begin, values) in enumerate(hours):
            series = values[:, column]
            seen = ~np.isnan(series)
            grid[row, begin - first : begin - first + len(series)] = np.where(seen, series, 0.0)
            known[row, begin - first : begin - first + len(series)] = seen
        common = known @ known.T
        with np.errstate(invalid="ignore", divide="ignore"):
            # Deviations of both, over the hours that they have in common.
            power = grid**2 @ known.T
            found = (grid @ grid.T) / np.sqrt(power * power.T)
        usable = (common >= _LEAST_COMMON) & ~np.isnan(found)
        total += np.where(usable, found, 0.0)
        count += usable
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Figures = total / count
    return mean


def _hourly(history: History) -> tuple[int, Figures]:
    """Number of the first hour, and hourly means without their daily cycle, [hours, scored metrics]."""
    steps = history.start_ms + np.arange(len(history.values)) * history.step_seconds * 1000
    hour = steps // _HOUR_MS
    first = int(hour[0])
    values = history.values[:, SCORED].astype(np.float64)
    means = _mean_by(hour - first, values, int(hour[-1]) - first + 1)
    of_day = (first + np.arange(len(means))) % _HOURS
    moved = means - _mean_by(of_day, means, _HOURS)[of_day]
    flat = np.nanstd(np.where(np.isnan(moved).all(axis=0), 0.0, moved), axis=0) < _LEAST_DEVIATION
    return first, np.where(flat, np.nan, moved)


def _mean_by(group: npt.NDArray[np.int64], values: Figures, groups: int) -> Figures:
    """Mean of the rows of each group, [groups, columns]; NaN where nothing is known."""
    known = ~np.isnan(values)
    total, count = np.zeros((groups, values.shape[1])), np.zeros((groups, values.shape[1]))
    np.add.at(total, group, np.where(known, values, 0.0))
    np.add.at(count, group, known)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Figures = total / count
    return mean
