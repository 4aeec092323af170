"""Rows in the making: points of one server and bucket come together, whatever requests they came in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from argus_client.adapters.otlp.measures import Past, Values
from argus_client.adapters.pull import SourceUnavailable

_KEPT: Final = 16

Answer = asyncio.Future[SourceUnavailable | None]
"""None once the Argus server has answered for a row; else why it has not."""


@dataclass(slots=True, eq=False)
class Row:
    """What is sent for a bucket; it never changes, so that it can be sent again.

    Attributes:
        at_ms: Its time: the bucket's, and a second more for each row before it.
        columns: What was measured, by contract column.
        answer: Of the delivery under way; None when there is none.
        is_settled: The Argus server has answered for it.
        refusal: Why the Argus server has refused it; empty where it has not.
    """

    at_ms: int
    columns: dict[str, float]
    answer: Answer | None = None
    is_settled: bool = False
    refusal: str = ""


class Bucket:
    """The points of a server in one stretch of time.

    One row is the rule. Columns that only become known after it was sent, because a sender spreads its points over
    requests and waits for each answer, make another row a second later: a row with the time of one that the Argus
    server has would be dropped as a duplicate.

    Attributes:
        at_ms: Where it begins, Unix milliseconds UTC.
        rows: Rows made of it so far.
        closing: Fires when it is closed if no newer bucket begins before; None while it is not open.
        answer: Set once all rows it has when it is closed are settled, or cannot be for now; None while not open.
    """

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms
        self.values = Values()
        self.rows: list[Row] = []
        self.closing: asyncio.TimerHandle | None = None
        self.answer: Answer | None = None

    def make_row(self, past: Past, resolution_ms: int) -> None:
        """Makes a row of the columns that are in none yet, if there are any."""
        known = {column for row in self.rows for column in row.columns}
        columns = self.values.columns(self.at_ms, past)
        fresh = {column: value for column, value in columns.items() if column not in known}
        at_ms = self.at_ms + 1000 * len(self.rows)
        if fresh and at_ms < self.at_ms + resolution_ms:
            self.rows.append(Row(at_ms, fresh))

    @property
    def is_settled(self) -> bool:
        """Whether the Argus server has answered for all its rows."""
        return all(row.is_settled for row in self.rows)

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for it."""
        return self.answer is not None or any(row.answer is not None for row in self.rows)


class Server:
    """The buckets of one server.

    Attributes:
        name: Its name.
        past: What earlier buckets held.
        heard_at: When a point came last, by a monotonic clock, in seconds.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.past = Past()
        self.heard_at = 0.0
        self._buckets: dict[int, Bucket] = {}

    def bucket(self, at_ms: int) -> Bucket:
        """The bucket that begins then. Of those nobody waits for, the ones touched last are kept."""
        bucket = self._buckets.pop(at_ms, None) or Bucket(at_ms)
        self._buckets[at_ms] = bucket
        for other in list(self._buckets.values()):
            if other.is_busy or other is bucket:
                continue
            if len(self._buckets) > _KEPT:
                del self._buckets[other.at_ms]
            elif other.at_ms < at_ms and other.is_settled:
                other.values.clear()
        return bucket

    def open_before(self, at_ms: int) -> list[Bucket]:
        """Open buckets that begin before then."""
        return [bucket for bucket in self._buckets.values() if bucket.closing and bucket.at_ms < at_ms]

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for one of its buckets."""
        return any(bucket.is_busy for bucket in self._buckets.values())
