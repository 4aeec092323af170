"""What the same time of earlier days says: order statistics over days, and how far now is from usual.

Days are counted back from the origin, so that every day of the past is complete and future step i meets the
same clock time at index i - 1 of each of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_ABSENT: Final = np.float32(np.inf)


def ordered_days(values: FloatArray, mask: Flags) -> tuple[FloatArray, FloatArray]:
    """Sort each time of day over the days it was observed on.

    Args:
        values: [series, days, steps]; arbitrary where not observed.
        mask: Where they are observed, same shape.

    Returns:
        Ascending values [days, series, steps], and on how many days each was observed, [series, steps]. With
        fewer observations than days they are stretched: the first is always the lowest, the middle one a
        median, the last the highest. 0 where there is none.
    """
    days = values.shape[1]
    lanes = [np.where(mask[:, day], values[:, day], _ABSENT) for day in range(days)]
    # An odd-even transposition network: a few dozen minima and maxima of whole arrays.
    for round_ in range(days):
        for index in range(round_ % 2, days - 1, 2):
            low, high = lanes[index], lanes[index + 1]
            lanes[index], lanes[index + 1] = np.minimum(low, high), np.maximum(low, high)
    ordered = np.stack(lanes)
    count = mask.sum(axis=1, dtype=np.float32)
    series, step = np.nonzero(count < days)
    if len(series):
        known = count[series, step]
        level = np.arange(days, dtype=np.float32)[:, None] / max(days - 1, 1)
        place = np.rint(level * np.maximum(known - 1.0, 0.0)).astype(np.intp)
        stretched = np.take_along_axis(ordered[:, series, step], place, axis=0)
        ordered[:, series, step] = np.where(known > 0, stretched, np.float32(0.0))
    return ordered, count


def level_shift(
    recent: FloatArray, recent_mask: Flags, earlier: FloatArray, earlier_mask: Flags
) -> FloatArray:
    """How far the last steps lie from the median of earlier days at the same time.

    Args:
        recent: The last steps, [series, steps].
        recent_mask: Where they are observed.
        earlier: Earlier days at the same time, [series, days, steps].
        earlier_mask: Where they are observed.

    Returns:
        Mean difference over the steps where both are known, [series]; 0 where there is none.
    """
    ordered, count = ordered_days(earlier, earlier_mask)
    both = recent_mask & (count > 0)
    difference = np.where(both, recent - ordered[len(ordered) // 2], np.float32(0.0)).sum(axis=-1)
    shift: FloatArray = difference / np.maximum(both.sum(axis=-1), 1)
    return shift.astype(np.float32)
