"""What was foretold against what came."""

from __future__ import annotations

from nicegui.element import Element

from argus_ui.browser import browser_component


class Accuracy(Element):
    """Incidents and whether they were foretold; a metric with the forecasts that had been made for it."""

    component = browser_component("accuracy.js")
