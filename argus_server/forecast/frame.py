"""What the forecast hands to risk scoring: quantiles in real units for a set of servers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt


class Source(IntEnum):
    """Where a server's forecast comes from; the values are those of `argus.v1.ForecastSource`."""

    UNSPECIFIED = 0
    TFT = 1
    FALLBACK = 2
    STALE = 3


@dataclass(frozen=True, slots=True)
class Forecast:
    """Quantile forecasts of one tick.

    Attributes:
        quantiles: float32 [servers, metrics, horizon, 3] for p10, p50, p90: non-crossing, within each metric's
            range, in the metric's unit. NaN for a metric the server never measured inside its window.
        sources: `Source` per server, uint8 [servers]: TFT or FALLBACK.
        origin_ms: Start of the last observed step; step i lies at `origin_ms + i * step_seconds * 1000`.
        step_seconds: Length of a step.
        model_revision: Revision of the model that made the TFT rows; empty when none is loaded.
    """

    quantiles: npt.NDArray[np.float32]
    sources: npt.NDArray[np.uint8]
    origin_ms: int
    step_seconds: int
    model_revision: str
