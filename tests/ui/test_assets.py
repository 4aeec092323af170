"""Files that are kept for all browsers."""

from __future__ import annotations

import asyncio
import gzip
import re
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from argus_ui.assets import AssetCache
from argus_ui.browser import COMPONENTS, MODULES, module_urls

PATH = "/_nicegui/1.0/static/library.js"
CONTENT = b"export const answer = 42;\n" * 100


async def library(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends a file that lasts, in two parts; like NiceGUI's middleware it stops when the browser has gone away."""
    headers = [
        (b"cache-control", b"public, max-age=31536000, immutable"),
        (b"content-length", b"%d" % len(CONTENT)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    leaving = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    if leaving.done() and leaving.result()["type"] == "http.disconnect":
        return await send({"type": "http.response.body", "body": b""})
    await send({"type": "http.response.body", "body": CONTENT[:700], "more_body": True})
    await send({"type": "http.response.body", "body": CONTENT[700:]})
    assert (await leaving)["type"] == "http.disconnect"


async def get(app: Any, *, gone: bool = False) -> bytes:
    """What a browser gets, unpacked."""
    sent: list[Message] = []

    async def receive() -> Message:
        if not gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": PATH, "root_path": "", "query_string": b"",
        "headers": [(b"accept-encoding", b"gzip")],
    }  # fmt: skip
    await app(scope, receive, send)
    assert dict(sent[0]["headers"])[b"content-encoding"] == b"gzip"
    return gzip.decompress(sent[1]["body"])


async def test_a_browser_that_goes_away_leaves_the_file_whole_for_the_others() -> None:
    app = AssetCache(library)
    await get(app, gone=True)
    assert await get(app) == CONTENT


async def test_a_file_is_asked_for_once() -> None:
    asked = 0

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        await library(scope, receive, send)

    app = AssetCache(counting)
    assert [await get(app), await get(app)] == [CONTENT, CONTENT]
    assert asked == 1


@pytest.mark.parametrize("component", sorted(path.name for path in COMPONENTS.glob("*.js")))
def test_what_a_component_imports_is_fetched_ahead(component: str) -> None:
    ahead = {url.rsplit("/", 1)[1] for url in module_urls([component])}
    files = [COMPONENTS / component, *(MODULES / name for name in ahead)]
    assert ahead == {
        name for path in files for name in re.findall(r'from "argus/(\w+\.js)"', path.read_text())
    }
