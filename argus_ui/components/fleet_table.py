"""All servers, searchable, sortable, filtered, however many."""

from __future__ import annotations

from nicegui.element import Element

from argus_ui.browser import browser_component


class FleetTable(Element):
    """The fleet, one server a row; on a phone one a card."""

    component = browser_component("fleet_table.js")
