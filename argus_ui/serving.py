"""Runs the dashboard as a process."""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from argus_client import Backoff
from argus_client.cli.connecting import Connect
from argus_ui.settings import UiSettings, split_address

# Browsers keep their socket open; nobody waits for them when the dashboard stops.
_GRACE_SECONDS: Final = 1
# One connection for all browsers, and somebody is looking: it may be tried more often than a program would.
_BACKOFF: Final = Backoff(maximum_seconds=3.0)


def listening(settings: UiSettings) -> socket.socket:
    """A socket that browsers can connect to.

    Raises:
        OSError: The address is taken, or is not this machine's.
    """
    host, port = split_address(settings.listen)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise OSError(f"cannot listen on {settings.listen}: {error.strerror or error}") from error


def url_of(listener: socket.socket, settings: UiSettings) -> str:
    """Address for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}{settings.root_path}/"


class Connection(HttpToolsProtocol):
    """A connection whose web socket outlives the request before it.

    A proxy may ask for a web socket on a connection as soon as it has the last byte of a page, which is before uvicorn
    has noted that the page is done; uvicorn then takes the connection for an idle one and closes it after its
    keep-alive time, with the web socket in it.
    """

    def timeout_keep_alive_handler(self) -> None:
        """Closes the connection if it is still one that waits for requests."""
        if self.transport.get_protocol() is self:
            super().timeout_keep_alive_handler()


class Server(uvicorn.Server):
    """Says where it is once it can be reached.

    Args:
        app: The ASGI application.
        url: Its address.
        as_json: Whether to say it as one JSON line on standard output, for scripts.
    """

    def __init__(self, app: Any, url: str, as_json: bool) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                log_level="warning",
                access_log=False,
                # The forwarded headers are read where it is known who is believed.
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._url = url
        self._as_json = as_json

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then says so."""
        await super().startup(sockets)
        if self.started:
            said = json.dumps({"url": self._url}) if self._as_json else f"Argus dashboard on {self._url}"
            print(said, flush=True)


def run(settings: UiSettings, connect: Connect, *, as_json: bool = False, stop_on_eof: bool = False) -> None:
    """Runs until told to stop.

    Args:
        settings: Settings.
        connect: How to reach the Argus server.
        as_json: Whether to say the address as JSON.
        stop_on_eof: Whether to stop when standard input ends.

    Raises:
        OSError: The address cannot be listened on.
    """
    from argus_ui.app import Dashboard

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    listener = listening(settings)
    client = connect.async_client(settings.target, stream_backoff=_BACKOFF)
    simulator = connect.async_client(settings.simulator) if settings.simulator else None
    server = Server(Dashboard(settings, client, simulator).app, url_of(listener, settings), as_json)
    if stop_on_eof:
        threading.Thread(target=_await_eof, args=(server,), daemon=True).start()
    server.run(sockets=[listener])


def _await_eof(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = True
