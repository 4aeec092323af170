"""Files of libraries and components, compressed once and then served from memory.

NiceGUI compresses each anew for each browser, which makes the first load wait for the processor. Their names change
with their content, so that nothing here ever goes stale.
"""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PREFIX: Final = "/_nicegui/"
_FILES_KEPT: Final = 400
_LEAST_BYTES: Final = 500
_COMPRESSION: Final = 9


@dataclass(frozen=True, slots=True)
class _File:
    headers: list[tuple[bytes, bytes]]
    body: bytes
    packed: bytes | None


class AssetCache:
    """ASGI middleware.

    Args:
        app: What has the files.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._files: dict[str, _File] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers for the files, passes on the rest."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
            return await self.app(scope, receive, send)
        path = scope["path"].removeprefix(scope["root_path"])
        if not path.startswith(_PREFIX):
            return await self.app(scope, receive, send)
        if (file := self._files.get(path)) is None:
            file = await self._fetch(scope, send)
            if file is None:
                return None
            if len(self._files) < _FILES_KEPT:
                self._files[path] = file
        accepts_gzip = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        packed = file.packed if accepts_gzip else None
        headers = MutableHeaders(raw=list(file.headers))
        if packed is not None:
            headers["Content-Encoding"] = "gzip"
        body = file.body if packed is None else packed
        headers["Content-Length"] = str(len(body))
        await send({"type": "http.response.start", "status": 200, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})

    async def _fetch(self, scope: Scope, send: Send) -> _File | None:
        """Gets a file from behind; None when it is no file for ever, and has been passed on as it is."""
        plain = {
            **scope,
            "headers": [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"],
        }
        start: Message = {}
        body = bytearray()
        lasts = False
        answered = asyncio.Event()

        async def nobody_leaves() -> Message:
            # What is kept for everybody must not end where the first who asks goes away.
            await answered.wait()
            return {"type": "http.disconnect"}

        async def keep(message: Message) -> None:
            nonlocal start, lasts
            if message["type"] == "http.response.start":
                start = message
                headers = Headers(raw=message["headers"])
                lasts = message["status"] == 200 and "immutable" in headers.get("cache-control", "")
                if lasts:
                    return
            if not lasts:
                await send(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
            if not message.get("more_body", message["type"] == "http.response.start"):
                answered.set()

        await self.app(plain, nobody_leaves, keep)
        if not lasts:
            return None
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["Vary"] = "Accept-Encoding"
        del headers["content-length"]
        content = bytes(body)
        packed = await asyncio.to_thread(gzip.compress, content, _COMPRESSION, mtime=0)
        is_smaller = len(content) > _LEAST_BYTES and len(packed) < 0.9 * len(content)
        return _File(headers.raw, content, packed if is_smaller else None)
