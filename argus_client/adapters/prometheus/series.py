"""What range queries answered, as rows: one for each server and time at which any column was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus_client.adapters.core.columnar import Columns

TIMESTAMP: Final = "timestamp"
SERVER_NAME: Final = "server_name"


@dataclass(frozen=True, slots=True)
class Grid:
    """Times at which queries are evaluated.

    Attributes:
        start_ms: The first, Unix milliseconds UTC.
        step_ms: From one to the next.
        points: How many there are.
    """

    start_ms: int
    step_ms: int
    points: int

    @property
    def end_ms(self) -> int:
        """The last one."""
        return self.start_ms + (self.points - 1) * self.step_ms

    def values(self, points: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
        """[points] values of one series of `[Unix seconds, text]` pairs; NaN where it has none or an infinite one.

        Infinity is what PromQL makes of a division by zero: nothing was measured. Pairs off the grid are left out.
        """
        values = np.full(self.points, np.nan)
        if points:
            seconds = np.array([pair[0] for pair in points], np.float64)
            at = np.rint((seconds * 1000 - self.start_ms) / self.step_ms).astype(np.int64)
            measured = np.array([float(pair[1]) for pair in points])
            kept = (at >= 0) & (at < self.points) & np.isfinite(measured)
            values[at[kept]] = measured[kept]
        return values


def joined(grid: Grid, columns: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> Columns:
    """One row for each time and server with any value, in order of time; a column that has none is left out.

    Args:
        grid: The times.
        columns: [points] values, by column and server; NaN where nothing was measured.
    """
    names = sorted({name for series in columns.values() for name in series})
    number = {name: index for index, name in enumerate(names)}
    cube = np.full((grid.points, len(names), len(columns)), np.nan)  # [points, servers, columns]
    for column, series in enumerate(columns.values()):
        for name, values in series.items():
            cube[:, number[name], column] = values
    measured = ~np.isnan(cube)
    point, server = np.nonzero(measured.any(axis=2))
    found = {
        TIMESTAMP: grid.start_ms + point * grid.step_ms,
        SERVER_NAME: np.array(names, np.object_)[server],
    }
    for index, name in enumerate(columns):
        if measured[:, :, index].any():
            found[name] = cube[point, server, index]
    return Columns(found)
