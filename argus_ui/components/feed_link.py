"""The one thing on every page that hears of news."""

from __future__ import annotations

from typing import Any

from nicegui.element import Element

from argus_ui.browser import browser_component


class FeedLink(Element):
    """Tells the page's modules that something is new; they fetch it. Draws nothing."""

    component = browser_component("feed_link.js")

    def tell(self, news: dict[str, Any]) -> None:
        """Sends one small message: `tag` of the newest fleet, and `link`."""
        self.run_method("tell", news)
