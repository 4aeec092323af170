"""Who is in trouble first, and why."""

from __future__ import annotations

from nicegui.element import Element

from argus_ui.browser import browser_component


class NextToFail(Element):
    """Servers that are expected to cross a critical threshold, by the minutes they have left."""

    component = browser_component("next_to_fail.js")
