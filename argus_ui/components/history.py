"""The past: one component per question, all about the range in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nicegui.element import Element

from argus_ui.browser import browser_component


class _OfRange(Element):
    """Something about a range of time.

    Args:
        ranges: Seconds after which it is asked for again, by range.
    """

    def __init__(self, ranges: Mapping[str, int]) -> None:
        super().__init__()
        self._props["ranges"] = dict(ranges)


class HistorySummary(_OfRange):
    """Choice of the range; alerts and incidents in numbers."""

    component = browser_component("history_summary.js")


class HistoryFleet(_OfRange):
    """Servers per level over time, average and highest risk."""

    component = browser_component("history_fleet.js")


class ForecastCheck(_OfRange):
    """What had been forecast for a metric of a server, against what came.

    Args:
        ranges: As above.
        horizons: Minutes before each time at which the forecast for it was made.
    """

    component = browser_component("forecast_check.js")

    def __init__(self, ranges: Mapping[str, int], horizons: Sequence[int]) -> None:
        super().__init__(ranges)
        self._props["horizons"] = list(horizons)


class HistoryEvents(_OfRange):
    """What happened to alerts, silences and maintenance windows."""

    component = browser_component("history_events.js")


class HistoryExport(_OfRange):
    """Whole tables as files."""

    component = browser_component("history_export.js")
