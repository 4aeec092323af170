"""The running model, the artifacts that could take its place, and the server they run on."""

from __future__ import annotations

from argus_ui.components.view_part import ViewPart


class Model(ViewPart, module="model.js"):
    """What runs, what else could, and how the server does."""
