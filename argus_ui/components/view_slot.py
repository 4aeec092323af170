"""Where a view is, while it is shown."""

from __future__ import annotations

from nicegui.element import Element

from argus_ui.browser import browser_component


class ViewSlot(Element):
    """Draws what is in it while the page is at its path: the browser switches views without asking anybody.

    Args:
        path: Of the view.
    """

    component = browser_component("view_slot.js")

    def __init__(self, path: str) -> None:
        super().__init__()
        self._props["path"] = path
