"""Takes OTLP requests, whatever transport they came by, and answers once the Argus server has their rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from argus_client.adapters.core.columnar import Columns
from argus_client.adapters.otlp.points import Point, Selection, read
from argus_client.adapters.otlp.servers import Answer, Bucket, Row, Server
from argus_client.adapters.pull import SourceUnavailable
from argus_client.adapters.push import Sink
from argus_client.samples import METRICS

_FORGET_SECONDS: Final = 3600.0
_RETRY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait and how much to take.

    Attributes:
        resolution_seconds: Points of a server in such a stretch of time make one row, at its beginning.
        grace_seconds: How long the rest of a row is waited for.
        answer_seconds: How long the Argus server has to answer for a row.
        max_requests: Requests that may wait for their answer at a time.
        max_request_bytes: Bytes of a request, unpacked.
    """

    resolution_seconds: int = 10
    grace_seconds: float = 1.0
    answer_seconds: float = 3.0
    max_requests: int = 256
    max_request_bytes: int = 4 << 20


@dataclass(frozen=True, slots=True)
class Taken:
    """How a request ended.

    Attributes:
        rejected_points: Data points of host metrics that could not be used, or whose rows the Argus server refused.
            They must not be sent again.
        problem: Why, for the first of them; empty for none.
    """

    rejected_points: int
    problem: str


@dataclass(slots=True)
class _Share:
    """What a request has in a bucket.

    Attributes:
        bucket: The bucket.
        answer: Set once its rows are settled, or cannot be for now.
        settled_before: The rows that were settled before the request came.
        points: Data points of the request.
    """

    bucket: Bucket
    answer: Answer
    settled_before: Sequence[Row]
    points: int = 0

    @property
    def refusal(self) -> str:
        """Why the Argus server has refused a row that came of the request, or of the same sent before; else empty."""
        own = [row for row in self.bucket.rows if row not in self.settled_before] or self.bucket.rows
        return next((row.refusal for row in own if row.refusal), "")


