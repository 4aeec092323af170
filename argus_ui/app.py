"""Composition root of the dashboard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from fastapi import FastAPI
from nicegui import ui
from nicegui.event import Event
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from argus_client import ArgusError, AsyncArgusClient
from argus_ui.access.gate import Gate
from argus_ui.assets import AssetCache
from argus_ui.browser import modules_url
from argus_ui.page import Page
from argus_ui.refusals import refuse
from argus_ui.settings import UiSettings
from argus_ui.subscription import FleetSubscription, Link
from argus_ui.view import ViewContext
from argus_ui.views import all_views

# A laptop that wakes up, or a proxy that hiccups, finds its page as it was.
_RECONNECT_SECONDS: Final = 15.0
_MESSAGES_KEPT: Final = 100


class Dashboard:
    """Wires everything; one per process, since NiceGUI is.

    Args:
        settings: Settings.
        client: Of the Argus server; closed with the dashboard.
        simulator: Of the simulator; closed with the dashboard.

    Attributes:
        app: The ASGI application.
    """

    app: ASGIApp

    def __init__(
        self, settings: UiSettings, client: AsyncArgusClient, simulator: AsyncArgusClient | None = None
    ) -> None:
        self._clients = [one for one in (client, simulator) if one is not None]
        self._news: Event[[dict[str, Any]]] = Event()
        self._told: Link | None = None
        self._documents: dict[str, str] = {}
        self._subscription = FleetSubscription(client, settings.target, self._tell)
        context = ViewContext(client, self._subscription, settings, simulator, self._announce)
        views = [view for view in all_views() if view.is_available(settings)]
        modules_url()
        inner = FastAPI(openapi_url=None, lifespan=self._lifespan, exception_handlers={ArgusError: refuse})
        inner.router.routes.append(Route("/api/fleet", self._fleet))
        for view in views:
            inner.router.routes.extend(view.routes(context))
        inner.router.routes.append(Route("/api/{rest:path}", _unknown))
        ui.run_with(
            inner,
            root=Page(context, views, self._news).build,
            title="Argus",
            favicon=_FAVICON,
            dark=settings.dark,
            binding_refresh_interval=None,
            reconnect_timeout=_RECONNECT_SECONDS,
            message_history_length=_MESSAGES_KEPT,
            tailwind=False,
            show_welcome_message=False,
            gzip_middleware_factory=_compressing,
        )
        self.app = Gate(AssetCache(inner), settings)

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(self._subscription.run(), name="argus-ui-subscription")
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            for client in self._clients:
                await client.close()

    def _announce(self, name: str, tag: str) -> None:
        self._news.emit({"tag": self._subscription.fleet.document.tag, "documents": {name: tag}})

    def _tell(self) -> None:
        subscription = self._subscription
        news: dict[str, Any] = {"tag": subscription.fleet.document.tag}
        if subscription.link is not self._told:
            # A page has the one that held when it was built, and is told of every other since.
            self._told = subscription.link
            news["link"] = self._told.to_json_dict()
        if self._documents:
            news["documents"] = dict(self._documents)
        self._news.emit(news)

    async def _fleet(self, request: Request) -> Response:
        fleet = self._subscription.fleet
        response = fleet.document.response(request)
        response.headers["Age"] = str(fleet.age_seconds)
        return response


def _compressing(app: ASGIApp) -> GZipMiddleware:
    """Compresses pages, which are made anew for each browser: quickly, rather than to the last byte."""
    return GZipMiddleware(app, minimum_size=1_000, compresslevel=4)


async def _unknown(request: Request) -> Response:
    return JSONResponse({"detail": "There is no such thing."}, 404)


_FAVICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2563c9"/>'
    '<path d="M4 16C8 9 12 7 16 7s8 2 12 9c-4 7-8 9-12 9S8 23 4 16z" fill="none" stroke="#fff" stroke-width="2"/>'
    '<path d="M9 18h3l2.5-5 3.500 8 2-4H24" fill="none" stroke="#fff" stroke-width="2" stroke-linejoin="round"/></svg>'
)
