"""Outlooks as short texts: a fleet of sparklines in one page of JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Printable, and none that JSON or HTML would have to escape. A blank stands for what was not measured.
ALPHABET: Final = "".join(chr(code) for code in range(35, 127) if chr(code) not in "&'<>\\`")
LEVELS: Final = len(ALPHABET)

_CODES: Final = np.frombuffer(ALPHABET.encode(), np.uint8)
_GAP: Final = ord(" ")


def encode(values: Sequence[float] | NDArray[np.float32], low: float, high: float) -> str:
    """Values as one character each: steps of a `LEVELS`-th of the range, what lies outside at its edge.

    Args:
        values: Any length; NaN for a gap.
        low: Value of the first character of `ALPHABET`.
        high: Value of the last.
    """
    if len(values) == 0:
        return ""
    array = np.asarray(values, np.float32)
    gaps = np.isnan(array)
    scaled = (np.where(gaps, low, array) - low) / max(high - low, 1e-9) * (LEVELS - 1)
    codes = _CODES[np.clip(np.rint(scaled), 0, LEVELS - 1).astype(np.intp)]
    return bytes(np.where(gaps, _GAP, codes).astype(np.uint8)).decode("ascii")
