"""The page of explanations."""

from __future__ import annotations

from argus_ui.components.view_part import ViewPart


class Help(ViewPart, module="help.js"):
    """Risk, levels, bands and probabilities in a few sentences each, keys, and where to read on."""
