"""The few operators of MongoDB's query language that the adapter uses, on plain values, written from its manual.

Deliberately naive: every document is looked at, and nothing of the adapter or of the driver is called but the types
of BSON values.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cmp_to_key
from typing import Any

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

Document = Mapping[str, Any]

# The order of types of BSON, low to high; numbers compare with numbers, and everything else with its own kind.
_ORDER = ["null", "number", "string", "object", "array", "binData", "objectId", "bool", "date"]
_COMPARISONS = {
    "$gt": lambda order: order > 0,
    "$gte": lambda order: order >= 0,
    "$lt": lambda order: order < 0,
    "$lte": lambda order: order <= 0,
    "$eq": lambda order: order == 0,
}


def bson_type(value: Any) -> str:
    """MongoDB's name of a value's type, all numbers being one."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    for kinds, name in (
        ((int, float, Decimal128), "number"),
        (str, "string"),
        (Mapping, "object"),
        ((list, tuple), "array"),
        (bytes, "binData"),
        (ObjectId, "objectId"),
        ((dt.datetime, DatetimeMS), "date"),
    ):
        if isinstance(value, kinds):  # type: ignore[arg-type]
            return name
    raise AssertionError(f"no BSON type for {value!r}")


def compare(left: Any, right: Any) -> int:
    """Below 0, 0 or above 0, in the order MongoDB sorts by: by type first, then by value."""
    kinds = _ORDER.index(bson_type(left)), _ORDER.index(bson_type(right))
    if kinds[0] != kinds[1]:
        return -1 if kinds[0] < kinds[1] else 1
    if left is None:
        return 0
    a, b = _plain(left), _plain(right)
    return (a > b) - (a < b)


def value_at(document: Document, path: str) -> Any:
    """The value at a dotted path; None when there is none."""
    found: Any = document
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def matches(document: Document, query: Document) -> bool:
    """Whether a document is found by a query.

    Raises:
        AssertionError: the query uses what is not known here, so that a test cannot pass by accident.
    """
    return all(_clause(document, key, condition) for key, condition in query.items())


def ordered(documents: Sequence[Document], sort: Mapping[str, int]) -> list[Document]:
    """The documents in the order of a sort specification; equal ones stay as they are."""

    def by(left: Document, right: Document) -> int:
        for path, direction in sort.items():
            if order := compare(value_at(left, path), value_at(right, path)):
                return order * direction
        return 0

    return sorted(documents, key=cmp_to_key(by))


def projected(document: Document, projection: Mapping[str, Any]) -> Document:
    """Only the fields of an inclusive projection, and `_id`.

    Raises:
        ValueError: one path lies inside another, which MongoDB refuses (code 31249).
    """
    if not projection:
        return document
    for path in projection:
        if any(other.startswith(f"{path}.") for other in projection):
            raise ValueError(f"Path collision at {path}")
    result: dict[str, Any] = {"_id": document["_id"]} if "_id" in document else {}
    for path in projection:
        keys = path.split(".")
        source: Any = document
        for key in keys:
            source = source.get(key, _ABSENT) if isinstance(source, Mapping) else _ABSENT
        if source is _ABSENT:
            continue
        target = result
        for key in keys[:-1]:
            target = target.setdefault(key, {})
        target[keys[-1]] = source
    return result


_ABSENT = object()


def _clause(document: Document, key: str, condition: Any) -> bool:
    if key == "$expr":
        return _expression(document, condition)
    assert not key.startswith("$"), f"unknown operator {key}"
    value = value_at(document, key)
    if isinstance(condition, Mapping) and any(name.startswith("$") for name in condition):
        return all(_operator(value, name, operand) for name, operand in condition.items())
    return compare(value, condition) == 0


def _operator(value: Any, name: str, operand: Any) -> bool:
    if isinstance(value, list):  # found by any of its elements
        return any(_operator(element, name, operand) for element in value)
    if name == "$type":
        kinds = [operand] if isinstance(operand, str) else list(operand)
        return value is not None and bson_type(value) in kinds
    if name in _COMPARISONS:
        # A comparison outside of $expr sees values of its own type only.
        same = bson_type(value) == bson_type(operand)
        return same and _COMPARISONS[name](compare(value, operand))
    raise AssertionError(f"unknown operator {name}")


def _expression(document: Document, expression: Mapping[str, Any]) -> bool:
    ((name, operands),) = expression.items()
    left, right = (_operand(document, operand) for operand in operands)
    return _COMPARISONS[name](compare(left, right))


def _operand(document: Document, operand: Any) -> Any:
    if isinstance(operand, str) and operand.startswith("$"):
        return value_at(document, operand[1:])
    if isinstance(operand, Mapping) and "$literal" in operand:
        return operand["$literal"]
    return operand


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if isinstance(value, dt.datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return round(moment.timestamp() * 1_000)
    if isinstance(value, DatetimeMS):
        return int(value)
    return value
