"""Rows of a table as one file, in chunks: Arrow IPC, or CSV that a spreadsheet cannot be harmed by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

MAX_CHUNK_BYTES: Final = 1 << 20

# Rows that are turned into text or bytes at once.
_ROWS: Final = 8192

FORMULA: Final = re.compile(r"\A[=+\-@\t\r\n]")
"""What a spreadsheet takes for the beginning of a formula, or for white space before one."""

_FORMULA_PATTERN: Final = FORMULA.pattern


def arrow_chunks(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """An Arrow IPC stream in chunks of at most 1 MiB. Without rows it has a schema and nothing else."""
    sink = _Sink()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in _small(batches):
            writer.write_batch(batch)
            yield from sink.full_chunks()
    yield from sink.full_chunks()
    if rest := sink.rest():
        yield rest


def csv_chunks(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """CSV with a header in chunks of at most 1 MiB. Texts are quoted; see `defused`."""
    sink = _Sink()
    sink.write((",".join(f'"{name}"' for name in schema.names) + "\n").encode())
    options = pa.csv.WriteOptions(include_header=False)
    for batch in _small(batches):
        pa.csv.write_csv(defused(batch), sink, options)
        yield from sink.full_chunks()
    if rest := sink.rest():
        yield rest


def defused(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows, an apostrophe before every text that a spreadsheet would run as a formula.

    Texts that begin with an apostrophe already get one more, so that removing one gives back what was there.
    """
    columns = []
    for column in batch.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            dangerous = pc.match_substring_regex(column, f"{_FORMULA_PATTERN}|\\A'")
            column = pc.if_else(dangerous, pc.binary_join_element_wise("'", column, ""), column)
        columns.append(column)
    return pa.record_batch(columns, names=batch.schema.names)


def _small(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for first in range(0, batch.num_rows, _ROWS):
            yield batch.slice(first, _ROWS)


class _Sink:
    """A file that is emptied while it is written."""

    closed = False

    def __init__(self) -> None:
        self._held = bytearray()
        self._written = 0

    def write(self, data: bytes | memoryview | pa.Buffer) -> int:
        view = memoryview(data)
        self._held += view
        self._written += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Nothing is held back from whoever empties it."""

    def close(self) -> None:
        """The end of the file is known by its last chunk."""

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def full_chunks(self) -> Iterator[bytes]:
        """Takes out all that fills a chunk."""
        while len(self._held) >= MAX_CHUNK_BYTES:
            chunk = bytes(memoryview(self._held)[:MAX_CHUNK_BYTES])
            del self._held[:MAX_CHUNK_BYTES]
            yield chunk

    def rest(self) -> bytes:
        """Takes out what is left."""
        chunk = bytes(self._held)
        self._held.clear()
        return chunk
