"""The eight metrics people look at: now, in the next 30 minutes, and where they are heading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from argus.v1 import snapshot_pb2
from argus_server.metrics import P50
from argus_server.risk.signals import turned, turned_quantiles
from argus_server.risk.tables import Display

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DisplayValues:
    """Columns in the order of `DISPLAY_METRICS`.

    Attributes:
        current: float32 [servers, 8]; NaN where not measured.
        predicted: Mean median of the near future, float32 [servers, 8]; NaN where not forecast.
        trends: `argus.v1.Trend` numbers, uint8 [servers, 8].
    """

    current: Floats
    predicted: Floats
    trends: npt.NDArray[np.uint8]


def display_values(
    displays: tuple[Display, ...], current: Floats, quantiles: Floats, near_steps: int
) -> DisplayValues:
    """What to show of each server.

    Args:
        displays: What is shown, from the tables.
        current: [servers, metrics].
        quantiles: [servers, metrics, horizon, 3].
        near_steps: Steps of the near future.
    """
    near = quantiles[:, :, :near_steps]
    now = np.empty((len(current), len(displays)), dtype=np.float32)
    soon = np.empty_like(now)
    for column, display in enumerate(displays):
        if display.signal is None:
            now[:, column] = current[:, display.metric]
            soon[:, column] = near[:, display.metric, :, P50].mean(axis=1)
        else:
            now[:, column] = turned(current, display.signal)
            soon[:, column] = turned_quantiles(near, display.signal)[..., P50].mean(axis=1)
    bands = np.array([display.dead_band for display in displays], dtype=np.float32)
    ratios = np.array([display.dead_band_ratio for display in displays], dtype=np.float32)
    with np.errstate(invalid="ignore"):
        change = soon - now
        dead_band = np.maximum(bands, ratios * np.abs(now))
        trends = np.select(
            [np.isnan(change), change > dead_band, change < -dead_band],
            [
                np.uint8(snapshot_pb2.TREND_UNSPECIFIED),
                np.uint8(snapshot_pb2.TREND_INCREASING),
                np.uint8(snapshot_pb2.TREND_DECREASING),
            ],
            np.uint8(snapshot_pb2.TREND_STABLE),
        )
    return DisplayValues(now, soon, trends)
