"""One server of a snapshot, as frozen values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from argus.v1 import snapshot_pb2
from argus_client._enums import (
    AlertLevel,
    AlertPriority,
    AlertState,
    AlertSubject,
    CauseKind,
    ForecastSource,
    Trend,
    from_number,
    metric_name,
    state_name,
)
from argus_client._outlook import Outlook, read_only

T = TypeVar("T")
V = TypeVar("V")


def copy_fields(kind: type[T], message: Any, /, **others: Any) -> T:
    """A dataclass from a message: fields of the same name are copied, `others` are given."""
    copied = {f.name: getattr(message, f.name) for f in fields(kind) if f.name not in others}  # type: ignore[arg-type]
    return kind(**copied, **others)


class LazyMapping(Mapping[str, V], Generic[V]):
    """Reads each message when it is first asked for. Immutable."""

    def __init__(self, messages: Mapping[str, Any], read: Callable[[Any], V]) -> None:
        self._messages = messages
        self._read = read
        self._values: dict[str, V] = {}

    def __getitem__(self, key: str) -> V:
        if (value := self._values.get(key)) is None:
            value = self._values[key] = self._read(self._messages[key])
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._messages)

    def __len__(self) -> int:
        return len(self._messages)

    def __repr__(self) -> str:
        return f"<{len(self)} items: {', '.join(list(self)[:5])}{', ...' if len(self) > 5 else ''}>"


@dataclass(frozen=True, slots=True)
class Alert:
    """Where a risk score stands on the ladder.

    Attributes:
        level: Coarse step.
        priority: Fine step.
        label: Name for people.
        color: `#RRGGBB`. Never the only sign: show label or emoji too.
        emoji: One emoji.
        sla_seconds: Seconds within which somebody should act; 0 means best effort.
    """

    level: AlertLevel
    priority: AlertPriority
    label: str
    color: str
    emoji: str
    sla_seconds: int


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert as snapshots show it; `ArgusClient.list_alerts` has the rest.

    Attributes:
        alert_id: Identifies it.
        subject: What it is about.
        metric: Name of the metric; empty unless the subject is one.
        state: Pending or firing.
        level: Its level.
        acknowledged_by: Who is on it; empty for nobody. Untrusted text: escape it.
        muted: Whether a silence or a maintenance window keeps it quiet.
    """

    alert_id: str
    subject: AlertSubject
    metric: str
    state: AlertState
    level: AlertLevel
    acknowledged_by: str
    muted: bool


@dataclass(frozen=True, slots=True)
class DisplayMetric:
    """One metric, now and soon.

    Attributes:
        current: Newest step mean.
        predicted: Median forecast, mean of the next 30 minutes.
        delta: Predicted minus current.
        unit: Such as `"%"`; empty for a plain number.
        trend: Where it is heading.
    """

    current: float
    predicted: float
    delta: float
    unit: str
    trend: Trend


@dataclass(frozen=True, slots=True)
class Cause:
    """One driver of a server's risk.

    Attributes:
        metric: Name of the metric; empty when the server is silent.
        kind: What about it.
        points: Points it adds to the risk score.
        text: The cause as a phrase for people.
    """

    metric: str
    kind: CauseKind
    points: float
    text: str


