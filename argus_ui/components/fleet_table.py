"""All servers, searchable, sortable, filtered, however many."""

from __future__ import annotations

from argus_ui.components.view_part import ViewPart


class FleetTable(ViewPart, module="fleet_table.js"):
    """The fleet, one server a row; on a phone one a card."""
