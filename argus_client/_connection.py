"""A lazily opened channel with the calls the sync client makes over it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import grpc

from argus_client._api_key import Metadata
from argus_client._calls import UnaryCall
from argus_client._config import ClientConfig, Timeout
from argus_client._errors import ArgusError, Closed, ConnectionLost, Unauthenticated
from argus_client._retry import RetryBudget
from argus_client._status import error_from_call

T = TypeVar("T")


def credentials(config: ClientConfig) -> grpc.ChannelCredentials | None:
    """TLS credentials; None for a channel in the clear."""
    if (tls := config.tls) is None:
        return None
    return grpc.ssl_channel_credentials(tls.authority, tls.private_key, tls.certificate)


class Connection:
    """The channel to one server. Thread-safe. Opened by the first call, never by making one.

    Args:
        config: Where and how to connect.
    """

    def __init__(self, config: ClientConfig) -> None:
        self.config = config
        self._channel: grpc.Channel | None = None
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._process = os.getpid()

    def unary(self, call: UnaryCall[T], timeout: Timeout) -> T:
        """Makes a call, again if the server is not there, inside one deadline."""
        budget = RetryBudget(self.config.unary_backoff, call.seconds(timeout, self.config.timeouts))
        invoke: Any = self._open().unary_unary(call.path, None, None)
        while True:
            try:
                data = invoke(call.request, timeout=budget.remaining(), metadata=self.config.call_metadata())
                return call.read(data)
            except grpc.RpcError as cause:
                if self._closed.is_set():
                    raise self._closed_error() from cause
                error = self.error(cause, call.path)
                if not call.idempotent or (delay := budget.delay_after(error)) is None:
                    raise error from cause
            except ValueError as cause:  # what a closed channel raises
                raise self._closed_error() from cause
            self.sleep(delay)

    def sleep(self, seconds: float) -> None:
        """Waits, unless the client is closed.

        Raises:
            Closed: it is.
        """
        if self._closed.wait(seconds):
            raise self._closed_error()

    def bidirectional(self, path: str) -> Callable[..., Any]:
        """A method of streams both ways, bytes in and bytes out."""
        return self._open().stream_stream(path, None, None)

    def server_stream(self, path: str) -> Callable[..., Any]:
        """A method that answers with a stream, bytes in and bytes out."""
        return self._open().unary_stream(path, None, None)

    def error(self, cause: Exception, path: str) -> ArgusError:
        """The error of the tree for a failed call."""
        return error_from_call(cause, path.rpartition("/")[2], self.config.target)

    def stream_error(self, cause: Exception, path: str, sent: Metadata) -> ArgusError:
        """The same for a stream, whose key may have been replaced since it was opened with `sent`."""
        error = self.error(cause, path)
        if isinstance(error, Unauthenticated) and self.config.call_metadata() != sent:
            return ConnectionLost(
                "The API key was replaced; connecting again with the new one.", code=error.code
            )
        return error

    def close(self) -> None:
        """Ends all calls. May be called again."""
        self._closed.set()
        with self._lock:
            if self._channel is not None and self._process == os.getpid():
                self._channel.close()
            self._channel = None

    def check_process(self) -> None:
        """Raises Closed in a process forked off after this connection was made."""
        if self._process != os.getpid():
            raise Closed(
                "This client was made before a fork. Its connection and threads stay with the parent "
                "process; make a new client in the child."
            )

    def _open(self) -> grpc.Channel:
        self.check_process()
        with self._lock:
            if self._closed.is_set():
                raise self._closed_error()
            if self._channel is None:
                options = self.config.channel_options()
                secure = credentials(self.config)
                self._channel = (
                    grpc.insecure_channel(self.config.target, options)
                    if secure is None
                    else grpc.secure_channel(self.config.target, secure, options)
                )
            return self._channel

    def _closed_error(self) -> Closed:
        return Closed(f"The client of {self.config.target} is closed; make a new one.")
