"""Least-squares lines through the last rows of a series, at every row at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Figures = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lines:
    """One line per row and series, as Prometheus' `predict_linear` draws it: missing rows are left out.

    Attributes:
        level: The line at the row itself, [steps, series]; NaN where fewer than two rows are known.
        slope: Its rise per row.
    """

    level: Figures
    slope: Figures

    @classmethod
    def through(cls, values: npt.NDArray[np.floating], window: int) -> Lines:
        """Lines through the last `window` rows, each row itself included.

        Args:
            values: [steps, series], NaN where missing.
            window: Rows of a window; at the start it is shorter.
        """
        known = ~np.isnan(values)
        # Sums lose least when times and values are small.
        mean = np.where(known, values, 0.0).sum(axis=0, dtype=np.float64) / np.maximum(known.sum(axis=0), 1)
        moved = np.where(known, values - mean, 0.0)
        at = np.arange(len(values), dtype=np.float64)[:, None] - len(values) / 2
        count = _windowed(known.astype(np.float64), window)
        some = np.maximum(count, 1.0)
        mean_at = _windowed(known * at, window) / some
        level = _windowed(moved, window) / some
        power = _windowed(known * at**2, window) - some * mean_at**2
        product = _windowed(moved * at, window) - some * mean_at * level
        enough = count >= 2
        slope = product / np.where(enough, power, 1.0)
        at_row = mean + level + slope * (at - mean_at)
        return cls(np.where(enough, at_row, np.nan), np.where(enough, slope, np.nan))

    def ahead(self, rows: int) -> Figures:
        """The lines so many rows later, [steps, series]."""
        return self.level + rows * self.slope


def _windowed(values: Figures, window: int) -> Figures:
    """Sums over the last `window` rows, [steps, series]."""
    total = values.cumsum(axis=0)
    result = total.copy()
    result[window:] -= total[:-window]
    return result
