"""Columns as records, for sources that have columns already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Columns:
    """Arrays by field; implements `Records`.

    Args:
        columns: [rows] numbers, `datetime64`, or objects with None where a row has no value.

    Raises:
        ValueError: they differ in length.
    """

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"Columns differ in length: {sorted(lengths)}.")
        self._columns = columns
        self._rows = lengths.pop() if lengths else 0

    def __len__(self) -> int:
        return self._rows

    def column(self, field: str) -> NDArray[np.generic] | None:
        """The values of a field; None if there is no such column."""
        return self._columns.get(field)

    def containers(self, field: str) -> NDArray[np.generic] | None:
        """None: a column holds values only."""
        return None

    def fields(self) -> Sequence[str]:
        """The columns there are, by name."""
        return sorted(self._columns)
