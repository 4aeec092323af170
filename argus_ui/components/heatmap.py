"""The fleet as colours."""

from __future__ import annotations

from argus_ui.components.view_part import ViewPart


class Heatmap(ViewPart, module="heatmap.js"):
    """Servers by metrics or by time, whatever the URL says."""
