"""Tests of how the dashboard serves."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import aiohttp

from argus_ui.serving import Server, listening, url_of
from argus_ui.settings import UiSettings

_KEEP_ALIVE_SECONDS: Final = 1  # of uvicorn, in whole seconds
_PAGE_DONE_SECONDS: Final = 0.2


async def _page_and_echo(scope: Any, receive: Any, send: Any) -> None:
    """A page that is done only after its last byte is sent, and a web socket that repeats what it hears."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"page", "more_body": True})
        await asyncio.sleep(_PAGE_DONE_SECONDS)
        await send({"type": "http.response.body", "body": b""})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (heard := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": heard["text"]})


async def test_a_web_socket_on_the_connection_of_a_page_stays_open() -> None:
    settings = UiSettings(listen="127.0.0.1:0")
    listener = listening(settings)
    server = Server(_page_and_echo, url := url_of(listener, settings), as_json=False)
    server.config.lifespan = "off"
    server.config.timeout_keep_alive = _KEEP_ALIVE_SECONDS
    serving = asyncio.create_task(server.serve([listener]))
    one_connection = aiohttp.TCPConnector(limit=1)
    try:
        async with aiohttp.ClientSession(connector=one_connection) as http:
            async with http.get(url) as page:
                await page.read()
            async with http.ws_connect(url) as socket:
                await asyncio.sleep(_PAGE_DONE_SECONDS + 1.5 * _KEEP_ALIVE_SECONDS)
                await socket.send_str("still there?")
                assert await socket.receive_str() == "still there?"
    finally:
        server.should_exit = True
        await serving
