"""What was delivered is not delivered again, and what was not is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from argus_client.adapters.core.overlap import Overlap
from argus_client.samples import METRICS, Samples

NOW_MS = 1_750_000_000_000


def rows(*keys: tuple[str, int]) -> Samples:
    names = np.empty(len(keys), np.object_)
    names[:] = [name for name, _ in keys]
    return Samples(
        np.array([time for _, time in keys], np.int64),
        names,
        np.zeros(len(keys), np.int8),
        np.zeros((len(keys), len(METRICS)), np.float32),
    )


def keys(samples: Samples) -> list[tuple[str, int]]:
    return list(zip(samples.server_name.tolist(), samples.timestamp_ms.tolist(), strict=True))


PAGES = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30_000).map(lambda ms: NOW_MS - 30_000 + ms))),
    max_size=8,
)


@given(PAGES)
def test_each_server_and_second_comes_through_once_and_first_come_first(
    pages: list[list[tuple[str, int]]],
) -> None:
    overlap = Overlap(3600, lambda: NOW_MS)
    seen: set[tuple[str, int]] = set()
    for page in pages:
        expected = []
        for name, time in page:
            if (name, time // 1000) not in seen:
                seen.add((name, time // 1000))
                expected.append((name, time))
        assert keys(overlap.fresh(rows(*page))) == expected


def test_what_lies_behind_the_window_is_forgotten() -> None:
    overlap = Overlap(10, lambda: NOW_MS)
    old = ("a", NOW_MS - 60_000)
    overlap.fresh(rows(old, ("a", NOW_MS)))
    assert overlap._known.size == 1
    assert keys(overlap.fresh(rows(old))) == [old], "the server tells it for a duplicate"
    assert keys(overlap.fresh(rows(("a", NOW_MS)))) == []


def test_one_row_from_the_future_does_not_push_out_the_others() -> None:
    overlap = Overlap(10, lambda: NOW_MS)
    overlap.fresh(rows(("a", NOW_MS)))
    overlap.fresh(rows(("b", NOW_MS + 365 * 86_400_000)))
    assert keys(overlap.fresh(rows(("a", NOW_MS)))) == []
