"""The past: one component per question, all about the range in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argus_ui.components.view_part import ViewPart
from argus_ui.past import Range


class OfRange(ViewPart):
    """Something about a range of time.

    Args:
        ranges: The ranges there are, by name; browsers are told how old an answer about each may be.
        more: Further props of the component.
    """

    def __init__(self, ranges: Mapping[str, Range], **more: Any) -> None:
        super().__init__(ranges={name: one.keep_seconds for name, one in ranges.items()}, **more)


class HistorySummary(OfRange, module="history_summary.js"):
    """Choice of the range; alerts and incidents in numbers."""


class HistoryFleet(OfRange, module="history_fleet.js"):
    """Servers per level over time, average and highest risk."""


class HistoryEvents(OfRange, module="history_events.js"):
    """What happened to alerts, silences and maintenance windows."""


class HistoryExport(OfRange, module="history_export.js"):
    """Whole tables as files."""
