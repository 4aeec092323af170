"""Spans of time, and buckets of equal width that they are shown in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus.v1 import history_pb2
from argus_server.errors import InvalidArgument
from argus_server.ingest.validation import utc

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
LONGEST_SUMMARY_MS: Final = 31 * DAY_MS
LONGEST_QUERY_MS: Final = 366 * DAY_MS

DEFAULT_POINTS: Final = 500

# Widths that people read easily; each but the first few is a multiple of a step of five minutes.
_WIDTHS_SECONDS: Final = (
    *(1, 5, 10, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 21600, 43200),
    *(86400, 172800, 345600, 604800),
)


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time: Unix milliseconds UTC, the end excluded."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


def span_of(message: history_pb2.TimeRange, now_ms: int, longest_ms: int) -> Span:
    """The span that a request means.

    Args:
        message: What it says.
        now_ms: The server's clock.
        longest_ms: Length allowed.

    Raises:
        InvalidArgument: It has no start or two, is empty or reversed, or is too long.
    """
    if not message.start_ms and not message.length_ms:
        raise InvalidArgument(
            f"the range has no start; give a start, or a length of at most {_length(longest_ms)}",
            field="range",
        )
    span = _resolved(message, now_ms)
    # A length that reaches back beyond 1970 was cut short, and is no shorter a question for that.
    if (length_ms := max(span.length_ms, message.length_ms)) > longest_ms:
        raise InvalidArgument(
            f"the range is {_length(length_ms)} long; at most {_length(longest_ms)} are allowed: "
            "ask for a shorter one, or export the rows",
            field="range",
        )
    return span


def export_span(message: history_pb2.TimeRange, now_ms: int) -> Span:
    """The span that an export means: without a start, everything up to the end.

    Raises:
        InvalidArgument: It has two starts, or is empty or reversed.
    """
    return _resolved(message, now_ms)


def _resolved(message: history_pb2.TimeRange, now_ms: int) -> Span:
    if message.start_ms and message.length_ms:
        raise InvalidArgument(
            f"the range has both a start ({utc(message.start_ms)}) and a length ({message.length_ms} ms); give one",
            field="range",
        )
    # The sample that set an event clock is part of what is there now.
    end_ms = message.end_ms or now_ms + 1
    start_ms = max(end_ms - message.length_ms, 0) if message.length_ms else message.start_ms
    if start_ms >= end_ms and (message.end_ms or message.start_ms):
        until = (
            f"ends at {utc(message.end_ms)}"
            if message.end_ms
            else f"ends now, at {utc(now_ms)} by the server's clock"
        )
        raise InvalidArgument(
            f"the range starts at {utc(start_ms)} and {until}; it must start before it ends", field="range"
        )
    return Span(start_ms, end_ms)


def _length(milliseconds: int) -> str:
    if milliseconds >= 2 * DAY_MS:
        return f"{milliseconds / DAY_MS:,.4g} days"
    return f"{milliseconds / 60_000:,.4g} minutes"


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets of equal width without gaps.

    Attributes:
        first_ms: Start of the first, Unix milliseconds UTC.
        width_ms: Of each.
        count: How many.
    """

    first_ms: int
    width_ms: int
    count: int

    @classmethod
    def of(cls, span: Span, max_points: int) -> Buckets:
        """The narrowest buckets that cover a span with at most so many of them.

        They begin at multiples of their width, so that a later span has the same ones; but not when even buckets of a
        week are too many.
        """
        for seconds in _WIDTHS_SECONDS:
            width = 1000 * seconds
            first = span.start_ms // width * width
            count = -((first - span.end_ms) // width)
            if count <= max_points:
                return cls(first, width, count)
        width = -(-span.length_ms // (1000 * max_points)) * 1000
        return cls(span.start_ms, width, -(-span.length_ms // width))

    def starts_ms(self) -> npt.NDArray[np.int64]:
        """Where each begins, int64 [buckets]."""
        return self.first_ms + self.width_ms * np.arange(self.count, dtype=np.int64)

    def places(self, times_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The bucket of each time, which must lie in one."""
        places: npt.NDArray[np.int64] = (times_ms - self.first_ms) // self.width_ms
        return places


class BucketStatistics:
    """Mean, least and greatest value per bucket of several columns, gathered batch by batch.

    Args:
        buckets: Where values go.
        columns: How many columns there are.
    """

    def __init__(self, buckets: Buckets, columns: int) -> None:
        shape = (buckets.count, columns)
        self._buckets = buckets
        self._sums = np.zeros(shape)
        self._counts = np.zeros(shape, dtype=np.int64)
        self._least = np.full(shape, np.nan, dtype=np.float32)
        self._greatest = np.full(shape, np.nan, dtype=np.float32)

    def add(self, times_ms: npt.NDArray[np.int64], values: npt.NDArray[np.float32]) -> None:
        """Takes rows.

        Args:
            times_ms: [rows], each within the buckets.
            values: [rows, columns]; NaN where there is none.
        """
        if not len(times_ms):
            return
        places = self._buckets.places(times_ms)
        if (np.diff(places) < 0).any():
            order = np.argsort(places, kind="stable")
            places, values = places[order], values[order]
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        which = places[starts]
        known = ~np.isnan(values)
        self._sums[which] += np.add.reduceat(np.where(known, values, 0.0), starts, dtype=np.float64)
        self._counts[which] += np.add.reduceat(known, starts, dtype=np.int64)
        self._least[which] = np.fmin(self._least[which], np.fmin.reduceat(values, starts))
        self._greatest[which] = np.fmax(self._greatest[which], np.fmax.reduceat(values, starts))

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Values per bucket, [buckets, columns]."""
        return self._counts

    def means(self) -> npt.NDArray[np.float32]:
        """Mean of each bucket, float32 [buckets, columns]; NaN where there is nothing."""
        with np.errstate(invalid="ignore"):
            means: npt.NDArray[np.float32] = (self._sums / self._counts).astype(np.float32)
        return means

    def least(self) -> npt.NDArray[np.float32]:
        """Least value of each bucket, the same shape."""
        return self._least

    def greatest(self) -> npt.NDArray[np.float32]:
        """Greatest value of each bucket, the same shape."""
        return self._greatest
