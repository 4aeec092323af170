"""The `[source]` table of the files adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.core.table import Table

STDIN: Final = "-"
JSONL, CSV, PARQUET, AUTO = "jsonl", "csv", "parquet", "auto"
_FORMATS: Final = (AUTO, JSONL, CSV, PARQUET)
_BY_SUFFIX: Final = {
    ".jsonl": JSONL,
    ".ndjson": JSONL,
    ".json": JSONL,
    ".log": JSONL,
    ".csv": CSV,
    ".tsv": CSV,
    ".parquet": PARQUET,
}


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What to read.

    Attributes:
        patterns: Absolute paths, which may hold `*`; the one `-` is standard input.
        format: jsonl, csv or parquet; auto tells each file of text from its first lines.
        delimiter: Between two cells of CSV; empty tells it from the header.
        likely: The format by the names of the files, for a file whose lines do not tell it.
        settle_seconds: A last line without its end is taken once its file has not changed for this long.
    """

    patterns: tuple[str, ...]
    format: str
    delimiter: str = ""
    settle_seconds: float = 5.0
    likely: str = JSONL

    @property
    def is_stdin(self) -> bool:
        """Whether standard input is read."""
        return self.patterns == (STDIN,)


def read_options(values: Mapping[str, object], context: SourceContext) -> FileOptions:
    """Reads the table.

    Raises:
        ConfigError: a key is wrong, or what to read cannot be told.
    """
    table = Table(values, "source")
    paths = table.texts("paths")
    wanted = table.choice("format", _FORMATS, AUTO)
    delimiter = table.text("delimiter", "")
    settle_seconds = table.seconds("settle_seconds", 5.0)
    table.finish()
    if not paths or not all(paths):
        raise table.error("paths", "names nothing; give a path, a pattern such as 'metrics/*.jsonl', or '-'")
    if STDIN in paths and len(paths) > 1:
        raise table.error("paths", "names standard input, '-', beside files; give one or the other")
    likely = wanted if wanted != AUTO else _guessed(table, paths, context.base_dir)
    chosen = PARQUET if likely == PARQUET else wanted
    if chosen == PARQUET and paths == (STDIN,):
        raise table.error("format", "is 'parquet', which cannot be read from standard input")
    if len(delimiter) > 1:
        raise table.error("delimiter", f"is {delimiter!r}; it must be one character")
    if chosen != PARQUET and all(path.endswith(".tsv") for path in paths):
        delimiter = delimiter or "\t"
    patterns = (
        paths if paths == (STDIN,) else tuple(_absolute(path, likely, context.base_dir) for path in paths)
    )
    return FileOptions(patterns, chosen, delimiter, settle_seconds, likely)


def _guessed(table: Table, paths: tuple[str, ...], base_dir: Path) -> str:
    """The format by the names: of text its first lines decide, so that names only have to tell it from Parquet."""
    directories = [path for path in paths if path != STDIN and (base_dir / Path(path).expanduser()).is_dir()]
    found = {_BY_SUFFIX.get(Path(path).suffix.lower(), JSONL) for path in paths}
    if directories or (PARQUET in found and len(found) > 1):
        raise table.error(
            "format", f"is {AUTO!r}, which the names of the files do not tell; say jsonl, csv or parquet"
        )
    return found.pop() if len(found) == 1 else JSONL


def _absolute(path: str, chosen: str, base_dir: Path) -> str:
    """An absolute pattern; a directory stands for the files of its format."""
    whole = base_dir.absolute() / Path(path).expanduser()
    if whole.is_dir():
        suffixes = [suffix for suffix, kind in _BY_SUFFIX.items() if kind == chosen]
        whole = whole / f"*{suffixes[0]}"
    return str(whole)


def check_parents(options: FileOptions) -> None:
    """Refuses patterns below a directory that is not there: files may come later, their directory is a typing error.

    Raises:
        ConfigError: there is one.
    """
    for pattern in options.patterns:
        parent = Path(pattern).parent
        if pattern != STDIN and "*" not in str(parent) and not parent.is_dir():
            raise ConfigError(f"[source] paths names {pattern}, but there is no directory {parent}.")
