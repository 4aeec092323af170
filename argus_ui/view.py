"""What a view is, and what it gets to work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from argus_client import AsyncArgusClient
from argus_ui.settings import UiSettings
from argus_ui.subscription import FleetSubscription


@dataclass(frozen=True, slots=True)
class ViewContext:
    """What views and their routes work with; one for the whole process.

    Attributes:
        client: Of the Argus server, shared. Its errors are `ArgusError`; routes may let them through.
        subscription: The newest fleet, the state of the connection and what the server can do.
        settings: Settings of the dashboard.
        simulator: Client of the simulator; None when none is configured.
        announce: Tells every page that the document of this name is now another one, by its tag; see `documents` in
            `browser/feed.js`.
    """

    client: AsyncArgusClient
    subscription: FleetSubscription
    settings: UiSettings
    simulator: AsyncArgusClient | None = None
    announce: Callable[[str, str], None] = lambda name, tag: None

    def user(self, request: Request) -> str:
        """Who is logged in; empty when the dashboard does not know."""
        user: str = request.scope.get("argus_user", "")
        return user


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    Attributes:
        name: Of the module, and in tests.
        title: In the menu and at the top.
        icon: Name in `browser/icons.js`.
        path: Where it is; `/` is the overview.
        order: Place in the menu, small ones first.
        build: Makes its elements. Called for each browser that opens it: make few, and let a component of
            `argus_ui/components` draw what changes, from `argus/feed.js` or from a route of its own.
        routes: Makes its routes below `/api/`, for bulk data and for actions. Called once.
        needs: Services without which there is nothing to see, such as `("History",)`: the view is then absent from the
            menu.
        menu: Whether it is in the menu; a view of one thing among many is not.
        is_available: Whether it can ever be of use with these settings.
    """

    name: str
    title: str
    icon: str
    path: str
    order: int
    build: Callable[[ViewContext], None]
    routes: Callable[[ViewContext], list[Route]] = lambda _: []
    needs: tuple[str, ...] = ()
    menu: bool = True
    is_available: Callable[[UiSettings], bool] = lambda _: True

    def to_json_dict(self) -> dict[str, Any]:
        """What the frame in the browser is told."""
        return {
            "name": self.name,
            "title": self.title,
            "icon": self.icon,
            "path": self.path,
            "needs": list(self.needs),
            "menu": self.menu,
        }
