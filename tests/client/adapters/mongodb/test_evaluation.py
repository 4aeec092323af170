"""The test server's own idea of MongoDB's queries, against cases from its manual."""

from __future__ import annotations

import datetime as dt

import pytest
from bson.objectid import ObjectId

from tests.client.adapters.mongodb.evaluation import compare, matches, ordered, projected

NOON = dt.datetime(2025, 1, 31, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, True),
        ({"t": NOON}, True),
        ({"t": {"$gt": NOON}}, False),
        ({"t": {"$gte": NOON}}, True),
        ({"t": {"$gt": NOON - dt.timedelta(milliseconds=1)}}, True),
        ({"t": {"$gt": "2025"}}, False),  # type bracketing: a date is not compared with text
        ({"t": {"$type": "date"}}, True),
        ({"t": {"$type": ["number", "string"]}}, False),
        ({"absent": {"$type": "string"}}, False),
        ({"absent": {"$gte": 0}}, False),
        ({"list": {"$gt": 2}}, True),
        ({"list": {"$gt": 3}}, False),
        ({"deep.er": 5}, True),
        ({"deep.er": {"$lt": 5.5}}, True),
        ({"_id": {"$gt": 3}}, False),  # an ObjectId is not compared with a number here,
        ({"$expr": {"$gt": ["$_id", {"$literal": 3}]}}, True),  # and here it is
        ({"t": NOON, "_id": {"$gt": 3}}, False),
    ],
)
def test_matches(query: dict[str, object], found: bool) -> None:
    document = {"_id": ObjectId(), "t": NOON, "deep": {"er": 5}, "list": [1, 3]}
    assert matches(document, query) is found


def test_unknown_operators_are_no_match_but_a_failure() -> None:
    with pytest.raises(AssertionError, match=r"\$regex"):
        matches({"a": 1}, {"a": {"$regex": "x"}})


def test_order_is_by_type_and_then_by_value() -> None:
    values = [NOON, ObjectId(), "b", "a", 2.5, 1, None]
    documents = [{"v": value} for value in values]
    assert [d["v"] for d in ordered(documents, {"v": 1})] == [None, 1, 2.5, "a", "b", values[1], NOON]
    assert compare(1, 1.0) == 0


def test_projection_keeps_nesting_and_refuses_a_path_inside_another() -> None:
    document = {"_id": 1, "a": {"b": 2, "c": 3}, "d": 4}
    assert projected(document, {"a.b": True}) == {"_id": 1, "a": {"b": 2}}
    with pytest.raises(ValueError, match="collision"):
        projected(document, {"a": True, "a.b": True})
