"""What an on-call engineer opens first."""

from __future__ import annotations

from starlette.routing import Route

from argus_ui.actions import alert_routes
from argus_ui.components.counters import Counters
from argus_ui.components.fleet_table import FleetTable
from argus_ui.components.next_to_fail import NextToFail
from argus_ui.view import View, ViewContext


def build(context: ViewContext) -> None:
    """How many are in trouble, who is next, and everybody."""
    Counters()
    NextToFail()
    FleetTable()


def routes(context: ViewContext) -> list[Route]:
    """Acknowledge and silence."""
    return alert_routes(context)


VIEW = View("overview", "Overview", "overview", "/", 0, build, routes)
