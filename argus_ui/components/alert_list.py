"""Alerts, silences and maintenance windows; which of them is shown stands in the URL."""

from __future__ import annotations

from nicegui.element import Element

from argus_ui.browser import browser_component


class AlertList(Element):
    """Alerts by where they are in their life, with what can be done about them."""

    component = browser_component("alert_list.js")


class AlertDrawer(Element):
    """One alert: its figures, its notes, what happened to it and when."""

    component = browser_component("alert_drawer.js")


class SilenceList(Element):
    """Silences, and a form for a new one."""

    component = browser_component("silence_list.js")


class WindowList(Element):
    """Recurring maintenance windows, and a form to make and to change them."""

    component = browser_component("window_list.js")
