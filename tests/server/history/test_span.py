from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.v1 import history_pb2
from argus_server.errors import InvalidArgument
from argus_server.history.span import (
    DAY_MS,
    LONGEST_QUERY_MS,
    LONGEST_SUMMARY_MS,
    Buckets,
    BucketStatistics,
    Span,
    export_span,
    span_of,
)

NOW_MS = 1_700_000_000_000
Range = history_pb2.TimeRange

spans = st.builds(
    lambda start, length: Span(start, start + length),
    st.integers(0, NOW_MS),
    st.integers(1, LONGEST_QUERY_MS),
)


@pytest.mark.parametrize(
    ("message", "span"),
    [
        (Range(length_ms=1000), Span(NOW_MS - 999, NOW_MS + 1)),
        (Range(start_ms=5, end_ms=7), Span(5, 7)),
        (Range(start_ms=NOW_MS), Span(NOW_MS, NOW_MS + 1)),
        (Range(length_ms=3, end_ms=10), Span(7, 10)),
        (Range(length_ms=30, end_ms=10), Span(0, 10)),
    ],
)
def test_a_range_says_what_span_is_meant(message: Range, span: Span) -> None:
    assert span_of(message, NOW_MS, LONGEST_QUERY_MS) == span


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (Range(), "has no start; give a start, or a length of at most 31 days"),
        (Range(end_ms=9), "has no start"),
        (
            Range(start_ms=7, end_ms=5),
            "starts at 1970-01-01T00:00:00.007Z and ends at 1970-01-01T00:00:00.005Z",
        ),
        (
            Range(start_ms=7, end_ms=7),
            "starts at 1970-01-01T00:00:00.007Z and ends at 1970-01-01T00:00:00.007Z",
        ),
        (Range(start_ms=NOW_MS + 9), "ends now, at 2023-11-14T22:13:20Z by the server's clock"),
        (Range(start_ms=1, length_ms=1), "both a start"),
        (Range(length_ms=32 * DAY_MS, end_ms=9), "is 32 days long; at most 31 days are allowed"),
        (Range(start_ms=1), "at most 31 days are allowed"),
    ],
)
def test_a_range_that_is_none_is_refused_by_name(message: Range, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says) as caught:
        span_of(message, NOW_MS, LONGEST_SUMMARY_MS)
    assert caught.value.field == "range"


def test_an_export_without_a_range_is_of_everything() -> None:
    assert export_span(Range(), NOW_MS) == Span(0, NOW_MS + 1)
    assert export_span(Range(), 0) == Span(0, 1)
    assert export_span(Range(end_ms=9), NOW_MS) == Span(0, 9)
    with pytest.raises(InvalidArgument):
        export_span(Range(start_ms=9, end_ms=3), NOW_MS)


@given(spans, st.integers(1, 5000))
def test_buckets_cover_their_span_and_are_never_too_many(span: Span, points: int) -> None:
    buckets = Buckets.of(span, points)

    assert 1 <= buckets.count <= points
    assert buckets.first_ms <= span.start_ms < buckets.first_ms + buckets.width_ms
    assert buckets.starts_ms()[-1] < span.end_ms <= buckets.starts_ms()[-1] + buckets.width_ms
    assert buckets.width_ms % 1000 == 0
    edges = np.array([span.start_ms, span.end_ms - 1])
    assert buckets.places(edges).tolist() == [0, buckets.count - 1]


@given(spans, st.integers(1, 5000))
def test_buckets_are_no_wider_than_they_must_be(span: Span, points: int) -> None:
    buckets = Buckets.of(span, points)
    if buckets.width_ms > 1000:
        narrower = [w for w in (1, 5, 60, 300, 3600, 86400, 604800) if 1000 * w < buckets.width_ms]
        for seconds in narrower:
            first = span.start_ms // (1000 * seconds)
            assert (span.end_ms - 1) // (1000 * seconds) - first + 1 > points


values = st.floats(-1e6, 1e6, width=32) | st.just(float("nan"))


@given(st.lists(st.tuples(st.integers(0, 9_999), values, values)), st.integers(1, 40), st.data())
def test_statistics_are_those_of_each_bucket_whatever_the_order(
    rows: list[tuple[int, float, float]], points: int, data: st.DataObject
) -> None:
    buckets = Buckets.of(Span(0, 10_000), points)
    statistics = BucketStatistics(buckets, 2)
    cut = data.draw(st.integers(0, len(rows)))
    for part in (rows[:cut], rows[cut:]):
        statistics.add(
            np.array([row[0] for row in part], dtype=np.int64),
            np.array([row[1:] for row in part], dtype=np.float32).reshape(-1, 2),
        )

    for place, start in enumerate(buckets.starts_ms().tolist()):
        for column in range(2):
            inside = [row[1 + column] for row in rows if start <= row[0] < start + buckets.width_ms]
            known = [value for value in inside if value == value]
            found = (
                statistics.means()[place, column],
                statistics.least()[place, column],
                statistics.greatest()[place, column],
            )
            wanted = (sum(known) / len(known), min(known), max(known)) if known else (np.nan,) * 3
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
