"""All about one server."""

from __future__ import annotations

from nicegui.element import Element

from argus_ui.browser import browser_component


class ServerDetail(Element):
    """The server that the URL names: how it stands, its metrics, its alerts."""

    component = browser_component("server_detail.js")
