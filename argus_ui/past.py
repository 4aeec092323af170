"""What the views of the past have in common: ranges, horizons, and how long to wait for an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from argus_client import InvalidArgument


@dataclass(frozen=True, slots=True)
class Range:
    """A span up to now.

    Attributes:
        length_seconds: How long it is.
        keep_seconds: How old an answer about it may be.
    """

    length_seconds: int
    keep_seconds: int


RANGES: Final = {
    "30m": Range(1_800, 10),
    "1h": Range(3_600, 10),
    "3h": Range(10_800, 15),
    "8h": Range(28_800, 30),
    "1d": Range(86_400, 60),
    "1w": Range(604_800, 300),
    "1M": Range(2_592_000, 900),
}
HORIZONS: Final = (30, 60, 120, 240, 480)
"""Minutes before a time at which forecasts for it are on record."""

# The first answer about a long range reads all its samples. When its time is up it goes on where it was if asked again.
TIMEOUT_SECONDS: Final = 25.0


def range_of(request: Request) -> str:
    """The range that a request is about, `?range=`.

    Raises:
        InvalidArgument: There is no such range.
    """
    name = request.query_params.get("range", "")
    if name not in RANGES:
        raise InvalidArgument(f"range is {name!r}; it must be one of {', '.join(RANGES)}.")
    return name
