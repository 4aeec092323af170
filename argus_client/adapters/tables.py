"""Parquet, Arrow and CSV files as a run of record batches with bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from argus_client.adapters.source import SourceError
from argus_client.extras import require

_BATCH_ROWS: Final = 65_536
_CSV_NULLS: Final = ("", "null", "NULL", "None", "NA", "N/A", "nan", "NaN")


class FileFormatError(SourceError):
    """A file does not hold contract rows.

    Attributes:
        path: the file.
        column: the column at fault; None when it is the file.
        row: the row at fault, counted from 0 without a header; None when it is the column.
        rule: what must hold, and what was found.
    """

    def __init__(self, path: Path, rule: str, *, column: str | None = None, row: int | None = None) -> None:
        self.path = path
        self.column = column
        self.row = row
        self.rule = rule
        where = "".join(
            [f", column {column!r}" if column is not None else "", f", row {row}" if row is not None else ""]
        )
        super().__init__(f"{path}{where}: {rule}")


class TableFile:
    """One file of any supported format, told by its first bytes, not by its name.

    Attributes:
        path: the file.
        format: `parquet`, `arrow` (IPC file or stream) or `csv`.
        columns: names of its columns, in file order.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: it cannot be read in the format it appears to have.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._pa = require("pyarrow", "adapters")
        with self.path.open("rb") as file:
            magic = file.read(6)
        if magic.startswith(b"PAR1"):
            self.format = "parquet"
        elif magic.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
            self.format = "arrow"
        elif b"\0" in magic or not magic:
            raise FileFormatError(self.path, "is neither Parquet nor Arrow nor CSV.")
        else:
            self.format = "csv"
        with self._reading():
            self.columns: tuple[str, ...] = tuple(self._names())
        twice = {name for name in self.columns if self.columns.count(name) > 1}
        if twice:
            raise FileFormatError(self.path, "occurs more than once.", column=min(twice))

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[int, Any]]:
        """First row number and `pyarrow.RecordBatch` of each run of rows, with only `columns`.

        Raises:
            FileFormatError: the file is damaged.
        """
        first = 0
        with self._reading():
            for batch in self._read(list(columns)):
                yield first, batch
                first += batch.num_rows

    def _names(self) -> list[str]:
        if self.format == "parquet":
            return list(require("pyarrow.parquet", "adapters").read_schema(self.path).names)
        if self.format == "arrow":
            with self._open_arrow() as reader:
                return list(reader.schema.names)
        with require("pyarrow.csv", "adapters").open_csv(self.path) as reader:
            return list(reader.schema.names)

    def _read(self, columns: list[str]) -> Iterator[Any]:
        if self.format == "parquet":
            with require("pyarrow.parquet", "adapters").ParquetFile(self.path) as file:
                yield from file.iter_batches(batch_size=_BATCH_ROWS, columns=columns)
        elif self.format == "arrow":
            with self._open_arrow() as reader:
                batches = (
                    (reader.get_batch(index) for index in range(reader.num_record_batches))
                    if hasattr(reader, "num_record_batches")
                    else iter(reader)
                )
                for batch in batches:
                    picked = batch.select(columns)
                    for start in range(0, picked.num_rows, _BATCH_ROWS):
                        yield picked.slice(start, _BATCH_ROWS)
        else:
            yield from self._read_csv(columns)

    def _read_csv(self, columns: list[str]) -> Iterator[Any]:
        """All cells as text: guessed types would depend on the first block, and errors would name no row."""
        csv = require("pyarrow.csv", "adapters")
        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(columns, self._pa.string()),
            include_columns=columns,
            null_values=list(_CSV_NULLS),
            strings_can_be_null=True,
        )
        with csv.open_csv(self.path, convert_options=convert) as reader:
            yield from reader

    def _open_arrow(self) -> Any:
        source = self._pa.memory_map(str(self.path))
        if source.read(6) == b"ARROW1":
            return self._pa.ipc.open_file(source)
        source.seek(0)
        return self._pa.ipc.open_stream(source)

    def _reading(self) -> _Reading:
        return _Reading(self.path, self.format, self._pa.ArrowException)


class _Reading:
    """Turns what Arrow says about a damaged file into a `FileFormatError`."""

    def __init__(self, path: Path, format: str, arrow_error: type[Exception]) -> None:
        self._path = path
        self._format = format
        self._arrow_error = arrow_error

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        unreadable = (self._arrow_error, OSError, UnicodeDecodeError)
        if isinstance(error, unreadable) and not isinstance(error, FileNotFoundError):
            reason = str(error).partition("\n")[0]
            raise FileFormatError(self._path, f"cannot be read as {self._format}: {reason}") from error