@dataclass(frozen=True, slots=True)
class ThresholdBreach:
    """A critical threshold that is expected to be crossed.

    Attributes:
        metric: Name of the metric.
        threshold: In the metric's unit.
        minutes: Minutes from the header's `clock_ms`; 0 means it is crossed already.
        probability: Of crossing it within 8 hours, 0 to 1.
    """

    metric: str
    threshold: float
    minutes: float
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Forecast of one metric in its unit. Item i lies i + 1 steps after the origin.

    Attributes:
        metric: Name of the metric.
        p10: Tenth percentile, float32 [horizon], read-only.
        p50: Median, the same.
        p90: Ninetieth percentile, the same.
        history: Step means of the past, oldest first, as many as `get_forecast` was asked for, the last at the origin;
            NaN where nothing was measured. Empty in snapshots.
    """

    metric: str
    p10: NDArray[np.float32]
    p50: NDArray[np.float32]
    p90: NDArray[np.float32]
    history: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ServerPrediction:
    """Everything about one server.

    Attributes:
        server_name: Untrusted text: escape it.
        risk_score: 0 to 100.
        alert: What that means.
        profile: Kind of server, such as `"database"`.
        state: One of `samples.STATES`.
        state_derived: True when the state was derived from the metrics.
        source: Where the forecast comes from. Show it.
        last_sample_ms: Time of the newest sample, Unix milliseconds UTC.
        data_age_seconds: Age of the newest sample at the time of the snapshot.
        observed_steps: Steps of the window in which the server measured anything.
        display_metrics: By name (`cpu`, `memory`, ...); what the server does not measure is missing.
        causes: What drives the risk, strongest first.
        first_breach: The first critical threshold expected to be crossed; None when none is.
        breach_probability_30m: Probability, 0 to 1, of crossing any within 30 minutes.
        breach_probability_8h: The same within 8 hours.
        forecasts: By metric; empty in the summary view. Arrays are made when first asked for.
        active_alerts: Pending and firing alerts, most urgent first.
        outlook: The metric that matters most, past and to come; None unless asked for.
    """

    server_name: str
    risk_score: float
    alert: Alert
    profile: str
    state: str
    state_derived: bool
    source: ForecastSource
    last_sample_ms: int
    data_age_seconds: float
    observed_steps: int
    display_metrics: Mapping[str, DisplayMetric]
    causes: tuple[Cause, ...]
    first_breach: ThresholdBreach | None
    breach_probability_30m: float
    breach_probability_8h: float
    forecasts: Mapping[str, Forecast]
    active_alerts: tuple[ActiveAlert, ...]
    outlook: Outlook | None

    @staticmethod
    def from_proto(message: snapshot_pb2.ServerPrediction) -> ServerPrediction:
        """Reads a message, which must not change any more."""
        return copy_fields(
            ServerPrediction,
            message,
            alert=copy_fields(
                Alert,
                message.alert,
                level=from_number(AlertLevel, message.alert.level),
                priority=from_number(AlertPriority, message.alert.priority),
            ),
            state=state_name(message.state),
            source=from_number(ForecastSource, message.source),
            display_metrics=_display_metrics(message.display_metrics),
            causes=tuple(
                copy_fields(
                    Cause, cause, metric=metric_name(cause.metric), kind=from_number(CauseKind, cause.kind)
                )
                for cause in message.causes
            ),
            first_breach=(
                copy_fields(
                    ThresholdBreach, message.first_breach, metric=metric_name(message.first_breach.metric)
                )
                if message.HasField("first_breach")
                else None
            ),
            forecasts=read_forecasts(message.forecasts),
            active_alerts=tuple(
                copy_fields(
                    ActiveAlert,
                    alert,
                    subject=from_number(AlertSubject, alert.subject),
                    metric=metric_name(alert.metric),
                    state=from_number(AlertState, alert.state),
                    level=from_number(AlertLevel, alert.level),
                )
                for alert in message.active_alerts
            ),
            outlook=Outlook.from_proto(message.outlook) if message.HasField("outlook") else None,
        )


def read_forecasts(messages: Any) -> LazyMapping[Forecast]:
    """Forecasts by metric name; those of metrics only a newer server knows are left out."""
    named = {metric_name(message.metric): message for message in messages}
    named.pop("", None)
    return LazyMapping(named, _forecast)


def _forecast(message: snapshot_pb2.MetricForecast) -> Forecast:
    median = read_only(message.p50)
    return Forecast(
        metric_name(message.metric),
        read_only(message.p10) if message.p10 else median,
        median,
        read_only(message.p90) if message.p90 else median,
        read_only(message.history),
    )


def _display_metrics(message: snapshot_pb2.DisplayMetrics) -> dict[str, DisplayMetric]:
    return {
        field.name: copy_fields(DisplayMetric, value, trend=from_number(Trend, value.trend))
        for field, value in message.ListFields()
    }
