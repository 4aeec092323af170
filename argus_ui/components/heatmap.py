"""The fleet as colours."""

from __future__ import annotations

from nicegui.element import Element

from argus_ui.browser import browser_component


class Heatmap(Element):
    """Servers by metrics or by time, whatever the URL says."""

    component = browser_component("heatmap.js")
