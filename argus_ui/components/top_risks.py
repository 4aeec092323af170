"""The riskiest servers, one card each."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui.element import Element

from argus_ui.browser import browser_component


class TopRisks(Element):
    """Cards of the riskiest servers, live.

    Args:
        counts: How many may be shown; the first is the usual.
    """

    component = browser_component("top_risks.js")

    def __init__(self, counts: Sequence[int]) -> None:
        super().__init__()
        self._props["counts"] = list(counts)
