"""A lazily opened channel with the calls the async client makes over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import grpc
import grpc.aio

from argus_client._api_key import Metadata
from argus_client._calls import UnaryCall
from argus_client._config import ClientConfig, Timeout
from argus_client._connection import credentials
from argus_client._errors import ArgusError, Closed, ConnectionLost, Unauthenticated
from argus_client._retry import RetryBudget
from argus_client._status import error_from_call

T = TypeVar("T")


class AsyncConnection:
    """The channel to one server, for one event loop. Opened by the first call, never by making one.

    Args:
        config: Where and how to connect.
    """

    def __init__(self, config: ClientConfig) -> None:
        self.config = config
        self._channel: grpc.aio.Channel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = asyncio.Event()

    async def unary(self, call: UnaryCall[T], timeout: Timeout) -> T:
        """Makes a call, again if the server is not there, inside one deadline."""
        budget = RetryBudget(self.config.unary_backoff, call.seconds(timeout, self.config.timeouts))
        while True:
            invoke: Any = self._open().unary_unary(call.path, None, None)
            try:
                data = await invoke(
                    call.request, timeout=budget.remaining(), metadata=self.config.call_metadata()
                )
                return call.read(data)
            except grpc.RpcError as cause:
                error = self.error(cause, call.path)
                if not call.idempotent or (delay := budget.delay_after(error)) is None:
                    raise error from cause
            except (grpc.aio.UsageError, asyncio.CancelledError) as cause:
                # What calls of a closed channel raise; but the caller may have been cancelled, too.
                this = asyncio.current_task()
                if not self._closed.is_set() or (this is not None and this.cancelling()):
                    raise
                raise self._closed_error() from cause
            await self.sleep(delay)

    async def sleep(self, seconds: float) -> None:
        """Waits, unless the client is closed.

        Raises:
            Closed: it is.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()
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

    async def close(self) -> None:
        """Ends all calls. May be called again."""
        self._closed.set()
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def check_loop(self) -> None:
        """Raises Closed on another event loop than the one the channel was opened on."""
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            raise Closed(
                "This client belongs to another event loop, where its connection lives. Make one client per "
                "loop, or better, keep to one loop: two disturb each other."
            )

    def _open(self) -> grpc.aio.Channel:
        if self._closed.is_set():
            raise self._closed_error()
        self.check_loop()
        if self._channel is None:
            self._loop = asyncio.get_running_loop()
            options = self.config.channel_options()
            secure = credentials(self.config)
            self._channel = (
                grpc.aio.insecure_channel(self.config.target, options)
                if secure is None
                else grpc.aio.secure_channel(self.config.target, secure, options)
            )
        return self._channel

    def _closed_error(self) -> Closed:
        return Closed(f"The client of {self.config.target} is closed; make a new one.")
