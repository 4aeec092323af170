"""The page of explanations."""

from __future__ import annotations

from nicegui.element import Element

from argus_ui.browser import browser_component


class Help(Element):
    """Risk, levels, bands and probabilities in a few sentences each, keys, and where to read on."""

    component = browser_component("help.js")
