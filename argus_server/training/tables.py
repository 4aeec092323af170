"""Tables in contract columns: read from files, checked value by value, narrowed to what training needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq

from argus_server.contract import batch_constraints
from argus_server.metrics import METRICS

REQUIRED: Final = ("timestamp", "server_name")
SPLIT: Final = "split"
FORMATS: Final = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "feather",
    ".feather": "feather",
    ".ipc": "feather",
    ".csv": "csv",
}
"""Formats by the ending of a file's name, as Arrow calls them."""

SUFFIXES: Final = frozenset(FORMATS)
PARQUET_SUFFIXES: Final = frozenset(suffix for suffix, kind in FORMATS.items() if kind == "parquet")
TRAIN: Final = "train"
# The year 2000. What is before it is no measurement of a server, but most likely in seconds.
_EARLIEST_MS: Final = 946_684_800_000
# Columns that are read, whatever else a file holds.
KNOWN: Final = (*REQUIRED, SPLIT, *METRICS)


class CorpusError(ValueError):
    """A data file that cannot be used; the message names the file, the column, the row (from 1) and the rule."""


def read(path: Path) -> pa.Table:
    """The contract's columns of a Parquet, CSV or Arrow file.

    Raises:
        CorpusError: Another kind of file, or one that is not what its name says.
    """
    kind = format_of(path)
    try:
        if kind == "parquet":
            names = [name for name in pq.read_schema(path).names if name in KNOWN]
            return pq.read_table(path, columns=names)
        return pa.csv.read_csv(path) if kind == "csv" else pa.feather.read_table(path)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise CorpusError(f"{path.name} cannot be read: {str(error).splitlines()[0]}") from error


def format_of(path: Path) -> str:
    """What a file holds by its name: `parquet`, `csv` or `feather`.

    Raises:
        CorpusError: None of them.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise CorpusError(f"{path.name}: unknown file type {suffix!r}; use .parquet, .csv or .arrow")
    return FORMATS[suffix]


def data_files(directory: Path, suffixes: Collection[str] = SUFFIXES) -> list[Path]:
    """Files of a directory at any depth, sorted; what starts with a dot or an underscore is passed over.

    Raises:
        CorpusError: There is none.
    """
    found = sorted(
        file
        for file in directory.rglob("*")
        if file.suffix.lower() in suffixes
        and not any(part.startswith((".", "_")) for part in file.relative_to(directory).parts)
    )
    if not found:
        raise CorpusError(f"{directory}: no {', '.join(sorted(suffixes))} file is in it")
    return found


def joined(parts: Sequence[pa.Table]) -> pa.Table:
    """Narrowed tables as one; a metric that some lack is NaN there."""
    table = pa.concat_tables(parts, promote_options="default")
    for index, name in enumerate(table.column_names):
        if table[name].null_count:
            table = table.set_column(index, name, pc.fill_null(table[name], float("nan")))
    return table


def check_columns(file: str, columns: list[str]) -> None:
    """See that a table can be used at all.

    Raises:
        CorpusError: A required column is missing, or there is no metric.
    """
    for name in REQUIRED:
        if name not in columns:
            raise CorpusError(f"{file}: column {name!r} is missing; got {columns}")
    if not any(name in columns for name in METRICS):
        raise CorpusError(f"{file}: none of the metric columns {METRICS} is there; got {columns}")


def narrow(table: pa.Table, file: str, first_row: int = 1) -> pa.Table:
    """Check a table and keep what training needs of it.

    Args:
        table: Contract columns, metrics missing or null where not measured, and perhaps `split`.
        file: For messages.
        first_row: Number of the table's first row in the file.

    Returns:
        `timestamp` (int64 Unix ms), `server_name`, `training` (bool), and float32 metrics with NaN where not measured.

    Raises:
        CorpusError: A column is missing or of the wrong type, or a value is outside the contract.
    """
    check_columns(file, table.column_names)
    training = pa.array(np.ones(table.num_rows, dtype=bool))
    if SPLIT in table.column_names:
        training = pc.fill_null(pc.equal(table[SPLIT].cast(pa.string()), TRAIN), False)
    columns: dict[str, Any] = {
        "timestamp": times_ms(table["timestamp"], file, first_row),
        "server_name": _names(table["server_name"], file, first_row),
        "training": training,
    }
    for index, name in enumerate(METRICS):
        if name in table.column_names:
            columns[name] = _floats(table[name], index, file, first_row)
    return pa.table(columns)


def times_ms(column: pa.ChunkedArray, file: str, first_row: int) -> pa.ChunkedArray:
    """Unix milliseconds UTC from a timestamp column, or from integers that already are.

    Args:
        column: Times of rows.
        file: For messages.
        first_row: Number of the column's first row in the file.

    Raises:
        CorpusError: It is of another type, a time is missing, or is before the year 2000 or after 9999.
    """
    kind: Any = column.type
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("ms", tz=kind.tz), safe=False).cast(pa.int64())
    elif not pa.types.is_integer(kind):
        raise CorpusError(f"{file}: column 'timestamp' must be a timestamp or integer ms, got {kind}")
    column = column.cast(pa.int64())
    if column.null_count:
        missing = _first(pc.is_null(column)) or 0
        raise CorpusError(
            f"{file}: column 'timestamp', row {first_row + missing}: it is null; every row needs a time "
            f"({column.null_count} have none)"
        )
    latest = batch_constraints().timestamp_bounds[1]
    if (row := _first(pc.or_(pc.less(column, _EARLIEST_MS), pc.greater(column, latest)))) is not None:
        raise CorpusError(
            f"{file}: column 'timestamp', row {first_row + row}: {column[row]} is not between {_EARLIEST_MS} and "
            f"{latest} Unix milliseconds (the years 2000 to 9999); is it in seconds, or in microseconds?"
        )
    return column


def _names(column: pa.ChunkedArray, file: str, first_row: int) -> pa.ChunkedArray:
    names = column.cast(pa.string())
    bad = pc.fill_null(pc.equal(names, ""), True)
    if (row := _first(bad)) is not None:
        raise CorpusError(
            f"{file}: column 'server_name', row {first_row + row}: a name is missing; every row needs one"
        )
    return names


def _floats(column: pa.ChunkedArray, metric: int, file: str, first_row: int) -> npt.NDArray[np.float32]:
    name, kind = METRICS[metric], column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.equal(column, ""), None, column)
        row = _first(pc.invert(pc.match_substring_regex(pc.fill_null(column, "0"), _NUMBER)))
        if row is not None:
            raise CorpusError(
                f"{file}: column {name!r}, row {first_row + row}: {str(column[row])!r} is not a number"
            )
    elif not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise CorpusError(f"{file}: column {name!r} must be numeric, got {kind}")
    values: npt.NDArray[np.float32] = column.cast(pa.float32(), safe=False).to_numpy().copy()
    values[~np.isfinite(values)] = np.nan
    bounds = batch_constraints().metric_bounds[metric]
    with np.errstate(invalid="ignore"):
        outside = np.flatnonzero((values < bounds.lower) | (values > bounds.upper))
    if len(outside):
        raise CorpusError(
            f"{file}: column {name!r}, row {first_row + int(outside[0])}: {values[outside[0]]:g} is outside the "
            f"contract's {bounds.lower:g} to {bounds.upper:g} ({len(outside)} such values); mend or clear them"
        )
    return values


_NUMBER: Final = r"^[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|[nN][aA][nN]|[iI]nf)$"


def _first(flags: Any) -> int | None:
    """Index of the first true flag, None when there is none."""
    found = pc.index(flags, True).as_py()
    return None if found < 0 else int(found)
