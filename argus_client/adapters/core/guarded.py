"""A source whose defects end with one line: what it should never have raised becomes a `SourceError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argus_client import ArgusError
from argus_client.adapters.core.notices import log
from argus_client.adapters.pull import Cursor, Page, PullSource
from argus_client.adapters.push import PushSource, Sink
from argus_client.adapters.source import SourceError
from argus_client.extras import MissingExtraError

_SHOWN: Final = 200


@contextmanager
def guarding(kind: str) -> Iterator[None]:
    """Turns what a source may not raise into a `SourceError`; the traceback is logged for who debugs.

    Args:
        kind: The kind of adapter, for the message.
    """
    try:
        yield
    except (SourceError, ArgusError, MissingExtraError):
        raise
    except Exception as error:
        log.debug("the source of %s has failed", kind, exc_info=True)
        what = " ".join(f"{type(error).__name__}: {error}".split())[:_SHOWN]
        raise SourceError(
            f"The source of the adapter {kind} has met what it was not made for: {what}. Look at what it reads; "
            "with --verbose the log says where it happened."
        ) from error


class Guarded:
    """A source that is asked; implements `PullSource`.

    Args:
        source: Whom to ask.
        kind: The kind of adapter.
    """

    def __init__(self, source: PullSource, kind: str) -> None:
        self._source = source
        self._kind = kind

    def begin(self, since_ms: int) -> Cursor:
        """See `PullSource.begin`."""
        with guarding(self._kind):
            return self._source.begin(since_ms)

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        """See `PullSource.fetch`."""
        with guarding(self._kind):
            return await self._source.fetch(cursor, limit)

    async def close(self) -> None:
        """See `PullSource.close`. What it fails with is only logged: it would hide why the adapter ends."""
        try:
            with guarding(self._kind):
                await self._source.close()
        except SourceError as error:
            log.warning("the source could not be closed: %s", error)


class GuardedReceiver:
    """A source that is sent to; implements `PushSource`.

    Args:
        source: What listens.
        kind: The kind of adapter.
    """

    def __init__(self, source: PushSource, kind: str) -> None:
        self._source = source
        self._kind = kind

    async def serve(self, sink: Sink) -> None:
        """See `PushSource.serve`."""
        with guarding(self._kind):
            await self._source.serve(sink)
