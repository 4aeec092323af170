"""What was foretold against what came."""

from __future__ import annotations

from argus_ui.components.view_part import ViewPart


class Accuracy(ViewPart, module="accuracy.js"):
    """Incidents and whether they were foretold; a metric with the forecasts that had been made for it."""
