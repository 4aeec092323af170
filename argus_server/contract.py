"""The constraints of the contract, read from its descriptors.

The .proto files are the single source of every bound: this module reads their `buf.validate` annotations out of the
compiled descriptors, so that the vectorised checks can never disagree with what is documented. Control messages, which
are few, are held to theirs by protovalidate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import protovalidate
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from argus.v1 import metrics_pb2
from argus_server.metrics import METRICS

CONTRACT_VERSION: Final = "1"

_RULES_OPTION: Final = "buf.validate.field"


@cache
def _rules_pool() -> Any:
    """A pool of our own: the default one may hold another package's copy of the constraint language."""
    pool: Any = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(descriptor_pb2.DESCRIPTOR.serialized_pb)
    rules = descriptor_pb2.FileDescriptorSet.FromString(
        resources.files("argus.v1").joinpath("constraints.binpb").read_bytes()
    )
    for file in rules.file:
        pool.AddSerializedFile(file.SerializeToString())
    message_factory.GetMessageClassesForFiles([file.name for file in rules.file], pool)
    return pool


def field_rules(field: Any) -> Message:
    """The `buf.validate.FieldRules` of a field; the empty message when it has none."""
    pool = _rules_pool()
    options = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FieldOptions"))
    parsed: Any = options.FromString(field.GetOptions().SerializeToString())
    rules: Message = parsed.Extensions[pool.FindExtensionByName(_RULES_OPTION)]
    return rules


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A constraint that a control message breaks.

    Attributes:
        field: Path of the field, such as `filter.min_risk`.
        message: What is allowed.
    """

    field: str
    message: str


def violations(message: Message) -> list[FieldViolation]:
    """The constraints a control message breaks."""
    return [
        FieldViolation(
            ".".join(element.field_name for element in violation.proto.field.elements)
            if violation.proto.field
            else "",
            violation.proto.message,
        )
        for violation in protovalidate.collect_violations(message)
    ]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Closed range of a numeric column."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class BatchConstraints:
    """What the contract demands of a MetricBatch, in the form vectorised checks want it.

    Attributes:
        metric_bounds: One per metric, in contract order. An open end is infinite; infinities themselves are invalid.
        timestamp_bounds: Smallest and largest valid timestamp, Unix milliseconds.
        name_max_length: Characters a server name may have.
        name_pattern: What a server name must match as a whole.
        state_numbers: Numbers of the valid states.
        max_rows: Rows a batch may have.
    """

    metric_bounds: tuple[Bounds, ...]
    timestamp_bounds: tuple[int, int]
    name_max_length: int
    name_pattern: re.Pattern[str]
    state_numbers: frozenset[int]
    max_rows: int


@cache
def batch_constraints() -> BatchConstraints:
    """Compiles the constraints of `argus.v1.MetricBatch`."""
    fields = metrics_pb2.MetricBatch.DESCRIPTOR.fields_by_name
    if tuple(fields) != ("timestamp", "server_name", "state", *METRICS):
        raise RuntimeError(
            f"the columns of MetricBatch are {tuple(fields)}; the server was built for {METRICS}"
        )
    timestamp: Any = field_rules(fields["timestamp"])
    name: Any = field_rules(fields["server_name"])
    time_rules, name_rules = timestamp.repeated.items.int64, name.repeated.items.string
    return BatchConstraints(
        metric_bounds=tuple(_float_bounds(fields[metric]) for metric in METRICS),
        timestamp_bounds=(time_rules.gt + 1, time_rules.lt - 1),
        name_max_length=name_rules.max_len,
        name_pattern=re.compile(name_rules.pattern.removeprefix("^").removesuffix("$")),
        state_numbers=frozenset(metrics_pb2.ServerState.values()),
        max_rows=timestamp.repeated.max_items,
    )


def _float_bounds(field: Any) -> Bounds:
    rules: Any = field_rules(field)
    bounds = rules.repeated.items.float
    return Bounds(
        lower=bounds.gte if bounds.HasField("gte") else float("-inf"),
        upper=bounds.lte if bounds.HasField("lte") else float("inf"),
    )
