"""Documents as records: a dotted field is found nested, flat, or half and half."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_FIELDS_LOOKED_AT: Final = 200
_MISSING: Final = object()
_CONTAINERS: Final = (Mapping, list, tuple)


class Documents:
    """JSON-like documents; implements `Records`.

    A field such as `host.name` is looked for as the key `"host.name"` and as `{"host": {"name": ...}}`, and in every
    mixture of the two. A list or a document is no value: it reads as absent, and `containers` tells where that is.

    Args:
        documents: One per row.
    """

    def __init__(self, documents: Sequence[Mapping[str, Any]]) -> None:
        self._documents = documents
        self._containers: dict[str, NDArray[np.generic] | None] = {}

    def __len__(self) -> int:
        return len(self._documents)

    def column(self, field: str) -> NDArray[np.generic] | None:
        """[rows] object values of a field, None where a row lacks it; None if no row has it."""
        documents = self._documents
        values = [document.get(field) for document in documents]
        if "." in field and None in values:
            values = [
                _nested(document, field) if value is None else value
                for value, document in zip(values, documents, strict=True)
            ]
        has_containers = any(issubclass(kind, _CONTAINERS) for kind in set(map(type, values)))
        self._containers[field] = _held(values) if has_containers else None
        if has_containers:
            values = [None if isinstance(value, _CONTAINERS) else value for value in values]
        column = np.empty(len(values), np.object_)
        column[:] = values
        return column if any(value is not None for value in values) else None

    def containers(self, field: str) -> NDArray[np.generic] | None:
        """See `Records.containers`."""
        if field not in self._containers:
            self.column(field)
        return self._containers[field]

    def fields(self) -> Sequence[str]:
        """The dotted names of the values in the first 200 documents, by name."""
        found: set[str] = set()
        for document in self._documents[:_FIELDS_LOOKED_AT]:
            _collect(document, "", found)
        return sorted(found)


def _held(values: Sequence[Any]) -> NDArray[np.generic] | None:
    """[rows] the lists and objects that hold something, None elsewhere; None if there are none."""
    held = np.empty(len(values), np.object_)
    # One by one: NumPy would make a matrix of lists that are equally long.
    for row, value in enumerate(values):
        held[row] = value if isinstance(value, _CONTAINERS) and value else None
    return held if any(value is not None for value in held) else None


def _nested(document: Mapping[str, Any], field: str) -> Any:
    """The value at a dotted path, whichever of its dots separate keys and which belong to one; None without one."""
    at = field.find(".")
    while at >= 0:
        inner = document.get(field[:at])
        if isinstance(inner, Mapping):
            rest = field[at + 1 :]
            value = inner.get(rest, _MISSING)
            if value is _MISSING and "." in rest:
                value = _nested(inner, rest)
            if value is not _MISSING and value is not None:
                return value
        at = field.find(".", at + 1)
    return None


def _collect(document: Mapping[str, Any], prefix: str, found: set[str]) -> None:
    for key, value in document.items():
        if isinstance(value, Mapping):
            _collect(value, f"{prefix}{key}.", found)
        elif value is not None and not isinstance(value, list | tuple):
            found.add(f"{prefix}{key}")
