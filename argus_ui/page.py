"""The one page of the dashboard: what is in its head, the frame, and the view that its path names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from nicegui import ui
from nicegui.event import Event
from starlette.requests import Request

from argus_ui.access.proxy import prefix_of
from argus_ui.browser import urls
from argus_ui.components.feed_link import FeedLink
from argus_ui.components.frame import Frame
from argus_ui.feed import html_json
from argus_ui.view import View, ViewContext

# Before the first paint: a dark page must not flash white.
_THEME: Final = """<script>(() => {
  let theme = null;
  try { theme = localStorage.getItem("argus-theme"); } catch {}
  theme ??= %s ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
})();</script>"""


class Page:
    """Builds the page for a browser.

    Args:
        context: What views work with.
        views: All that can be of use.
        news: Emitted with what every page is to be told.
    """

    def __init__(self, context: ViewContext, views: Sequence[View], news: Event[[dict[str, Any]]]) -> None:
        self._context = context
        self._views = views
        self._news = news
        self._described = [view.to_json_dict() for view in views]

    def build(self, request: Request) -> None:
        """The root of NiceGUI's routing: every path that is not something else comes here."""
        user = self._context.user(request)
        ui.add_head_html(self._head(request, user))
        link = FeedLink()
        self._news.subscribe(link.tell, expect_args=True)
        with Frame(self._described, user, bool(self._context.settings.password)):
            ui.sub_pages({view.path: self._builder(view) for view in self._views})

    def _builder(self, view: View) -> Callable[[], None]:
        def build() -> None:
            view.build(self._context)

        return build

    def _head(self, request: Request, user: str) -> str:
        subscription = self._context.subscription
        prefix = prefix_of(request.scope)
        theme = {None: "null", True: '"dark"', False: '"light"'}[self._context.settings.dark]
        embedded = {
            "argus-page": html_json(
                {"prefix": prefix, "user": user, "fleet_age": subscription.fleet.age_seconds}
            ),
            "argus-link": html_json(subscription.link.to_json_dict()),
            "argus-fleet": subscription.fleet.embedded,
        }
        return "\n".join(
            [
                _THEME % theme,
                *(f'<link rel="stylesheet" href="{prefix}{url}">' for url in urls("*.css")),
                *(f'<link rel="modulepreload" href="{prefix}{url}">' for url in urls("*.js")),
                *(
                    f'<script type="application/json" id="{name}">{text}</script>'
                    for name, text in embedded.items()
                ),
            ]
        )
