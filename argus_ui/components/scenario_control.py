"""The switch of a simulator."""

from __future__ import annotations

from argus_ui.components.view_part import ViewPart


class ScenarioControl(ViewPart, module="scenario_control.js"):
    """The scenarios to choose from, and the servers the running one affects.

    Args:
        simulator: HOST:PORT of the simulator, for people.
    """

    def __init__(self, simulator: str) -> None:
        super().__init__(simulator=simulator)
