"""Whether a value has a precedent: what went as far in the last days, and came back, may do so again."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

PAST_SECONDS: Final = 7 * 86_400
"""How far back a precedent is looked for."""

RECENT_SECONDS: Final = 6 * 3_600
"""What is this close belongs to what is going on now, and is no precedent of it."""

LEAST_SECONDS: Final = 12 * 3_600
"""How much must have been measured before that, to know what is usual."""


def unprecedented(
    values: npt.NDArray[np.float32], past: npt.NDArray[np.float32], step_seconds: int
) -> npt.NDArray[np.bool_]:
    """Whether values are beyond all that was measured in the last days, [series].

    Where less than half a day was measured then, nobody knows what is usual: False, as for a value that is not
    measured.

    Args:
        values: Newest values, high being bad, [series]; NaN where not measured.
        past: Steps before, the newest last, [series, steps]; NaN where not measured.
        step_seconds: Length of a step.
    """
    steps = past.shape[1]
    first = max(0, steps - round(PAST_SECONDS / step_seconds))
    last = max(0, steps - round(RECENT_SECONDS / step_seconds))
    if first >= last:
        return np.zeros(len(values), dtype=np.bool_)
    highest = np.fmax.reduce(past[:, first:last], axis=1)  # passes NaN over
    with np.errstate(invalid="ignore"):
        beyond = values > highest
    measured = np.count_nonzero(np.isfinite(past[:, first:last]), axis=1)
    result: npt.NDArray[np.bool_] = beyond & (measured >= LEAST_SECONDS / step_seconds)
    return result
