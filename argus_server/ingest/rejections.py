"""Rows that were refused: the first of them in words, all of them in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

REPORTED_ROWS: Final = 100
"""Rejections that are reported one by one; the rest are only counted."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One refused row.

    Attributes:
        row_index: Position in the columns of its batch, from 0.
        field: First column, in contract order, that broke a rule.
        reason: Number in `argus.v1.RowRejectionReason`.
        message: What was got and what is allowed, for people.
    """

    row_index: int
    field: str
    reason: int
    message: str


@dataclass(frozen=True, slots=True)
class Rejections:
    """All refused rows of a batch, each counted once.

    Attributes:
        rows: The first `REPORTED_ROWS` of them, by row index.
        counts: Refused rows per number in `argus.v1.RowRejectionReason`.
    """

    rows: tuple[RejectedRow, ...] = ()
    counts: Mapping[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All refused rows."""
        return sum(self.counts.values())

    def __add__(self, other: Rejections) -> Rejections:
        """Both, for checks that refuse different rows of the same batch."""
        if not other.counts:
            return self
        if not self.counts:
            return other
        rows = sorted((*self.rows, *other.rows), key=lambda row: row.row_index)
        return Rejections(tuple(rows[:REPORTED_ROWS]), Counter(self.counts) + Counter(other.counts))


NO_REJECTIONS: Final = Rejections()
