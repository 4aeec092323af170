"""The riskiest servers, one card each."""

from __future__ import annotations

from collections.abc import Sequence

from argus_ui.components.view_part import ViewPart


class TopRisks(ViewPart, module="top_risks.js"):
    """Cards of the riskiest servers, live.

    Args:
        counts: How many may be shown; the first is the usual.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        super().__init__(counts=list(counts))
