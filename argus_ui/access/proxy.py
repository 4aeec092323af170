"""What a reverse proxy says about a request, believed only from proxies that are trusted."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_FORWARDED: Final = (
    b"x-forwarded-prefix",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-forwarded-for",
    b"forwarded",
)


def believe(scope: Scope, trusted: Collection[str], user_header: str, root_path: str) -> None:
    """Takes out of a request what it may not say, so that everything behind can believe the rest. Changes `scope`.

    Args:
        scope: An HTTP or WebSocket request.
        trusted: Addresses of trusted proxies.
        user_header: Header with the user; empty for none.
        root_path: Path below which the dashboard is shown; the path of the request then always begins with it.
    """
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    peer = (scope.get("client") or ("", 0))[0]
    if peer not in trusted:
        refused = {*_FORWARDED, user_header.lower().encode()}
        headers = [(name, value) for name, value in headers if name.lower() not in refused]
    scope["headers"] = [
        (name, value)
        for name, value in headers
        if name.lower() != b"x-forwarded-prefix" or _PREFIX.fullmatch(value.decode("latin-1").rstrip("/"))
    ]
    path = scope["path"]
    if root_path and path != root_path and not path.startswith(f"{root_path}/"):
        scope["path"] = root_path + path
        scope["raw_path"] = root_path.encode() + scope.get("raw_path", path.encode())


def prefix_of(scope: Scope) -> str:
    """Path in front of every path, as browsers see it; empty for none."""
    forwarded = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
    return forwarded + str(scope.get("root_path", ""))


def host_of(headers: Mapping[str, str]) -> str:
    """Host and port that the browser asked for, in lower case."""
    return (headers.get("x-forwarded-host") or headers.get("host") or "").split(",")[0].strip().lower()


def scheme_of(scope: Scope, headers: Mapping[str, str]) -> str:
    """`http` or `https`, as the browser sees it."""
    forwarded = headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    own = str(scope["scheme"])
    return forwarded or {"ws": "http", "wss": "https"}.get(own, own)


def peer_of(scope: Scope, headers: Mapping[str, str]) -> str:
    """Address of the browser: the last one that a trusted proxy adds, else the peer."""
    forwarded = headers.get("x-forwarded-for", "").split(",")[-1].strip()
    return forwarded or str((scope.get("client") or ("", 0))[0])
