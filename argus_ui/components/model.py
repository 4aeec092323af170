"""The running model, the artifacts that could take its place, and the server they run on."""

from __future__ import annotations

from nicegui.element import Element

from argus_ui.browser import browser_component


class Model(Element):
    """What runs, what else could, and how the server does."""

    component = browser_component("model.js")
