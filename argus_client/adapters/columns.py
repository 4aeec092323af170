"""Arrow columns of any reasonable type into contract columns, with an error that names the first bad row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus_client.adapters.tables import FileFormatError
from argus_client.extras import require
from argus_client.samples import METRICS, STATES

TIMESTAMP: Final = "timestamp"
SERVER_NAME: Final = "server_name"
STATE: Final = "state"
_STATE_NUMBER: Final[Mapping[str | None, int]] = {None: 0, "": 0} | {s: i for i, s in enumerate(STATES)}
# Unix milliseconds below this lie before March 1973: seconds, by mistake.
_SMALLEST_MS: Final = 100_000_000_000
_ZONE: Final = r"(Z|[+-]\d\d(:?\d\d)?)$"


class ColumnReader:
    """Reads columns of one file; rows are counted over the whole file.

    Args:
        path: the file, for errors.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pa = require("pyarrow", "adapters")
        self._pc = require("pyarrow.compute", "adapters")

    def timestamp_ms(self, column: Any, first_row: int) -> NDArray[np.int64]:
        """Unix milliseconds UTC from timestamps (no zone: UTC), integers (milliseconds) or ISO 8601 text.

        Raises:
            FileFormatError: another type, a null, text that is no time, or integers that must be seconds.
        """
        types = self._pa.types
        column = self._plain(column)
        self._refuse_null(column, TIMESTAMP, first_row)
        if types.is_string(column.type) or types.is_large_string(column.type):
            column = self._parsed(column, first_row)
        if types.is_timestamp(column.type):
            column = self._pc.floor_temporal(column, unit="millisecond")
            return np.asarray(column.cast(self._pa.timestamp("ms", column.type.tz)).cast("int64"), np.int64)
        if not types.is_integer(column.type):
            raise FileFormatError(
                self._path,
                f"must be a timestamp, integer milliseconds or ISO 8601 text; it is {column.type}.",
                column=TIMESTAMP,
            )
        values = np.asarray(column, np.int64)
        seconds = np.flatnonzero(values < _SMALLEST_MS)
        if len(seconds):
            raise FileFormatError(
                self._path,
                f"integers must be Unix milliseconds; {values[seconds[0]]} looks like seconds.",
                column=TIMESTAMP,
                row=first_row + int(seconds[0]),
            )
        return values

    def server_names(self, column: Any, first_row: int) -> tuple[NDArray[np.int64], list[str]]:
        """Index of each row into the names of this run, and those names.

        Raises:
            FileFormatError: not text, or a null or empty name.
        """
        column = self._text(column, SERVER_NAME)
        self._refuse_null(column, SERVER_NAME, first_row)
        self._refuse(
            self._pc.equal(column, ""), SERVER_NAME, first_row, lambda _: "a name must not be empty.", column
        )
        encoded = column.dictionary_encode()
        return np.asarray(encoded.indices, np.int64), encoded.dictionary.to_pylist()

    def state(self, column: Any, first_row: int) -> NDArray[np.int8]:
        """State numbers; null and empty are UNSPECIFIED.

        Raises:
            FileFormatError: not text, or an unknown state.
        """
        column = self._text(column, STATE)
        encoded = column.dictionary_encode(null_encoding="encode")
        names = encoded.dictionary.to_pylist()
        known = self._pa.array([name in _STATE_NUMBER for name in names], self._pa.bool_())
        self._refuse(
            self._pc.invert(known.take(encoded.indices)),
            STATE,
            first_row,
            lambda value: f"{value!r} is no state; known are {', '.join(STATES[1:])}, or nothing.",
            column,
        )
        numbers = np.array([_STATE_NUMBER[name] for name in names], np.int8)
        return np.asarray(numbers[np.asarray(encoded.indices)], np.int8)

    def metric(self, column: Any, name: str, first_row: int) -> NDArray[np.float32]:
        """Metric values; null is NaN.

        Raises:
            FileFormatError: not a number.
        """
        types = self._pa.types
        column = self._plain(column)
        if types.is_null(column.type):
            return np.full(len(column), np.nan, np.float32)
        if types.is_string(column.type) or types.is_large_string(column.type):
            column = self._cast(column, self._pa.float64(), name, first_row, "a metric must be a number")
        if not any(is_a(column.type) for is_a in (types.is_integer, types.is_floating, types.is_decimal)):
            raise FileFormatError(self._path, f"a metric must be a number; it is {column.type}.", column=name)
        values = column.cast(self._pa.float64()).to_numpy(zero_copy_only=False)
        with np.errstate(over="ignore"):  # beyond float32 is infinite, which the receiver refuses by name
            return np.asarray(values, np.float32)

    def metrics(self, batch: Any, first_row: int) -> NDArray[np.float32]:
        """[rows, 14] of a record batch; a metric it lacks is NaN."""
        matrix = np.full((batch.num_rows, len(METRICS)), np.nan, np.float32)
        for index, name in enumerate(METRICS):
            if name in batch.schema.names:
                matrix[:, index] = self.metric(batch.column(name), name, first_row)
        return matrix

    def _plain(self, column: Any) -> Any:
        dictionary = self._pa.types.is_dictionary(column.type)
        return column.dictionary_decode() if dictionary else column

    def _text(self, column: Any, name: str) -> Any:
        column = self._plain(column)
        types = self._pa.types
        if types.is_null(column.type) or types.is_large_string(column.type):
            return column.cast(self._pa.string())
        if not types.is_string(column.type):
            raise FileFormatError(self._path, f"must be text; it is {column.type}.", column=name)
        return column

    def _parsed(self, column: Any, first_row: int) -> Any:
        """Text of integers or of ISO 8601 times; a time without a zone is UTC."""
        pc = self._pc
        original = column
        column = pc.utf8_trim_whitespace(column)
        if pc.all(pc.match_substring_regex(column, r"^-?\d+$")).as_py():
            return self._cast(column, self._pa.int64(), TIMESTAMP, first_row, "must be Unix milliseconds")
        column = pc.replace_substring_regex(column, r"\s*UTC$", "Z")
        zoned = pc.match_substring_regex(column, r"[T ].*" + _ZONE)
        column = pc.if_else(zoned, column, pc.binary_join_element_wise(column, "Z", ""))
        rule = "must be ISO 8601, as 2025-01-31T12:00:00Z"
        return self._cast(
            column, self._pa.timestamp("ns", "UTC"), TIMESTAMP, first_row, rule, original=original
        )

    def _cast(
        self, column: Any, to: Any, name: str, first_row: int, rule: str, *, original: Any = None
    ) -> Any:
        """`column` as type `to`; an error quotes the cell of `original`, which is `column` by default."""
        original = column if original is None else original
        try:
            return column.cast(to)
        except self._pa.ArrowInvalid:
            pass
        for row in range(len(column)):
            try:
                column.slice(row, 1).cast(to)
            except self._pa.ArrowInvalid as error:
                raise FileFormatError(
                    self._path, f"{rule}; got {original[row].as_py()!r}.", column=name, row=first_row + row
                ) from error
        raise AssertionError(f"{name} could be cast row by row only")

    def _refuse_null(self, column: Any, name: str, first_row: int) -> None:
        if column.null_count:
            self._refuse(column.is_null(), name, first_row, lambda _: "must not be null.", column)

    def _refuse(
        self, bad: Any, name: str, first_row: int, rule: Callable[[object], str], column: Any
    ) -> None:
        rows = np.flatnonzero(bad.to_numpy(zero_copy_only=False))
        if len(rows):
            row = int(rows[0])
            raise FileFormatError(self._path, rule(column[row].as_py()), column=name, row=first_row + row)