class Intake:
    """Makes rows of requests and leaves them at a sink.

    Args:
        sink: Where rows go.
        selection: Which points count.
        limits: How long to wait and how much to take.
        refuse: Counts points that cannot be used; see `SourceContext.refuse`.
        count: Counts requests and points; see `SourceContext.count`.
        monotonic: Clock, seconds.
    """

    def __init__(
        self,
        sink: Sink,
        selection: Selection,
        limits: Limits,
        *,
        refuse: Callable[[str, int, str], None],
        count: Callable[[str, int], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self._selection = selection
        self._limits = limits
        self._refuse = refuse
        self._count = count
        self._monotonic = monotonic
        self._servers: dict[str, Server] = {}
        self._closed: list[tuple[Server, Bucket, Answer]] = []
        self._deliveries: set[asyncio.Task[None]] = set()
        self._requests = 0
        self._tidied_at = monotonic()

    async def take(self, request: Any) -> Taken:
        """Takes an `ExportMetricsServiceRequest` and waits until its rows are in the Argus server.

        Raises:
            SourceUnavailable: they are not, or not known to be. It may be sent again as it is: nothing counts twice.
        """
        if wait := self._sink.retry_after_seconds:
            self._count("requests_put_off", 1)
            raise SourceUnavailable(
                "The Argus server cannot take rows now. Send the same again later.", retry_after_seconds=wait
            )
        if self._requests >= self._limits.max_requests:
            self._count("requests_put_off", 1)
            raise SourceUnavailable(
                f"{self._requests} requests wait for their answer; no more are taken at a time. Send the same again.",
                retry_after_seconds=_RETRY_SECONDS,
            )
        reading = read(request, self._selection)
        self._count("requests", 1)
        self._count("points", sum(len(points) for points in reading.points.values()))
        self._count("points_ignored", reading.ignored)
        if reading.rejected:
            self._refuse("unusable_points", reading.rejected, reading.problem)
        self._requests += 1
        try:
            shares = [share for name, points in reading.points.items() for share in self._add(name, points)]
            if shares:
                await asyncio.wait({share.answer for share in shares})
        finally:
            self._requests -= 1
        for share in shares:
            if (error := share.answer.result()) is not None:
                self._count("requests_put_off", 1)
                raise error
        refused = [share for share in shares if share.refusal]
        if not refused:
            return Taken(reading.rejected, reading.problem)
        points = sum(share.points for share in refused)
        self._count("points_refused", points)
        said = f"The Argus server refused {refused[0].refusal}"
        return Taken(reading.rejected + points, "; ".join(filter(None, (reading.problem, said))))

    async def close(self) -> None:
        """Ends deliveries that are under way; who waits for them is told that they are not known to be done."""
        for delivery in self._deliveries:
            delivery.cancel()
        if self._deliveries:
            await asyncio.wait(self._deliveries)

    def _add(self, name: str, points: Sequence[Point]) -> list[_Share]:
        """Puts points into their buckets; returns what of them to wait for."""
        self._tidy()
        server = self._servers.get(name)
        if server is None:
            server = self._servers[name] = Server(name)
        server.heard_at = self._monotonic()
        resolution_ms = self._limits.resolution_seconds * 1000
        touched: dict[int, _Share] = {}
        left_out = 0
        for point in points:
            at_ms = point.at_ns // 1_000_000
            at_ms -= at_ms % resolution_ms
            if (share := touched.get(at_ms)) is None:
                bucket = server.bucket(at_ms)
                settled = [row for row in bucket.rows if row.is_settled]
                share = touched[at_ms] = _Share(bucket, self._open(server, bucket), settled)
            share.points += 1
            if share.bucket.values.add(point) and share.bucket.rows:
                left_out += 1
        if left_out:
            self._count("points_left_out", left_out)
        for bucket in server.open_before(max(touched)):
            self._close(server, bucket)
        return list(touched.values())

    def _open(self, server: Server, bucket: Bucket) -> Answer:
        if bucket.answer is None or bucket.closing is None:
            loop = asyncio.get_running_loop()
            bucket.answer = loop.create_future()
            bucket.closing = loop.call_later(self._limits.grace_seconds, self._close, server, bucket)
        return bucket.answer

    def _close(self, server: Server, bucket: Bucket) -> None:
        """A row is complete, or has waited long enough. What closes at one moment is delivered as one."""
        assert bucket.closing is not None
        assert bucket.answer is not None
        bucket.closing.cancel()
        bucket.closing = None
        bucket.make_row(server.past, self._limits.resolution_seconds * 1000)
        if not self._closed:
            asyncio.get_running_loop().call_soon(self._deliver_closed)
        self._closed.append((server, bucket, bucket.answer))

    def _deliver_closed(self) -> None:
        closed, self._closed = self._closed, []
        delivery = asyncio.get_running_loop().create_task(self._deliver(closed), name="argus-otlp-delivery")
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, closed: Sequence[tuple[Server, Bucket, Answer]]) -> None:
        """Sends the rows that nobody sends already, waits for all, and answers for the buckets."""
        loop = asyncio.get_running_loop()
        fresh: list[tuple[Server, Row]] = []
        others: list[Answer] = []
        for server, bucket, _ in closed:
            for row in bucket.rows:
                if row.answer is not None:
                    others.append(row.answer)
                elif not row.is_settled:
                    row.answer = loop.create_future()
                    fresh.append((server, row))
        error: SourceUnavailable | None = _unknown()
        try:
            error = await self._send(fresh)
        finally:
            for _, row in fresh:
                assert row.answer is not None
                row.answer.set_result(error)
                row.answer, row.is_settled = None, error is None
            if others and error is None:
                await asyncio.wait(others)
            for _, bucket, answer in closed:
                answer.set_result(None if bucket.is_settled else error or _unknown())
                if bucket.answer is answer:
                    bucket.answer = None

    async def _send(self, rows: Sequence[tuple[Server, Row]]) -> SourceUnavailable | None:
        if not rows:
            return None
        columns = {metric: np.full(len(rows), np.nan) for metric in METRICS}
        for index, (_, row) in enumerate(rows):
            for column, value in row.columns.items():
                columns[column][index] = value
        records = Columns(
            {
                "timestamp": np.array([row.at_ms for _, row in rows], np.int64),
                "server_name": np.array([server.name for server, _ in rows], np.object_),
                **{column: values for column, values in columns.items() if not np.isnan(values).all()},
            }
        )
        try:
            delivered = await self._sink.deliver(records, timeout_seconds=self._limits.answer_seconds)
        except SourceUnavailable as error:
            return error
        for index, reason in delivered.refused.items():
            rows[index][1].refusal = reason
        return None

    def _tidy(self) -> None:
        """Forgets servers that have been silent for long."""
        now = self._monotonic()
        if now - self._tidied_at < _FORGET_SECONDS / 10:
            return
        self._tidied_at = now
        for server in list(self._servers.values()):
            if now - server.heard_at > _FORGET_SECONDS and not server.is_busy:
                del self._servers[server.name]


def _unknown() -> SourceUnavailable:
    return SourceUnavailable(
        "It is not known whether the Argus server has all rows. Send the same again.",
        retry_after_seconds=_RETRY_SECONDS,
    )
