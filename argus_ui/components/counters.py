"""The fleet in numbers, which filter it."""

from __future__ import annotations

from argus_ui.components.view_part import ViewPart


class Counters(ViewPart, module="counters.js"):
    """Servers per level as buttons, and the fleet's probabilities of an incident."""
