"""Lines of text into documents: JSON or CSV, a bad line counted and left out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

NOT_JSON: Final = "not_json"
NOT_CSV: Final = "not_csv"

Refuse = Callable[[str, int, str], None]


class LineFormat(Protocol):
    """How lines of one file become documents."""

    def documents(self, lines: Sequence[bytes]) -> list[Mapping[str, Any]]:
        """One document per line that can be read."""
        ...


class JsonLines:
    """A JSON object per line.

    Args:
        refuse: Counts lines that are none.
    """

    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse

    def documents(self, lines: Sequence[bytes]) -> list[Mapping[str, Any]]:
        """The objects; blank lines are none."""
        found: list[Mapping[str, Any]] = []
        for line in lines:
            try:
                document = json.loads(line)
            except (ValueError, RecursionError):
                if line.strip():
                    self._refuse(NOT_JSON, 1, _shown(line))
                continue
            if isinstance(document, dict):
                found.append(document)
            else:
                self._refuse(NOT_JSON, 1, _shown(line))
        return found


class CsvLines:
    """Cells under a header. An empty cell is no value.

    Args:
        header: The names of the columns.
        delimiter: Between two cells.
        refuse: Counts lines with another number of cells.
    """

    def __init__(self, header: Sequence[str], delimiter: str, refuse: Refuse) -> None:
        self._header = header
        self._delimiter = delimiter
        self._refuse = refuse

    def documents(self, lines: Sequence[bytes]) -> list[Mapping[str, Any]]:
        """One document per line; blank lines are none."""
        found: list[Mapping[str, Any]] = []
        texts = [line.decode("utf-8", errors="replace").rstrip("\r\n") for line in lines]
        for text in texts:
            if not text.strip():
                continue
            cells = split(text, self._delimiter)
            if len(cells) != len(self._header):
                self._refuse(NOT_CSV, 1, f"{len(cells)} cells under {len(self._header)} columns: {text[:60]}")
                continue
            found.append({name: cell or None for name, cell in zip(self._header, cells, strict=True)})
        return found


def split(text: str, delimiter: str) -> list[str]:
    """The cells of one line. A quoted cell cannot go on in the next line: then no line could be read by itself."""
    return next(csv.reader([text], delimiter=delimiter), [])


def header(line: bytes, delimiter: str) -> list[str]:
    """The columns that a header line names."""
    text = line.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    return [name.strip() for name in split(text, delimiter)]


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", errors="replace").strip()
    return text if len(text) <= 60 else f"{text[:57]}..."
