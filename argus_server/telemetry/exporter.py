"""Serves the metrics over HTTP or HTTPS on a port of their own, from threads of their own."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

_LOG: Final = logging.getLogger(__name__)

# Nobody holds a thread for longer by saying nothing: a scrape takes milliseconds.
_SILENCE_SECONDS: Final = 10.0
_NAMES: Final = "argus.certificate_names"

Authorise = Callable[[str | None, str | None, tuple[str, ...], str], str]
"""Of a scrape: the authorization header, the x-api-key header, the names in the client's certificate, the peer. Returns
why it is refused; empty when it is not."""


class Exporter:
    """An HTTP server with /metrics.

    Args:
        host: Address to bind.
        port: Port; 0 picks a free one.
        registry: What to serve.
        context: Gives the TLS context of the next connection; None serves plain HTTP.
        authorise: Decides who may scrape; None lets everybody.

    Raises:
        OSError: The address cannot be bound.
    """

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        context: Callable[[], ssl.SSLContext] | None = None,
        authorise: Authorise | None = None,
    ) -> None:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._server = _Server(family, address, context)
        metrics = make_wsgi_app(registry)
        self._server.set_app(metrics if authorise is None else _Authorised(metrics, authorise))
        self._thread = Thread(target=self._server.serve_forever, name="argus-metrics", daemon=True)
        self._thread.start()
        self.address = f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}"
        self.url = f"{'https' if context else 'http'}://{self.address}/metrics"

    @property
    def _port(self) -> int:
        return int(self._server.server_port)

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(WSGIRequestHandler):
    timeout = _SILENCE_SECONDS

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ[_NAMES] = _certificate_names(self.connection)
        return environ

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: what is asked for comes from outside, and a scrape is no event."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, family: int, address: Any, context: Callable[[], ssl.SSLContext] | None) -> None:
        self.address_family = family
        self._context = context
        super().__init__(address[:2], _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the connection's own thread: a handshake that is never finished holds up nobody else.
        request.settimeout(_SILENCE_SECONDS)
        if self._context is None:
            super().finish_request(request, client_address)
            return
        with self._context().wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        _LOG.debug("a scrape of %s failed", client_address, exc_info=True)


class _Authorised:
    """Lets those in who may come."""

    def __init__(self, metrics: Callable[..., Iterable[bytes]], authorise: Authorise) -> None:
        self._metrics = metrics
        self._authorise = authorise

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        fault = self._authorise(
            environ.get("HTTP_AUTHORIZATION"),
            environ.get("HTTP_X_API_KEY"),
            environ[_NAMES],
            f"{environ.get('REMOTE_ADDR', '')}:0",
        )
        if not fault:
            return self._metrics(environ, start_response)
        start_response(
            "401 Unauthorized",
            [("Content-Type", "text/plain; charset=utf-8"), ("WWW-Authenticate", 'Bearer realm="argus"')],
        )
        return [f"{fault}\n".encode()]


def _certificate_names(connection: Any) -> tuple[str, ...]:
    """Alternative and common names of a client's verified certificate, if there is one."""
    if not isinstance(connection, ssl.SSLSocket):
        return ()
    found: Any = connection.getpeercert() or {}
    names = [value for _, value in found.get("subjectAltName", ())]
    names += [value for part in found.get("subject", ()) for key, value in part if key == "commonName"]
    return tuple(names)
