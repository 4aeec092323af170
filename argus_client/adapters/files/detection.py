"""What the first lines of a file say of its format: names of files tell less, and a wrong format reads nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from argus_client.adapters.files.lines import split
from argus_client.adapters.files.options import CSV, JSONL

SAMPLE_LINES: Final = 20
"""How many lines are looked at."""
_DELIMITERS: Final = (",", "\t", ";", "|")


@dataclass(frozen=True, slots=True)
class Form:
    """How to read lines.

    Attributes:
        format: jsonl or csv.
        delimiter: Between two cells of CSV.
    """

    format: str
    delimiter: str = ","


def told(lines: Sequence[bytes], delimiter: str = "") -> Form | None:
    """The format of a file by its first lines; None while they do not tell.

    One JSON object is enough, wherever it is: a file that was cut may begin in the middle of a line. CSV takes two
    lines of as many cells, for a comma stands in any text.

    Args:
        lines: Whole lines from the beginning on.
        delimiter: Between cells, if that is known.
    """
    texts = [text for line in lines if (text := line.decode("utf-8-sig", errors="replace").strip("\r\n"))]
    if any(_is_object(text) for text in texts):
        return Form(JSONL)
    delimiter = delimiter or delimiter_of(texts[0] if texts else "")
    cells = [len(split(text, delimiter)) for text in texts[:2]]
    return Form(CSV, delimiter) if len(cells) == 2 and cells[0] == cells[1] > 1 else None


def delimiter_of(header: str) -> str:
    """What stands between the names of a header most often; a comma if nothing does."""
    return max(_DELIMITERS, key=header.count)


def _is_object(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
