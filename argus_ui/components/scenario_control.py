"""The switch of a simulator."""

from __future__ import annotations

from nicegui.element import Element

from argus_ui.browser import browser_component


class ScenarioControl(Element):
    """The scenarios to choose from, and the servers the running one affects.

    Args:
        simulator: HOST:PORT of the simulator, for people.
    """

    component = browser_component("scenario_control.js")

    def __init__(self, simulator: str) -> None:
        super().__init__()
        self._props["simulator"] = simulator
