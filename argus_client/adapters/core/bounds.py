"""What the contract demands of a row, read from its descriptors, so that a mapping can be checked before it is used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from numpy.typing import NDArray

from argus.v1 import metrics_pb2
from argus_client.samples import METRICS


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """The constraints of `argus.v1.MetricBatch`.

    Attributes:
        lower: [14] smallest value of each metric, in contract order.
        upper: [14] largest value.
        name: What a server's name must match as a whole.
        name_length: Characters it may have.
    """

    lower: NDArray[np.float32]
    upper: NDArray[np.float32]
    name: re.Pattern[str]
    name_length: int

    def outside(self, metrics: NDArray[np.float32]) -> NDArray[np.bool_]:
        """[rows, 14] which values the server would refuse, with the whole row. NaN is always fine."""
        return np.asarray((metrics < self.lower) | (metrics > self.upper), np.bool_)

    def allows_name(self, name: str) -> bool:
        """Whether the server takes a name."""
        return len(name) <= self.name_length and self.name.fullmatch(name) is not None


@cache
def bounds() -> Bounds:
    """Compiles them."""
    fields = metrics_pb2.MetricBatch.DESCRIPTOR.fields_by_name
    floats = [_rules(fields[metric]).repeated.items.float for metric in METRICS]
    name = _rules(fields["server_name"]).repeated.items.string
    return Bounds(
        np.array([rules.gte for rules in floats], np.float32),
        np.array([rules.lte for rules in floats], np.float32),
        re.compile(name.pattern),
        int(name.max_len),
    )


def _rules(field: Any) -> Any:
    """The `buf.validate.FieldRules` of a field."""
    pool = _pool()
    options = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FieldOptions"))
    parsed: Any = options.FromString(field.GetOptions().SerializeToString())
    return parsed.Extensions[pool.FindExtensionByName("buf.validate.field")]


@cache
def _pool() -> Any:
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
