"""A dotted field is found however a document is nested."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from argus_client.adapters.core.columnar import Columns
from argus_client.adapters.core.documents import Documents


def values(field: str, *documents: dict[str, Any]) -> list[Any] | None:
    column = Documents(documents).column(field)
    return None if column is None else column.tolist()


def test_a_path_is_found_nested_flat_and_in_every_mixture() -> None:
    found = values(
        "a.b.c",
        {"a.b.c": 1},
        {"a": {"b.c": 2}},
        {"a.b": {"c": 3}},
        {"a": {"b": {"c": 4}}},
        {"a": {"b": 5}},
        {},
    )
    assert found == [1, 2, 3, 4, None, None]


def test_a_later_way_is_taken_when_an_earlier_one_has_null() -> None:
    assert values("a.b", {"a.b": None, "a": {"b": 2}}) == [2]


def test_lists_and_documents_are_no_values() -> None:
    assert values("a", {"a": [1]}, {"a": {"b": 1}}, {"a": (1,)}, {"a": 1}) == [None, None, None, 1]
    assert values("a", {"a": [1]}, {}) is None


def test_fields_are_told_with_their_paths() -> None:
    documents = Documents([{"a": {"b": 1, "c": {"d": "x"}}}, {"e.f": 0, "g": None, "h": [1]}])
    assert documents.fields() == ["a.b", "a.c.d", "e.f"]


def test_columns_are_records() -> None:
    records = Columns({"b": np.arange(3), "a": np.ones(3)})
    assert (len(records), records.fields(), records.column("c")) == (3, ["a", "b"], None)
    with pytest.raises(ValueError, match="differ in length"):
        Columns({"a": np.arange(2), "b": np.arange(3)})
