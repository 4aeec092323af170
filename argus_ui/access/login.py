"""The log-in page: plain HTML, so that it costs nothing and works before anything is loaded."""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from argus_ui.access.attempts import Attempts
from argus_ui.access.proxy import peer_of, prefix_of, scheme_of
from argus_ui.access.sessions import COOKIE, LIFETIME_SECONDS, Sessions

LOGIN: Final = "/login"
LOGOUT: Final = "/logout"
_FORM_BYTES: Final = 10_000

_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Argus: log in</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 15px system-ui, sans-serif;
  background: light-dark(#f5f6f8, #0e1116); color: light-dark(#1a1e24, #e4e8ee); }}
form {{ box-sizing: border-box; width: min(372px, 92vw); padding: 26px; border-radius: 10px; display: grid; gap: 12px;
  background: light-dark(#fff, #151a21); border: 1px solid light-dark(#e2e5ea, #262d38); }}
h1 {{ font-size: 19px; margin: 0; }} p {{ margin: 0; color: light-dark(#b3261e, #ff8178); }}
input, button {{ font: inherit; padding: 8px 10px; border-radius: 6px; }}
input {{ border: 1px solid light-dark(#c9ced6, #3a4350); background: light-dark(#fff, #0e1116); color: inherit; }}
button {{ background: #2260c4; color: #fff; border: 0; cursor: pointer; }}
label {{ display: grid; gap: 5px; }}
</style></head><body><form method="post" action="{action}"><h1>Argus</h1>
<label>Password<input type="password" name="password" autocomplete="current-password" autofocus required></label>
<input type="hidden" name="next" value="{next}">{problem}<button>Log in</button></form></body></html>"""


class Login:
    """Asks for the password and starts sessions.

    Args:
        sessions: Sessions.
        attempts: How often somebody may guess.
    """

    def __init__(self, sessions: Sessions, attempts: Attempts) -> None:
        self._sessions = sessions
        self._attempts = attempts

    def is_logged_in(self, request: Request) -> bool:
        """Whether the request is of a session."""
        return self._sessions.is_valid(request.cookies.get(COOKIE, ""))

    def redirect(self, request: Request) -> Response:
        """To the log-in page, and back afterwards."""
        wanted = _without_prefix(request) + (f"?{request.url.query}" if request.url.query else "")
        query = urlencode({"next": wanted}) if wanted != "/" else ""
        return RedirectResponse(prefix_of(request.scope) + LOGIN + (f"?{query}" if query else ""), 303)

    async def answer(self, request: Request) -> Response:
        """The page, or what comes of a password."""
        if request.method == "GET":
            return self._page(request, request.query_params.get("next", "/"))
        if request.method != "POST":
            return Response(status_code=405)
        headers = Headers(scope=request.scope)
        peer = peer_of(request.scope, headers)
        form = await _form(request)
        # Nothing may be awaited between here and the count: guesses sent at the same time would all pass.
        if (wait := self._attempts.seconds_to_wait(peer)) > 0:
            response = self._page(request, "/", f"Too many attempts. Try again in {wait:.0f} s.", 429)
            response.headers["Retry-After"] = f"{wait:.0f}"
            return response
        target = form.get("next", "/")
        if not self._sessions.is_password(form.get("password", "")):
            self._attempts.failed(peer)
            return self._page(request, target, "That is not the password.", 403)
        self._attempts.succeeded(peer)
        prefix = prefix_of(request.scope)
        response = RedirectResponse(prefix + _local(target), 303)
        response.set_cookie(
            COOKIE,
            self._sessions.start(),
            max_age=LIFETIME_SECONDS,
            path=prefix or "/",
            secure=scheme_of(request.scope, headers) == "https",
            httponly=True,
            samesite="lax",
        )
        return response

    def log_out(self, request: Request) -> Response:
        """Ends the session of this browser."""
        prefix = prefix_of(request.scope)
        response = RedirectResponse(prefix + LOGIN, 303)
        response.delete_cookie(COOKIE, path=prefix or "/")
        return response

    def _page(self, request: Request, target: str, problem: str = "", status: int = 200) -> Response:
        return HTMLResponse(
            _PAGE.format(
                action=escape(prefix_of(request.scope) + LOGIN),
                next=escape(_local(target)),
                problem=f'<p role="alert">{escape(problem)}</p>' if problem else "",
            ),
            status,
            headers={"Cache-Control": "no-store"},
        )


def _local(target: str) -> str:
    """A path of the dashboard, whatever somebody has made of the link."""
    is_local = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_local else "/"


def _without_prefix(request: Request) -> str:
    return request.url.path.removeprefix(str(request.scope.get("root_path", ""))) or "/"


async def _form(request: Request) -> dict[str, str]:
    """Fields of a small form."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _FORM_BYTES:
            return {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
