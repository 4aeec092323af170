"""The past: one component per question, all about the range in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from argus_ui.components.view_part import ViewPart


class _OfRange(ViewPart):
    """Something about a range of time.

    Args:
        ranges: Seconds after which it is asked for again, by range.
    """

    def __init__(self, ranges: Mapping[str, int], **more: Any) -> None:
        super().__init__(ranges=dict(ranges), **more)


class HistorySummary(_OfRange, module="history_summary.js"):
    """Choice of the range; alerts and incidents in numbers."""


class HistoryFleet(_OfRange, module="history_fleet.js"):
    """Servers per level over time, average and highest risk."""


class ForecastCheck(_OfRange, module="forecast_check.js"):
    """What had been forecast for a metric of a server, against what came.

    Args:
        ranges: As above.
        horizons: Minutes before each time at which the forecast for it was made.
    """

    def __init__(self, ranges: Mapping[str, int], horizons: Sequence[int]) -> None:
        super().__init__(ranges, horizons=list(horizons))


class HistoryEvents(_OfRange, module="history_events.js"):
    """What happened to alerts, silences and maintenance windows."""


class HistoryExport(_OfRange, module="history_export.js"):
    """Whole tables as files."""
