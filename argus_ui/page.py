"""The one page of the dashboard: what is in its head, the frame, and the view that its path names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from nicegui import ui
from nicegui.event import Event
from starlette.requests import Request

from argus_ui.access.proxy import prefix_of
from argus_ui.browser import module_urls, style_sheet_urls
from argus_ui.components.feed_link import FeedLink
from argus_ui.components.frame import Frame
from argus_ui.components.view_part import ViewPart
from argus_ui.components.view_slot import ViewSlot
from argus_ui.feed import html_json
from argus_ui.view import View, ViewContext

# Before the first paint: a dark page must not flash white.
_THEME: Final = """<script>(() => {
  let theme = null;
  try { theme = localStorage.getItem("argus-theme"); } catch {}
  theme ??= %s ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
})();</script>"""


# What every page has, whichever view it shows.
_FRAME: Final = ("frame.js", "feed_link.js", "view_slot.js", "view_part.js")


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
        link = FeedLink()
        self._news.subscribe(link.tell, expect_args=True)
        with Frame(self._described, user, bool(self._context.settings.password)):
            parts = {view.path: self._parts(view) for view in self._views}
        here = request.scope["path"].removeprefix(request.scope["root_path"]).rstrip("/") or "/"
        if here not in parts:
            ui.context.client.status_code = HTTPStatus.NOT_FOUND  # the frame says so, with ways on
        ui.add_head_html(self._head(request, user, parts, here))

    def _parts(self, view: View) -> list[type[ViewPart]]:
        """Builds a view; the browser draws it when it is there. Returns what it is made of."""
        with ViewSlot(view.path) as slot:
            view.build(self._context)
        return [type(part) for part in slot.descendants() if isinstance(part, ViewPart)]

    def _head(self, request: Request, user: str, parts: Mapping[str, list[type[ViewPart]]], here: str) -> str:
        subscription = self._context.subscription
        prefix = prefix_of(request.scope)
        theme = {None: "null", True: '"dark"', False: '"light"'}[self._context.settings.dark]
        embedded = {
            "argus-page": html_json(
                {
                    "prefix": prefix,
                    "user": user,
                    "fleet_age": subscription.fleet.age_seconds,
                    "modules": list(dict.fromkeys(part.module for view in parts.values() for part in view)),
                }
            ),
            "argus-link": html_json(subscription.link.to_json_dict()),
            "argus-fleet": subscription.fleet.embedded,
        }
        first = list(dict.fromkeys(parts.get(here, [])))
        fetched_ahead = [part.module for part in first] + module_urls(
            (*_FRAME, *(part.file for part in first))
        )
        # Module scripts run in the order they stand in: the view that is opened is there before the page is drawn.
        first_parts = [
            f'import Part{i} from "{prefix}{part.module}"; keep("{part.module}", Part{i});'
            for i, part in enumerate(first)
        ]
        return "\n".join(
            [
                _THEME % theme,
                *(f'<link rel="stylesheet" href="{prefix}{url}">' for url in style_sheet_urls()),
                *(f'<link rel="modulepreload" href="{prefix}{url}">' for url in fetched_ahead),
                f'<script type="module">import {{ keep }} from "argus/parts.js"; {" ".join(first_parts)}</script>',
                *(
                    f'<script type="application/json" id="{name}">{text}</script>'
                    for name, text in embedded.items()
                ),
            ]
        )
