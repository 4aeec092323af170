"""`Receiver`: runs an adapter that is sent to; what it was sent is answered once the server has answered for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from argus_client import ArgusError, BufferFull, ConnectionState, DeadlineExceeded, Rejection
from argus_client.adapters.core.config import AdapterConfig
from argus_client.adapters.core.fetching import unless
from argus_client.adapters.core.mapping import Mapped, Mapper
from argus_client.adapters.core.notices import Notices, log
from argus_client.adapters.core.progress import Progress
from argus_client.adapters.core.session import Session, described
from argus_client.adapters.core.tally import Tally
from argus_client.adapters.pull import Records, SourceUnavailable
from argus_client.adapters.push import Delivered, PushSource
from argus_client.adapters.source import wall_ms

RETRY_SECONDS: Final = 2.0
"""When a sender is to try again if the server is away: many try for 10 s in all, and longer waits spend that in two."""
_MAX_WAITING_ROWS: Final = 100_000
_TOLD_REJECTIONS: Final = 10


class _Waiting:
    """Rows whose answer is waited for, and what the server has refused of them.

    Attributes:
        is_sent: Whether they may be in a batch already.
    """

    def __init__(self, mapped: Mapped) -> None:
        self.is_sent = False
        self._rows = len(mapped.samples)
        names, times = mapped.samples.server_name.tolist(), mapped.samples.timestamp_ms.tolist()
        self._origins = dict(zip(zip(names, times, strict=True), mapped.origins.tolist(), strict=True))
        self.refused: dict[int, str] = {}
        self.rejected_rows = 0
        self.rejections: list[Rejection] = []

    def take(self, rejection: Rejection) -> None:
        """Counts a refusal, if it is of one of these rows or may be.

        Which rows were in a batch that was refused as a whole is not known. It counts against all that wait: that a
        row is lost may be said of one that is not, but never of a lost one that it is kept.
        """
        if rejection.row_index is None:
            records = list(self._origins.values()) if self.is_sent else []
        else:
            record = self._origins.get((rejection.server_name, rejection.timestamp_ms))
            records = [] if record is None else [record]
        if not records:
            return
        for record in records:
            self.refused.setdefault(record, described(rejection))
        self.rejected_rows = min(self.rejected_rows + rejection.rows, self._rows)
        if len(self.rejections) < _TOLD_REJECTIONS:
            self.rejections.append(rejection)


class Receiver:
    """Serves a push source until it is told to stop. Implements `Sink`.

    Args:
        config: The adapter.
        source: Takes what is sent.
        stop: Set it to end.
        tally: Where to count.
        now_ms: Clock, Unix milliseconds UTC.
    """

    def __init__(
        self,
        config: AdapterConfig,
        source: PushSource,
        stop: asyncio.Event,
        tally: Tally | None = None,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._config = config
        self._source = source
        self._stop = stop
        self._notices = Notices()
        self.tally = tally or Tally(now_ms)
        self._mapper = Mapper(config.mapping)
        self._progress = Progress(self.tally)
        self._session = Session(config, self.tally, self._notices, self._rejected)
        self._waiting: set[_Waiting] = set()
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Serves to the end.

        Raises:
            SourceError: the source cannot listen.
            ArgusError: the server cannot be used.
        """
        async with self._session as session:
            failed = asyncio.create_task(self._failed(), name="argus-adapter-watch")
            try:
                await unless(self._stop, self._serving(failed))
            finally:
                failed.cancel()
                await asyncio.gather(failed, return_exceptions=True)
                session.follow()
                self._progress.finish()

    def follow(self) -> None:
        """Brings the tally up to date."""
        self._session.follow()

    @property
    def retry_after_seconds(self) -> float:
        """See `Sink.retry_after_seconds`."""
        stats = self._session.publisher.stats
        # While the server is away one attempt is enough: what is sent again would only wait beside it.
        is_away = stats.rows_buffered > 0 and stats.state is ConnectionState.RECONNECTING
        return RETRY_SECONDS if is_away or stats.rows_buffered >= _MAX_WAITING_ROWS else 0.0

    async def deliver(self, records: Records, *, timeout_seconds: float) -> Delivered:
        """See `Sink.deliver`."""
        mapped = self._mapper.apply(records)
        for problem in self.tally.page(mapped):
            log.warning("not mapped: %s in %s, such as %s", problem.kind, problem.field, problem.example)
        publisher = self._session.publisher
        waiting = _Waiting(mapped)
        self._waiting.add(waiting)
        try:
            async with asyncio.timeout(timeout_seconds):
                # A position is told by order: two deliveries may not mix their rows.
                async with self._turn:
                    waiting.is_sent = True
                    await publisher.publish(mapped.samples)
                    position = publisher.stats.rows_published
                await publisher.wait_settled(position)
        except (TimeoutError, BufferFull, DeadlineExceeded):
            last = publisher.stats.last_error
            why = f": {last}" if last is not None else ""
            raise SourceUnavailable(
                f"The Argus server did not answer within {timeout_seconds:g} s{why}",
                retry_after_seconds=RETRY_SECONDS,
            ) from None
        except ArgusError as error:
            raise SourceUnavailable(
                f"The Argus server takes no rows: {error}", retry_after_seconds=RETRY_SECONDS
            ) from None
        finally:
            self._waiting.discard(waiting)
        self.tally.last_success_ms = self.tally.now_ms()
        self.follow()
        self._progress.page(is_last=True)
        return Delivered(
            rows=len(mapped.samples),
            unmapped_rows=mapped.lost_rows,
            rejected_rows=waiting.rejected_rows,
            rejections=tuple(waiting.rejections),
            refused=waiting.refused,
            problem=_problem(mapped, waiting),
        )

    def _rejected(self, rejection: Rejection) -> None:
        for waiting in self._waiting:
            waiting.take(rejection)

    async def _serving(self, failed: asyncio.Task[None]) -> None:
        serving = asyncio.create_task(self._source.serve(self), name="argus-adapter-serve")
        try:
            await asyncio.wait([serving, failed], return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
            else:
                failed.result()
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def _failed(self) -> None:
        """Ends, with its error, when the publisher has failed for good."""
        await self._session.publisher.wait_settled(1 << 62)


def _problem(mapped: Mapped, waiting: _Waiting) -> str:
    """The first of each kind of what went wrong."""
    lost = mapped.worst_loss
    parts = [
        f"{lost.kind.replace('_', ' ')} ({lost.example})" if lost is not None else "",
        f"refused by the Argus server: {described(waiting.rejections[0])}" if waiting.rejections else "",
    ]
    return "; ".join(filter(None, parts))
