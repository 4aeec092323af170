"""Alerts, silences and maintenance windows; which of them is shown stands in the URL."""

from __future__ import annotations

from argus_ui.components.view_part import ViewPart


class AlertList(ViewPart, module="alert_list.js"):
    """Alerts by where they are in their life, with what can be done about them."""


class AlertDrawer(ViewPart, module="alert_drawer.js"):
    """One alert: its figures, its notes, what happened to it and when."""


class SilenceList(ViewPart, module="silence_list.js"):
    """Silences, and a form for a new one."""


class WindowList(ViewPart, module="window_list.js"):
    """Recurring maintenance windows, and a form to make and to change them."""
