"""Serves the metrics over HTTP on a port of their own, from threads of their own."""

from __future__ import annotations

from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server


class Exporter:
    """An HTTP server with /metrics.

    Args:
        host: Address to bind.
        port: Port; 0 picks a free one.
        registry: What to serve.

    Raises:
        OSError: The address cannot be bound.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        self._server: WSGIServer
        self._thread: Thread
        self._server, self._thread = start_http_server(port, host, registry)
        self.address = f"{host}:{self._server.server_port}"

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
