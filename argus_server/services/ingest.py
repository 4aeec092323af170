"""`argus.v1.IngestService`: an ingest session per stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

from argus.v1 import ingest_pb2
from argus_server.ingest.session import IngestSession
from argus_server.snapshot.hub import RECONNECT_SECONDS


@dataclass(slots=True, eq=False)
class _Stream:
    """An open stream: the task that serves it, and whether that waits for the source."""

    task: asyncio.Task[object] | None
    waiting: bool = False


class IngestServicer:
    """Takes metrics from sources.

    Args:
        open_session: Makes the session of a new stream.
    """

    def __init__(self, open_session: Callable[[], IngestSession]) -> None:
        self._open_session = open_session
        self._streams: set[_Stream] = set()
        self._draining = False

    @property
    def streams(self) -> int:
        """Streams open now."""
        return len(self._streams)

    def drain(self) -> None:
        """Tells every source that the server stops; their streams end with OK after that."""
        self._draining = True
        for stream in self._streams:
            if stream.waiting and stream.task is not None:
                stream.task.cancel()

    async def StreamMetrics(self, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Answers every message of a source."""
        session = self._open_session()
        stream = _Stream(asyncio.current_task())
        self._streams.add(stream)
        try:
            while not self._draining and (
                (data := await self._receive(stream, requests, session.pause_seconds)) is not None
            ):
                yield session.receive(data).SerializeToString()
            if self._draining:
                yield _draining()
        finally:
            self._streams.discard(stream)
            session.close()

    async def _receive(
        self, stream: _Stream, requests: AsyncIterator[bytes], pause_seconds: float
    ) -> bytes | None:
        """The next message, after a pause; None when the source has ended its side or the server drains."""
        stream.waiting = True
        try:
            if pause_seconds:
                await asyncio.sleep(pause_seconds)
            return await anext(requests, None)
        except asyncio.CancelledError:
            if not self._draining or stream.task is None:
                raise
            stream.task.uncancel()  # it was drain() that woke us, so the call ends well
            return None
        finally:
            stream.waiting = False


def _draining() -> bytes:
    message = ingest_pb2.StreamMetricsResponse(draining=ingest_pb2.IngestDraining())
    message.draining.reconnect_after.FromTimedelta(timedelta(seconds=RECONNECT_SECONDS))
    return message.SerializeToString()
