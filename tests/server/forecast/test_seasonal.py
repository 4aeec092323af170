"""Order statistics over days against a slow loop."""

from __future__ import annotations

import numpy as np
import pytest

from argus_server.forecast import seasonal


@pytest.mark.parametrize("days", [2, 3, 6, 7])
@pytest.mark.parametrize("share", [1.0, 0.6, 0.0])
def test_days_are_put_in_order(days: int, share: float) -> None:
    rng = np.random.default_rng(days)
    values = rng.normal(0.0, 1.0, (5, days, 8)).astype(np.float32)
    mask = rng.random(values.shape) < share
    ordered, count = seasonal.ordered_days(np.where(mask, values, np.float32(np.nan)), mask)
    for series in range(5):
        for step in range(8):
            known = sorted(values[series, mask[series, :, step], step].tolist())
            assert count[series, step] == len(known)
            shown = ordered[:, series, step].tolist()
            assert shown == sorted(shown)
            if not known:
                assert shown == [0.0] * days
            elif len(known) == days:
                assert shown == known
            else:
                assert (shown[0], shown[-1]) == (known[0], known[-1])
                assert set(shown) <= set(known)


def test_the_shift_is_the_mean_distance_from_the_median_day() -> None:
    rng = np.random.default_rng(3)
    earlier = rng.normal(0.0, 1.0, (4, 5, 12)).astype(np.float32)
    recent = rng.normal(2.0, 1.0, (4, 12)).astype(np.float32)
    known = rng.random(recent.shape) < 0.7
    whole = np.ones(earlier.shape, dtype=bool)
    whole[3] = False
    shift = seasonal.level_shift(recent, known, earlier, whole)
    for series in range(3):
        distance = recent[series] - np.median(earlier[series], axis=0)
        assert shift[series] == pytest.approx(distance[known[series]].mean(), rel=1e-5)
    assert shift[3] == 0.0, "without earlier days nothing is unusual"
