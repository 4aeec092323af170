"""Sums from which every accuracy figure follows, by server, metric and step of the horizon."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.metrics import P10, P50, P90, QUANTILES

FloatArray = npt.NDArray[np.float32]
Figures = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_LEVELS: Final = np.array(QUANTILES)
_BAND_MISS: Final = 0.2  # what an 80 % band may miss
_TINY_SCALE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the forecasts of a server; each is float64 [metrics, horizon].

    Attributes:
        count: Steps that were forecast and observed.
        loss: Mean over the quantiles of 2 x pinball.
        magnitude: |y|.
        error: |y - p50|.
        covered: Steps with p10 <= y <= p90.
        width: p90 - p10.
        interval_score: Width plus 2 / 0.2 times the distance of y from the band (Winkler 1972; Gneiting and
            Raftery 2007, equation 43).
        below: Steps with y <= quantile, [metrics, horizon, 3].
    """

    count: Figures
    loss: Figures
    magnitude: Figures
    error: Figures
    covered: Figures
    width: Figures
    interval_score: Figures
    below: Figures


def score(targets: FloatArray, quantiles: FloatArray) -> Sums:
    """Add up the forecasts of a server.

    Args:
        targets: What was observed, [origins, metrics, horizon], NaN where nothing was.
        quantiles: [origins, metrics, horizon, 3]; a step with any NaN does not count.
    """
    seen = ~np.isnan(targets) & ~np.isnan(quantiles).any(axis=-1)
    y = np.where(seen, targets, 0.0).astype(np.float64)
    q = np.where(seen[..., None], quantiles, 0.0).astype(np.float64)
    error = y[..., None] - q
    pinball = np.maximum(_LEVELS * error, (_LEVELS - 1.0) * error)
    width = q[..., P90] - q[..., P10]
    outside = np.maximum(q[..., P10] - y, 0.0) + np.maximum(y - q[..., P90], 0.0)
    return Sums(
        count=seen.sum(axis=0).astype(np.float64),
        loss=2.0 * pinball.mean(axis=-1).sum(axis=0),
        magnitude=np.abs(y).sum(axis=0),
        error=np.abs(error[..., P50]).sum(axis=0),
        covered=((outside == 0.0) & seen).sum(axis=0).astype(np.float64),
        width=width.sum(axis=0),
        interval_score=(width + 2.0 / _BAND_MISS * outside).sum(axis=0),
        below=((error <= 0.0) & seen[..., None]).sum(axis=0).astype(np.float64),
    )


@dataclass(frozen=True, slots=True)
class Series:
    """Facts about a server's series that do not depend on a forecast; each [metrics].

    Attributes:
        scale: In-sample seasonal-naive mean absolute error of the train part; 0 when unknown.
        moving: Whether the metric takes more than one value in the test part.
    """

    scale: Figures
    moving: Mask

    @classmethod
    def of(cls, values: FloatArray, boundary: int, season: int) -> Series:
        """The facts of a history [steps, metrics] whose test part starts at `boundary`."""
        train, test = values[:boundary].astype(np.float64), values[boundary:]
        change = np.abs(train[season:] - train[:-season])
        known = ~np.isnan(change)
        scale = np.where(known, change, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        seen = ~np.isnan(test)
        highest = np.where(seen, test, -np.inf).max(axis=0, initial=-np.inf)
        lowest = np.where(seen, test, np.inf).min(axis=0, initial=np.inf)
        return cls(scale, highest > lowest)


@dataclass
class Scoreboard:
    """Scores of one forecaster over many servers."""

    servers: list[str] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    sums: list[Sums] = field(default_factory=list)

    def add(self, server: str, series: Series, sums: Sums) -> None:
        """Count the forecasts of a server."""
        self.servers.append(server)
        self.series.append(series)
        self.sums.append(sums)

    def table(self) -> Table:
        """All that was counted, as arrays.

        Raises:
            ValueError: Nothing was.
        """
        return Table(
            tuple(self.servers),
            np.stack([series.scale for series in self.series]),
            np.stack([series.moving for series in self.series]),
            Sums(*(np.stack([getattr(sums, one.name) for sums in self.sums]) for one in fields(Sums))),
        )


@dataclass(frozen=True, slots=True)
class Table:
    """A scoreboard as arrays.

    Attributes:
        servers: Name of each row.
        scale: As in `Series`, [servers, metrics].
        moving: As in `Series`, [servers, metrics].
        sums: Sums of all servers, [servers, metrics, horizon].
    """

    servers: tuple[str, ...]
    scale: Figures
    moving: Mask
    sums: Sums

    def of(self, rows: Mask) -> Table:
        """The chosen servers, mask [servers]."""
        return Table(
            tuple(name for name, chosen in zip(self.servers, rows.tolist(), strict=True) if chosen),
            self.scale[rows],
            self.moving[rows],
            Sums(*(getattr(self.sums, one.name)[rows] for one in fields(Sums))),
        )

    def wql(self) -> Figures:
        """Weighted quantile loss pooled over servers, origins and steps, [metrics]; NaN where all is 0."""
        return ratio(self.sums.loss.sum(axis=(0, 2)), self.sums.magnitude.sum(axis=(0, 2)))

    def wql_of_series(self) -> Figures:
        """Weighted quantile loss of every series, [servers, metrics]."""
        return ratio(self.sums.loss.sum(axis=2), self.sums.magnitude.sum(axis=2))

    def mase_of_series(self) -> Figures:
        """Mean absolute scaled error, [servers, metrics]; NaN where the scale is 0 or nothing was forecast."""
        error = ratio(self.sums.error.sum(axis=2), self.sums.count.sum(axis=2))
        return ratio(error, np.where(self.scale > _TINY_SCALE, self.scale, 0.0))

    def coverage(self, chosen: Mask) -> float:
        """Share of the steps of the chosen series [servers, metrics] inside the 80 % band."""
        covered = self.sums.covered.sum(axis=2)[chosen].sum()
        return float(ratio(covered, self.sums.count.sum(axis=2)[chosen].sum()))

    def present(self) -> Mask:
        """Series with any step that counts, [servers, metrics]."""
        present: Mask = self.sums.count.sum(axis=2) > 0
        return present


def ratio(value: npt.ArrayLike, weight: npt.ArrayLike) -> Figures:
    """value / weight; NaN where the weight is 0."""
    top, bottom = np.broadcast_arrays(np.asarray(value, np.float64), np.asarray(weight, np.float64))
    result: Figures = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return result
