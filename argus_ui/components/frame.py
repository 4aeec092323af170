"""What is around every view: menu, status, banners, palette."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui.element import Element

from argus_ui.browser import browser_component


class Frame(Element):
    """Holds the view in its default slot.

    Args:
        views: Name, title, icon, path, needed services and whether it is in the menu, of each view.
        user: Who is logged in; empty when nobody has to be.
        can_log_out: Whether the dashboard itself has logged them in.
    """

    component = browser_component("frame.js")

    def __init__(self, views: Sequence[dict[str, Any]], user: str, can_log_out: bool) -> None:
        super().__init__()
        self._props["views"] = list(views)
        self._props["user"] = user
        self._props["can-log-out"] = can_log_out
