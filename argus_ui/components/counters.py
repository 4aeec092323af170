"""The fleet in numbers, which filter it."""

from __future__ import annotations

from nicegui.element import Element

from argus_ui.browser import browser_component


class Counters(Element):
    """Servers per level as buttons, and the fleet's probabilities of an incident."""

    component = browser_component("counters.js")
