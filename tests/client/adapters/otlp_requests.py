"""OTLP requests in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, NumberDataPoint

T0 = 1_700_000_100
"""Unix seconds; a bucket of 10 s begins here."""

Values = Mapping[tuple[str, ...], float] | float
"""Values by attribute values, or the one value of a metric without attributes."""


def gauge(name: str, values: Values, *names: str, at: float = T0, unit: str = "1", flags: int = 0) -> Metric:
    """A gauge; `names` are those of the attributes."""
    metric = Metric(name=name, unit=unit)
    metric.gauge.data_points.extend(_points(values, names, at, 0, flags))
    return metric


def counter(
    name: str,
    values: Values,
    *names: str,
    at: float = T0,
    start: float = T0 - 1000,
    delta: bool = False,
    unit: str = "By",
) -> Metric:
    """A monotonic sum, cumulative if not said otherwise."""
    metric = Metric(name=name, unit=unit)
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = (
        AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        if delta
        else AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    )
    metric.sum.data_points.extend(_points(values, names, at, start, 0))
    return metric


def request(*metrics: Metric, host: str | None = "web-1", **resource: str) -> ExportMetricsServiceRequest:
    """Metrics of one resource."""
    made = ExportMetricsServiceRequest()
    one = made.resource_metrics.add()
    one.resource.attributes.extend(attributes({"host.name": host} if host else {}))
    one.resource.attributes.extend(attributes(resource))
    one.scope_metrics.add().metrics.extend(metrics)
    return made


def together(*requests: ExportMetricsServiceRequest) -> ExportMetricsServiceRequest:
    """One request with all that is in the given ones."""
    made = ExportMetricsServiceRequest()
    for other in requests:
        made.MergeFrom(other)
    return made


def cpu_time(seconds: float, *, at: float, cores: Sequence[str] = ("cpu0", "cpu1"), **more: Any) -> Metric:
    """system.cpu.time after so many seconds at 30 % user, 10 % system, 5 % wait and 55 % idle."""
    shares = {"user": 0.25, "nice": 0.05, "system": 0.08, "softirq": 0.02, "wait": 0.05, "idle": 0.55}
    values = {(core, state): seconds * share for core in cores for state, share in shares.items()}
    return counter("system.cpu.time", values, "cpu", "state", at=at, unit="s", **more)


CPU = {"cpu_user_pct": 30.0, "cpu_sys_pct": 10.0, "cpu_iowait_pct": 5.0, "cpu_idle_pct": 55.0}
"""What `cpu_time` comes to."""


def attributes(values: Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in values.items()]


def _points(
    values: Values, names: Sequence[str], at: float, start: float, flags: int
) -> list[NumberDataPoint]:
    by_attributes = values if isinstance(values, Mapping) else {(): values}
    return [
        NumberDataPoint(
            attributes=attributes(dict(zip(names, keys, strict=True))),
            time_unix_nano=round(at * 1e9),
            start_time_unix_nano=round(start * 1e9),
            as_double=value,
            flags=flags,
        )
        for keys, value in by_attributes.items()
    ]
