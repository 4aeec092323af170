"""What history needs of the store beneath it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

import pyarrow as pa


class RowSink(Protocol):
    """Takes rows."""

    def append(self, table: str, rows: pa.RecordBatch) -> Future[Any]:
        """Queues rows of a table; the future is done once they are durable, and fails when they cannot be."""
        ...


class RowSource(Protocol):
    """Gives rows back."""

    def schema(self, table: str) -> pa.Schema:
        """Columns of a table."""
        ...

    def fingerprint(self, table: str, start_ms: int, end_ms: int) -> Hashable:
        """Changes whenever rows of a span may have."""
        ...

    def read(
        self,
        table: str,
        start_ms: int,
        end_ms: int,
        servers: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of a table, in no order that can be relied on, each once.

        Args:
            table: Name of the table.
            start_ms: Least timestamp, Unix milliseconds UTC.
            end_ms: The first timestamp no longer wanted.
            servers: Names; None means all.
            columns: Names, in the order wanted; None means all.
        """
        ...


class HistoryStore(RowSink, RowSource, Protocol):
    """Both."""
