"""Browsers without a screen: what a page asks of the dashboard, without drawing it.

Fifty real browsers on the machine that is measured would starve what is measured. These open the page, keep its socket,
answer its pings, acknowledge its messages and fetch the fleet when they are told of a new one, as pages do.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

import aiohttp

from argus_ui.bench.processes import BenchError

_ACK_SECONDS: Final = 3.0
_PING: Final = "2"
_PONG: Final = "3"
_CONNECT: Final = "40"
_EVENT: Final = "42"


class Session:
    """One page.

    Args:
        http: Its connections.
        url: Of the dashboard.

    Attributes:
        updates: Fleets it has fetched.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url
        self.updates = 0
        self._tag = ""
        self._next_message = 0

    async def run(self) -> None:
        """Opens the page and follows it until cancelled."""
        async with self._http.get(self._url) as answer:
            page = await answer.text()
        found = re.search(r"query: (\{.*?\}),\n", page)
        assert found is not None, "the page has no socket parameters"
        query = json.loads(found[1].replace("True", "true").replace("'", '"'))
        self._next_message = query["next_message_id"]
        parameters = {
            "EIO": "4",
            "transport": "websocket",
            "client_id": query["client_id"],
            "next_message_id": str(query["next_message_id"]),
            "implicit_handshake": "true",
            "document_id": str(uuid4()),
            "tab_id": str(uuid4()),
            "old_tab_id": "",
        }
        address = f"{self._url}_nicegui_ws/socket.io/"
        async with self._http.ws_connect(address, params=parameters, origin=self._url.rstrip("/")) as socket:
            acknowledging = asyncio.create_task(self._acknowledge(socket, query["client_id"]))
            try:
                async for message in socket:
                    await self._hear(socket, message.data)
                raise BenchError(f"the dashboard closed a session with code {socket.close_code}")
            finally:
                acknowledging.cancel()

    async def _hear(self, socket: aiohttp.ClientWebSocketResponse, text: str) -> None:
        if text == _PING:
            await socket.send_str(_PONG)
        elif text.startswith("0"):
            await socket.send_str(_CONNECT)
        elif text.startswith(_EVENT):
            _, data = json.loads(text[len(_EVENT) :])
            self._next_message = data.pop("_id", self._next_message - 1) + 1
            if (told := re.search(r'"tag":"([^"]*)"', data.get("code", ""))) is not None:
                await self._fetch(told[1])

    async def _fetch(self, tag: str) -> None:
        if tag == self._tag:
            return
        headers = {"If-None-Match": f'"{self._tag}"'}
        async with self._http.get(f"{self._url}api/fleet", headers=headers) as answer:
            await answer.read()
            self._tag = answer.headers["ETag"].strip('"')
            self.updates += answer.status == 200

    async def _acknowledge(self, socket: aiohttp.ClientWebSocketResponse, client_id: str) -> None:
        acknowledged = -1
        while True:
            await asyncio.sleep(_ACK_SECONDS)
            if self._next_message > acknowledged:
                acknowledged = self._next_message
                told = ["ack", {"client_id": client_id, "next_message_id": acknowledged}]
                await socket.send_str(_EVENT + json.dumps(told))


@asynccontextmanager
async def watching(url: str, number: int) -> AsyncIterator[list[Session]]:
    """That many sessions, connected."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        sessions = [Session(http, url) for _ in range(number)]
        tasks = [asyncio.create_task(session.run()) for session in sessions]
        try:
            yield sessions
            if ended := [task for task in tasks if task.done()]:
                raise BenchError(f"{len(ended)} of {number} sessions ended: {ended[0].exception()}")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
