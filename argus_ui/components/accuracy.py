"""What was predicted against what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from argus_ui.components.history import OfRange
from argus_ui.past import Range


class Incidents(OfRange, module="incidents.js"):
    """Choice of the range; incidents, and whether they were predicted."""


class ForecastCheck(OfRange, module="forecast_check.js"):
    """What had been forecast for a metric of a server, against what came.

    Args:
        ranges: As of `OfRange`.
        horizons: Minutes before each time at which the forecast for it was made.
    """

    def __init__(self, ranges: Mapping[str, Range], horizons: Sequence[int]) -> None:
        super().__init__(ranges, horizons=list(horizons))
