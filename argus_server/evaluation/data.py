"""The servers that are to be scored, read from files and chosen by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset

from argus_server.evaluation.protocol import EvaluationError
from argus_server.training import corpus, tables
from argus_server.training.corpus import DataFile, History

DEFAULT_SPLIT_COLUMN: Final = tables.SPLIT


def load(
    paths: Sequence[Path], step_seconds: int, *, split_column: str = DEFAULT_SPLIT_COLUMN
) -> tuple[list[History], list[DataFile]]:
    """Read data files, or directories of them; a server's test part begins at its first row whose split is not `train`.

    Raises:
        CorpusError: A file cannot be used.
        EvaluationError: A server is in two files, or a split column was named that a file does not have.
    """
    histories: list[History] = []
    described: list[DataFile] = []
    sources: dict[str, str] = {}
    for path in paths:
        found, files_read = corpus.load_all(path, step_seconds)
        if split_column != DEFAULT_SPLIT_COLUMN:
            found = _split_by(path, split_column, found)
        for history in found:
            if history.name in sources:
                raise EvaluationError(
                    f"server {history.name!r} is in both {sources[history.name]} and {path.name}; give one of them"
                )
            sources[history.name] = path.name
        histories += found
        described += files_read
    return histories, described


def select(histories: Sequence[History], names: Collection[str], limit: int | None) -> list[History]:
    """The named servers, or all of them, and of these the first `limit`.

    Raises:
        EvaluationError: A name is not among them.
    """
    unknown = sorted(set(names) - {history.name for history in histories})
    if unknown:
        raise EvaluationError(f"no data has the servers {', '.join(unknown[:5])}")
    chosen = [history for history in histories if not names or history.name in names]
    return chosen[:limit]


def names(listed: str) -> list[str]:
    """Names from a comma-separated list."""
    return [name.strip() for name in listed.split(",") if name.strip()]


def _split_by(path: Path, column: str, histories: Sequence[History]) -> list[History]:
    """The histories with the boundaries that a column of the file, or of a directory's files, gives."""
    first_ms: dict[str, int] = {}
    for file in tables.data_files(path) if path.is_dir() else (path,):
        for name, at in _first_test_rows(file, column):
            first_ms[name] = min(at, first_ms.get(name, at))

    def boundary(history: History) -> int:
        if history.name not in first_ms:
            return len(history.values)
        return (first_ms[history.name] - history.start_ms) // (history.step_seconds * 1000)

    return [replace(history, boundary=boundary(history)) for history in histories]


def _first_test_rows(file: Path, column: str) -> Iterable[tuple[str, int]]:
    """Servers of a file and the time of their first row that is not for training, Unix milliseconds UTC."""
    data = pyarrow.dataset.dataset(file, format=tables.format_of(file))
    if column not in data.schema.names:
        raise EvaluationError(f"{file.name} has no column {column!r} to split by; got {data.schema.names}")
    said = pc.unique(data.to_table(columns=[column])[column].cast(pa.string())).to_pylist()
    if tables.TRAIN not in said:
        raise EvaluationError(
            f"{file.name}: column {column!r} says {tables.TRAIN!r} on no row, so it is not about a split; "
            f"got {', '.join(repr(one) for one in said[:3])}"
        )
    rows = data.to_table(
        columns=["server_name", "timestamp"], filter=pc.field(column).cast(pa.string()) != tables.TRAIN
    )
    stamps = rows["timestamp"]
    if pa.types.is_timestamp(stamps.type):
        stamps = stamps.cast(pa.timestamp("ms", tz=stamps.type.tz), safe=False)
    dated = pa.table({"name": rows["server_name"].cast(pa.string()), "at": stamps.cast(pa.int64())})
    firsts = dated.group_by("name").aggregate([("at", "min")])
    return zip(firsts["name"].to_pylist(), firsts["at_min"].to_pylist(), strict=True)
