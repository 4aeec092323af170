"""`argus.v1.IngestService`: an ingest session per stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from argus.v1 import ingest_pb2
from argus_server.ingest.session import Answer, IngestSession
from argus_server.snapshot.hub import RECONNECT_SECONDS

OpenSession = Callable[[Callable[[], None]], IngestSession]


class IngestServicer:
    """Takes metrics from sources.

    Args:
        open_session: Makes the session of a new stream, given what to call when an answer has become ready.
    """

    def __init__(self, open_session: OpenSession) -> None:
        self._open_session = open_session
        self._streams: set[_Stream] = set()
        self._draining = False

    @property
    def streams(self) -> int:
        """Streams open now."""
        return len(self._streams)

    def drain(self) -> None:
        """Tells every source that the server stops; their streams end with OK once what they have sent is settled."""
        self._draining = True
        for stream in self._streams:
            stream.stop_reading()

    async def StreamMetrics(self, requests: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Answers every message of a source."""
        stream = _Stream(self._open_session, requests)
        self._streams.add(stream)
        try:
            if self._draining:
                stream.stop_reading()
            async for answer in stream.answers():
                yield answer
            if self._draining:
                yield _draining()
        finally:
            self._streams.discard(stream)
            await stream.close()


class _Stream:
    """An open stream: one task reads on while answers to earlier messages wait for the disk."""

    def __init__(self, open_session: OpenSession, requests: AsyncIterator[bytes]) -> None:
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._session = open_session(self._changed.set)
        self._answers: deque[Answer] = deque()
        self._reader = asyncio.create_task(self._read(requests))
        self._reader.add_done_callback(lambda _: self._changed.set())

    async def answers(self) -> AsyncIterator[bytes]:
        """Answers in the order of their messages, each when it is ready.

        Raises:
            Superseded: A newer stream speaks for the source.
        """
        while True:
            while self._answers and self._answers[0].ready:
                answer = self._answers.popleft()
                self._room.set()
                yield answer.make().SerializeToString()
            if self._reader.done() and not self._answers:
                break
            self._changed.clear()
            await self._changed.wait()
        if not self._reader.cancelled():
            self._reader.result()

    def stop_reading(self) -> None:
        """Reads no further message."""
        self._reader.cancel()

    async def close(self) -> None:
        """Ends the stream's part in the session."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self._session.close()

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        async for data in requests:
            self._answers.append(self._session.receive(data))
            self._changed.set()
            while len(self._answers) >= self._session.max_pending:
                self._room.clear()
                await self._room.wait()
            if self._session.pause_seconds:
                await asyncio.sleep(self._session.pause_seconds)


def _draining() -> bytes:
    message = ingest_pb2.StreamMetricsResponse(draining=ingest_pb2.IngestDraining())
    message.draining.reconnect_after.FromTimedelta(timedelta(seconds=RECONNECT_SECONDS))
    return message.SerializeToString()
