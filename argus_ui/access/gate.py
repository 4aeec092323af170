"""What every request goes through first."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from argus_ui.access.attempts import Attempts
from argus_ui.access.login import LOGIN, LOGOUT, Login
from argus_ui.access.proxy import believe, host_of, scheme_of
from argus_ui.access.sessions import Sessions
from argus_ui.settings import UiSettings, is_loopback, split_address

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_USER_LENGTH: Final = 200

# NiceGUI and Vue evaluate templates in the browser, and the page has scripts in it: both are allowed. Everything else
# is the dashboard's own.
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Gate:
    """ASGI middleware: believes proxies that are trusted, refuses other sites, asks who it is.

    Args:
        app: What is behind it.
        settings: Settings.
        attempts: How often somebody may guess the password.
    """

    def __init__(self, app: ASGIApp, settings: UiSettings, attempts: Attempts | None = None) -> None:
        self.app = app
        self._settings = settings
        self._login = (
            Login(Sessions(settings.password, settings.storage_secret), attempts or Attempts())
            if settings.password
            else None
        )
        self._origins = frozenset(origin.lower() for origin in settings.allowed_origins)
        self._hosts = frozenset(urlsplit(origin).netloc for origin in self._origins)
        # Without a log-in, a name that points to loopback is all that another site would need.
        self._loopback_only = is_loopback(split_address(settings.listen)[0]) and not settings.has_login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what may pass."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        settings = self._settings
        scope = dict(scope)
        believe(scope, settings.trusted_proxies, settings.user_header, settings.root_path)
        scope["root_path"] = settings.root_path

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = await self._refusal(scope, receive)
        if refusal is None:
            await self.app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send_with_headers)

    async def _refusal(self, scope: Scope, receive: Receive) -> Response | None:
        """The answer to a request that may not pass; None when it may."""
        headers = Headers(scope=scope)
        path = scope["path"].removeprefix(scope["root_path"])
        if (problem := self._foreign(scope, headers, path)) is not None:
            return PlainTextResponse(problem, 403)
        if self._settings.user_header and (user := headers.get(self._settings.user_header, "").strip()):
            scope["argus_user"] = user[:_USER_LENGTH]
            return None
        if self._login is None:
            if self._settings.user_header:
                return PlainTextResponse("The proxy in front of the dashboard has not said who you are.", 401)
            return None
        # A WebSocket request has the same headers, which is all that is read of it.
        request = Request({**scope, "type": "http", "method": scope.get("method", "GET")}, receive)
        if path == LOGIN:
            return await self._login.answer(request)
        if path == LOGOUT and request.method == "POST":
            return self._login.log_out(request)
        if self._login.is_logged_in(request) or path.startswith("/_nicegui/"):
            return None  # the files of the libraries are no secret
        if path.startswith("/api/") or scope["type"] == "websocket" or request.method not in _SAFE:
            return JSONResponse({"detail": "Log in first."}, 401)
        return self._login.redirect(request)

    def _foreign(self, scope: Scope, headers: Headers, path: str) -> str | None:
        """Why a request is refused as one from elsewhere; None when it is not."""
        host = host_of(headers)
        if self._loopback_only and host not in self._hosts and not _is_loopback_host(host):
            return (
                f"This dashboard has no log-in and is asked for as {host!r}, which is not this machine. If that is "
                f"meant, start it with --allowed-origin {scheme_of(scope, headers)}://{host}"
            )
        origin = headers.get("origin", "").lower()
        acts = (
            scope["type"] == "websocket" or scope["method"] not in _SAFE or path.startswith("/_nicegui_ws/")
        )
        if not (origin and acts) or origin in self._origins:
            return None
        if origin == f"{scheme_of(scope, headers)}://{host}":
            return None
        return f"Pages of {origin} may not use this dashboard; --allowed-origin would let them."


def _is_loopback_host(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    return is_loopback(name) or name.endswith(".localhost")
