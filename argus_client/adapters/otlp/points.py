"""Data points of host metrics out of an OTLP request."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

from argus_client.adapters.otlp.conventions import (
    CONVENTIONS,
    COUNTERS,
    DEVICE_ATTRIBUTES,
    MOUNT_ATTRIBUTES,
    Convention,
    Quantity,
)

_NO_RECORDED_VALUE: Final = 1
_CUMULATIVE: Final = 2
_DELTA: Final = 1

Key = tuple[str, ...]
"""Parts and, last, the state: `("cpu0", "idle")`."""


class Kind(Enum):
    """How a value relates to those before it."""

    GAUGE = "gauge"
    CUMULATIVE = "cumulative"
    DELTA = "delta"


class Point(NamedTuple):
    """One measured value of a host.

    Attributes:
        quantity: What it measures.
        key: Of which part and in which state.
        at_ns: When, Unix nanoseconds.
        start_ns: Since when it counts; 0 when the sender does not say.
        value: The value, in bytes, seconds, counts or as a share from 0 to 1.
        kind: How it relates to earlier ones.
    """

    quantity: Quantity
    key: Key
    at_ns: int
    start_ns: int
    value: float
    kind: Kind


@dataclass(frozen=True, slots=True)
class Selection:
    """Which points count.

    Attributes:
        server_name: Attributes that name the server, in this order, of the resource or else of the point.
        mountpoints: File systems to look at; the fullest of them is the server's.
        excluded_devices: Network interfaces that are left out.
    """

    server_name: tuple[str, ...]
    mountpoints: frozenset[str]
    excluded_devices: re.Pattern[str]


@dataclass(slots=True)
class Reading:
    """What a request holds.

    Attributes:
        points: Points by server.
        ignored: Data points that are no host metrics, of a part that is left out, or say that nothing was recorded.
        rejected: Data points of host metrics that cannot be used.
        problem: Why, of the first of them; empty for none.
    """

    points: dict[str, list[Point]] = field(default_factory=dict)
    ignored: int = 0
    rejected: int = 0
    problem: str = ""

    def reject(self, points: int, problem: str) -> None:
        """Counts data points that cannot be used."""
        self.rejected += points
        self.problem = self.problem or problem


def read(request: Any, selection: Selection) -> Reading:
    """The host metrics of an `ExportMetricsServiceRequest`."""
    reading = Reading()
    for resource_metrics in request.resource_metrics:
        resource = _attributes(resource_metrics.resource.attributes)
        server = _server(selection.server_name, resource, {})
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                _read_metric(metric, server, selection, reading)
    return reading


def _read_metric(metric: Any, server: str, selection: Selection, reading: Reading) -> None:
    shape = metric.WhichOneof("data")
    points = () if shape is None else getattr(metric, shape).data_points
    if (convention := CONVENTIONS.get(metric.name)) is None:
        reading.ignored += len(points)
        return
    if shape not in ("gauge", "sum"):
        reading.reject(len(points), f"{metric.name} is a {shape}; a gauge or a sum can be used")
        return
    kind = _kind(metric, shape, convention.quantity)
    if kind is None:
        reading.reject(len(points), f"{metric.name} is a sum without aggregation temporality")
        return
    scale = convention.scale * (0.01 if metric.unit == "%" and convention.scale == 1.0 else 1.0)
    for point in points:
        if point.flags & _NO_RECORDED_VALUE:
            reading.ignored += 1
            continue
        attributes = _attributes(point.attributes)
        key = _key(convention, attributes, selection)
        if key is None:
            reading.ignored += 1
            continue
        value = point.as_double if point.WhichOneof("value") == "as_double" else float(point.as_int)
        name = server or _server(selection.server_name, {}, attributes)
        if problem := _problem(metric.name, name, point.time_unix_nano, value, selection):
            reading.reject(1, problem)
            continue
        reading.points.setdefault(name, []).append(
            Point(
                convention.quantity,
                key,
                point.time_unix_nano,
                point.start_time_unix_nano,
                value * scale,
                kind,
            )
        )


def _kind(metric: Any, shape: str, quantity: Quantity) -> Kind | None:
    """How the points of a metric relate; None if they do not say."""
    if quantity not in COUNTERS:
        return Kind.GAUGE
    if shape == "gauge":  # agents whose own types are poorer send counters like this
        return Kind.CUMULATIVE
    return {_CUMULATIVE: Kind.CUMULATIVE, _DELTA: Kind.DELTA}.get(metric.sum.aggregation_temporality)


def _key(convention: Convention, attributes: Mapping[str, str], selection: Selection) -> Key | None:
    """Parts and state of a point; None if it is left out."""
    quantity = convention.quantity
    state = next((attributes[name] for name in convention.states if name in attributes), convention.state)
    state = state.lower().replace("-", "_")
    if quantity is Quantity.CONNECTIONS and state != "close_wait":
        return None
    if quantity in (Quantity.DISK_BYTES, Quantity.DISK_SHARE):
        if not any(attributes.get(name) in selection.mountpoints for name in MOUNT_ATTRIBUTES):
            return None
        if quantity is Quantity.DISK_SHARE and state != "used":
            return None
    if quantity is Quantity.NET_BYTES:
        device = next((attributes[name] for name in DEVICE_ATTRIBUTES if name in attributes), "")
        if selection.excluded_devices.fullmatch(device):
            return None
    return (*(attributes[name] for name in convention.parts if name in attributes), state)


def _problem(metric: str, server: str, at_ns: int, value: float, selection: Selection) -> str:
    """Why a point cannot be used; empty when it can."""
    if not server:
        return f"{metric} names no server: neither resource nor point has one of {', '.join(selection.server_name)}"
    if at_ns <= 0:
        return f"{metric} of {server} has no time"
    if not math.isfinite(value):
        return f"{metric} of {server} is {value}"
    return ""


def _server(names: Sequence[str], resource: Mapping[str, str], point: Mapping[str, str]) -> str:
    for name in names:
        if found := resource.get(name) or point.get(name):
            return found
    return ""


def _attributes(pairs: Any) -> dict[str, str]:
    """Attributes that are text or numbers, as text."""
    found = {}
    for pair in pairs:
        value = pair.value
        kind = value.WhichOneof("value")
        if kind == "string_value":
            found[pair.key] = value.string_value
        elif kind in ("int_value", "double_value", "bool_value"):
            found[pair.key] = str(getattr(value, kind))
    return found
