"""Who is in trouble first, and why."""

from __future__ import annotations

from argus_ui.components.view_part import ViewPart


class NextToFail(ViewPart, module="next_to_fail.js"):
    """Servers that are expected to cross a critical threshold, by the minutes they have left."""
