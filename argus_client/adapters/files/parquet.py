"""`ParquetSource`: whole Parquet files that appear in directories, each read once."""

from __future__ import annotations

import asyncio
import glob
import os
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from argus_client.adapters.core.columnar import Columns
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.files.options import FileOptions, check_parents
from argus_client.adapters.pull import Cursor, Page
from argus_client.adapters.source import SourceError
from argus_client.extras import require

NOT_PARQUET: Final = "not_parquet"
# A file without its end is being written, unless it has not changed for so long.
_DAMAGED_SECONDS: Final = 300.0
_MAGIC: Final = b"PAR1"
_DONE, _FILE, _ROW = "done", "file", "row"


class ParquetSource:
    """Reads the files of its patterns in order of their names; implements `PullSource`.

    A file is told by path and size: one that has another size than when it was read is read again, whole. A cursor
    holds the files that are done, and the row reached in the present one.

    Args:
        options: What to read.
        context: The adapter.

    Raises:
        ConfigError: a directory is not there.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, options: FileOptions, context: SourceContext) -> None:
        check_parents(options)
        self._pq = require("pyarrow.parquet", "adapters")
        self._pa = require("pyarrow", "adapters")
        self._options = options
        self._context = context
        self._group: tuple[str, int, int, Any] | None = None
        self._warned: set[str] = set()

    def begin(self, since_ms: int) -> Cursor:
        """Every file: rows before `since_ms` are left out once their time is known."""
        return {_DONE: {}, _FILE: "", _ROW: 0}

    async def fetch(self, cursor: Cursor, limit: int) -> Page:
        """See `PullSource.fetch`."""
        return await asyncio.to_thread(self._fetch, cursor, limit)

    async def close(self) -> None:
        """Forgets the rows held."""
        self._group = None

    def _fetch(self, cursor: Cursor, limit: int) -> Page:
        held: Any = cursor
        sizes = self._present()
        done: dict[str, int] = {name: size for name, size in held[_DONE].items() if name in sizes}
        for name, size in sizes.items():
            if done.get(name) == size:
                continue
            row = int(held[_ROW]) if held[_FILE] == name else 0
            found = self._rows(name, size, row, limit)
            if found is None:
                continue  # not whole yet: the next look may find it so
            records, reached, whole = found
            if not whole:
                return Page(records, {_DONE: done, _FILE: name, _ROW: reached}, is_last=False)
            done = {**done, name: size}
            return Page(records, {_DONE: done, _FILE: "", _ROW: 0}, is_last=done == sizes)
        return Page(Columns({}), {_DONE: done, _FILE: held[_FILE], _ROW: held[_ROW]}, is_last=True)

    def _present(self) -> dict[str, int]:
        """Size by path, by name."""
        found: dict[str, int] = {}
        for pattern in self._options.patterns:
            for name in glob.glob(pattern, recursive=True):
                try:
                    status = os.stat(name)
                except FileNotFoundError:
                    continue
                if os.path.isfile(name):
                    found[name] = status.st_size
        if not found:
            patterns = ", ".join(self._options.patterns)
            self._warn_once("", f"no file matches {patterns} yet; waiting for one")
        return dict(sorted(found.items()))

    def _warn_once(self, name: str, line: str) -> None:
        """Says something of a file, or of all, if nothing was said of it before."""
        if name not in self._warned:
            self._warned.add(name)
            self._context.warn(line)

    def _rows(self, name: str, size: int, row: int, limit: int) -> tuple[Columns, int, bool] | None:
        """Rows from `row` on, where they end, and whether that is the end; None for a file that is not whole."""
        try:
            with self._pq.ParquetFile(name) as file:
                total = int(file.metadata.num_rows)
                group, start = 0, 0
                while group < file.num_row_groups and row >= start + file.metadata.row_group(group).num_rows:
                    start += file.metadata.row_group(group).num_rows
                    group += 1
                if row >= total:
                    return Columns({}), row, True
                table = self._read_group(file, name, size, group).slice(row - start, limit)
        except PermissionError as error:
            raise SourceError(f"{name} cannot be read: {error.strerror}. Let this user read it.") from None
        except FileNotFoundError:
            return None
        except (self._pa.ArrowException, OSError) as error:
            why = str(error).partition("\n")[0][:80]
            if self._may_become_whole(name):
                self._warn_once(name, f"{name} is no whole Parquet file yet ({why}); it is looked at again")
                return None
            self._context.refuse(NOT_PARQUET, 1, f"{name}: {why}")
            return Columns({}), row, True
        reached = row + int(table.num_rows)
        return Columns(columns_of(table)), reached, reached >= total

    def _may_become_whole(self, name: str) -> bool:
        """Whether a file is one that is being written: it begins as it should, and changed lately."""
        try:
            with open(name, "rb") as file:
                head = file.read(len(_MAGIC))
                changed_at = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return True
        return _MAGIC.startswith(head) and self._context.now_ms() / 1000 - changed_at < _DAMAGED_SECONDS

    def _read_group(self, file: Any, name: str, size: int, group: int) -> Any:
        """A row group; the last one read is kept, for it is larger than a page."""
        if self._group is None or self._group[:3] != (name, size, group):
            self._group = (name, size, group, file.read_row_group(group))
        return self._group[3]


def columns_of(table: Any) -> Mapping[str, NDArray[Any]]:
    """The columns of an Arrow table as arrays; those of a struct under dotted names."""
    while any(str(kind.type).startswith("struct") for kind in table.schema):
        table = table.flatten()
    return {name: _array(column) for name, column in zip(table.column_names, table.columns, strict=True)}


def _array(column: Any) -> NDArray[Any]:
    combined = column.combine_chunks()
    text = str(combined.type)
    if text.startswith("dictionary"):
        combined = combined.dictionary_decode()
    if text.startswith(("list", "large_list", "fixed_size_list", "map")):
        return np.full(len(column), None, np.object_)
    array: NDArray[Any] = combined.to_numpy(zero_copy_only=False)
    return array
