from argus.v1 import metrics_pb2 as _metrics_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ForecastSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FORECAST_SOURCE_UNSPECIFIED: _ClassVar[ForecastSource]
    FORECAST_SOURCE_TFT: _ClassVar[ForecastSource]
    FORECAST_SOURCE_FALLBACK: _ClassVar[ForecastSource]
    FORECAST_SOURCE_STALE: _ClassVar[ForecastSource]

class AlertLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_LEVEL_UNSPECIFIED: _ClassVar[AlertLevel]
    ALERT_LEVEL_HEALTHY: _ClassVar[AlertLevel]
    ALERT_LEVEL_DEGRADING: _ClassVar[AlertLevel]
    ALERT_LEVEL_WARNING: _ClassVar[AlertLevel]
    ALERT_LEVEL_CRITICAL: _ClassVar[AlertLevel]

class AlertPriority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_PRIORITY_UNSPECIFIED: _ClassVar[AlertPriority]
    ALERT_PRIORITY_HEALTHY: _ClassVar[AlertPriority]
    ALERT_PRIORITY_WATCH: _ClassVar[AlertPriority]
    ALERT_PRIORITY_DEGRADING: _ClassVar[AlertPriority]
    ALERT_PRIORITY_WARNING: _ClassVar[AlertPriority]
    ALERT_PRIORITY_DANGER: _ClassVar[AlertPriority]
    ALERT_PRIORITY_CRITICAL: _ClassVar[AlertPriority]
    ALERT_PRIORITY_IMMINENT_FAILURE: _ClassVar[AlertPriority]

class AlertSubject(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_SUBJECT_UNSPECIFIED: _ClassVar[AlertSubject]
    ALERT_SUBJECT_METRIC: _ClassVar[AlertSubject]
    ALERT_SUBJECT_RISK: _ClassVar[AlertSubject]
    ALERT_SUBJECT_SILENCE: _ClassVar[AlertSubject]

class AlertState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALERT_STATE_UNSPECIFIED: _ClassVar[AlertState]
    ALERT_STATE_PENDING: _ClassVar[AlertState]
    ALERT_STATE_FIRING: _ClassVar[AlertState]
    ALERT_STATE_RESOLVED: _ClassVar[AlertState]

class Trend(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TREND_UNSPECIFIED: _ClassVar[Trend]
    TREND_STABLE: _ClassVar[Trend]
    TREND_INCREASING: _ClassVar[Trend]
    TREND_DECREASING: _ClassVar[Trend]

class CauseKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAUSE_KIND_UNSPECIFIED: _ClassVar[CauseKind]
    CAUSE_KIND_CURRENT_VALUE: _ClassVar[CauseKind]
    CAUSE_KIND_FORECAST: _ClassVar[CauseKind]
    CAUSE_KIND_THRESHOLD_BREACH: _ClassVar[CauseKind]
    CAUSE_KIND_SILENT: _ClassVar[CauseKind]

class FleetHealth(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FLEET_HEALTH_UNSPECIFIED: _ClassVar[FleetHealth]
    FLEET_HEALTH_HEALTHY: _ClassVar[FleetHealth]
    FLEET_HEALTH_WARNING: _ClassVar[FleetHealth]
    FLEET_HEALTH_CRITICAL: _ClassVar[FleetHealth]

class SnapshotView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SNAPSHOT_VIEW_UNSPECIFIED: _ClassVar[SnapshotView]
    SNAPSHOT_VIEW_SUMMARY: _ClassVar[SnapshotView]
    SNAPSHOT_VIEW_STANDARD: _ClassVar[SnapshotView]
    SNAPSHOT_VIEW_FULL: _ClassVar[SnapshotView]
FORECAST_SOURCE_UNSPECIFIED: ForecastSource
FORECAST_SOURCE_TFT: ForecastSource
FORECAST_SOURCE_FALLBACK: ForecastSource
FORECAST_SOURCE_STALE: ForecastSource
ALERT_LEVEL_UNSPECIFIED: AlertLevel
ALERT_LEVEL_HEALTHY: AlertLevel
ALERT_LEVEL_DEGRADING: AlertLevel
ALERT_LEVEL_WARNING: AlertLevel
ALERT_LEVEL_CRITICAL: AlertLevel
ALERT_PRIORITY_UNSPECIFIED: AlertPriority
ALERT_PRIORITY_HEALTHY: AlertPriority
ALERT_PRIORITY_WATCH: AlertPriority
ALERT_PRIORITY_DEGRADING: AlertPriority
ALERT_PRIORITY_WARNING: AlertPriority
ALERT_PRIORITY_DANGER: AlertPriority
ALERT_PRIORITY_CRITICAL: AlertPriority
ALERT_PRIORITY_IMMINENT_FAILURE: AlertPriority
ALERT_SUBJECT_UNSPECIFIED: AlertSubject
ALERT_SUBJECT_METRIC: AlertSubject
ALERT_SUBJECT_RISK: AlertSubject
ALERT_SUBJECT_SILENCE: AlertSubject
ALERT_STATE_UNSPECIFIED: AlertState
ALERT_STATE_PENDING: AlertState
ALERT_STATE_FIRING: AlertState
ALERT_STATE_RESOLVED: AlertState
TREND_UNSPECIFIED: Trend
TREND_STABLE: Trend
TREND_INCREASING: Trend
TREND_DECREASING: Trend
CAUSE_KIND_UNSPECIFIED: CauseKind
CAUSE_KIND_CURRENT_VALUE: CauseKind
CAUSE_KIND_FORECAST: CauseKind
CAUSE_KIND_THRESHOLD_BREACH: CauseKind
CAUSE_KIND_SILENT: CauseKind
FLEET_HEALTH_UNSPECIFIED: FleetHealth
FLEET_HEALTH_HEALTHY: FleetHealth
FLEET_HEALTH_WARNING: FleetHealth
FLEET_HEALTH_CRITICAL: FleetHealth
SNAPSHOT_VIEW_UNSPECIFIED: SnapshotView
SNAPSHOT_VIEW_SUMMARY: SnapshotView
SNAPSHOT_VIEW_STANDARD: SnapshotView
SNAPSHOT_VIEW_FULL: SnapshotView

class SnapshotFilter(_message.Message):
    __slots__ = ("servers", "profiles", "metrics", "min_risk", "view", "outlook")
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    PROFILES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    MIN_RISK_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    OUTLOOK_FIELD_NUMBER: _ClassVar[int]
    servers: _containers.RepeatedScalarFieldContainer[str]
    profiles: _containers.RepeatedScalarFieldContainer[str]
    metrics: _containers.RepeatedScalarFieldContainer[_metrics_pb2.Metric]
    min_risk: float
    view: SnapshotView
    outlook: bool
    def __init__(self, servers: _Optional[_Iterable[str]] = ..., profiles: _Optional[_Iterable[str]] = ..., metrics: _Optional[_Iterable[_Union[_metrics_pb2.Metric, str]]] = ..., min_risk: _Optional[float] = ..., view: _Optional[_Union[SnapshotView, str]] = ..., outlook: bool = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("header", "summary", "environment", "servers")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    header: SnapshotHeader
    summary: FleetSummary
    environment: Environment
    servers: _containers.RepeatedCompositeFieldContainer[ServerPrediction]
    def __init__(self, header: _Optional[_Union[SnapshotHeader, _Mapping]] = ..., summary: _Optional[_Union[FleetSummary, _Mapping]] = ..., environment: _Optional[_Union[Environment, _Mapping]] = ..., servers: _Optional[_Iterable[_Union[ServerPrediction, _Mapping]]] = ...) -> None: ...

class SnapshotHeader(_message.Message):
    __slots__ = ("revision", "published_at_ms", "forecast_origin_ms", "step_seconds", "horizon_steps", "model", "tick_duration_ms", "degraded", "degraded_reason", "instance_id", "clock_ms")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    FORECAST_ORIGIN_MS_FIELD_NUMBER: _ClassVar[int]
    STEP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HORIZON_STEPS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TICK_DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_REASON_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    CLOCK_MS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    published_at_ms: int
    forecast_origin_ms: int
    step_seconds: int
    horizon_steps: int
    model: ModelInfo
    tick_duration_ms: float
    degraded: bool
    degraded_reason: str
    instance_id: str
    clock_ms: int
    def __init__(self, revision: _Optional[int] = ..., published_at_ms: _Optional[int] = ..., forecast_origin_ms: _Optional[int] = ..., step_seconds: _Optional[int] = ..., horizon_steps: _Optional[int] = ..., model: _Optional[_Union[ModelInfo, _Mapping]] = ..., tick_duration_ms: _Optional[float] = ..., degraded: bool = ..., degraded_reason: _Optional[str] = ..., instance_id: _Optional[str] = ..., clock_ms: _Optional[int] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("name", "revision", "kind", "device", "loaded_at_ms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    LOADED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    name: str
    revision: str
    kind: str
    device: str
    loaded_at_ms: int
    def __init__(self, name: _Optional[str] = ..., revision: _Optional[str] = ..., kind: _Optional[str] = ..., device: _Optional[str] = ..., loaded_at_ms: _Optional[int] = ...) -> None: ...

class FleetSummary(_message.Message):
    __slots__ = ("total_servers", "critical_count", "warning_count", "degrading_count", "healthy_count", "silent_count", "warm_servers", "tft_servers", "average_risk", "maximum_risk", "top_risks", "firing_alerts", "acknowledged_alerts", "muted_alerts")
    TOTAL_SERVERS_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    WARNING_COUNT_FIELD_NUMBER: _ClassVar[int]
    DEGRADING_COUNT_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_COUNT_FIELD_NUMBER: _ClassVar[int]
    SILENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    WARM_SERVERS_FIELD_NUMBER: _ClassVar[int]
    TFT_SERVERS_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_RISK_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_RISK_FIELD_NUMBER: _ClassVar[int]
    TOP_RISKS_FIELD_NUMBER: _ClassVar[int]
    FIRING_ALERTS_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_ALERTS_FIELD_NUMBER: _ClassVar[int]
    MUTED_ALERTS_FIELD_NUMBER: _ClassVar[int]
    total_servers: int
    critical_count: int
    warning_count: int
    degrading_count: int
    healthy_count: int
    silent_count: int
    warm_servers: int
    tft_servers: int
    average_risk: float
    maximum_risk: float
    top_risks: _containers.RepeatedScalarFieldContainer[str]
    firing_alerts: int
    acknowledged_alerts: int
    muted_alerts: int
    def __init__(self, total_servers: _Optional[int] = ..., critical_count: _Optional[int] = ..., warning_count: _Optional[int] = ..., degrading_count: _Optional[int] = ..., healthy_count: _Optional[int] = ..., silent_count: _Optional[int] = ..., warm_servers: _Optional[int] = ..., tft_servers: _Optional[int] = ..., average_risk: _Optional[float] = ..., maximum_risk: _Optional[float] = ..., top_risks: _Optional[_Iterable[str]] = ..., firing_alerts: _Optional[int] = ..., acknowledged_alerts: _Optional[int] = ..., muted_alerts: _Optional[int] = ...) -> None: ...

class Environment(_message.Message):
    __slots__ = ("incident_probability_30m", "incident_probability_8h", "high_risk_servers", "fleet_health", "expected_incidents_30m", "expected_incidents_8h")
    INCIDENT_PROBABILITY_30M_FIELD_NUMBER: _ClassVar[int]
    INCIDENT_PROBABILITY_8H_FIELD_NUMBER: _ClassVar[int]
    HIGH_RISK_SERVERS_FIELD_NUMBER: _ClassVar[int]
    FLEET_HEALTH_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_INCIDENTS_30M_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_INCIDENTS_8H_FIELD_NUMBER: _ClassVar[int]
    incident_probability_30m: float
    incident_probability_8h: float
    high_risk_servers: int
    fleet_health: FleetHealth
    expected_incidents_30m: float
    expected_incidents_8h: float
    def __init__(self, incident_probability_30m: _Optional[float] = ..., incident_probability_8h: _Optional[float] = ..., high_risk_servers: _Optional[int] = ..., fleet_health: _Optional[_Union[FleetHealth, str]] = ..., expected_incidents_30m: _Optional[float] = ..., expected_incidents_8h: _Optional[float] = ...) -> None: ...

class ServerPrediction(_message.Message):
    __slots__ = ("server_name", "risk_score", "alert", "profile", "state", "state_derived", "source", "last_sample_ms", "data_age_seconds", "observed_steps", "display_metrics", "causes", "first_breach", "breach_probability_30m", "breach_probability_8h", "forecasts", "active_alerts", "outlook")
    SERVER_NAME_FIELD_NUMBER: _ClassVar[int]
    RISK_SCORE_FIELD_NUMBER: _ClassVar[int]
    ALERT_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_DERIVED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LAST_SAMPLE_MS_FIELD_NUMBER: _ClassVar[int]
    DATA_AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    OBSERVED_STEPS_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_METRICS_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    FIRST_BREACH_FIELD_NUMBER: _ClassVar[int]
    BREACH_PROBABILITY_30M_FIELD_NUMBER: _ClassVar[int]
    BREACH_PROBABILITY_8H_FIELD_NUMBER: _ClassVar[int]
    FORECASTS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_ALERTS_FIELD_NUMBER: _ClassVar[int]
    OUTLOOK_FIELD_NUMBER: _ClassVar[int]
    server_name: str
    risk_score: float
    alert: Alert
    profile: str
    state: _metrics_pb2.ServerState
    state_derived: bool
    source: ForecastSource
    last_sample_ms: int
    data_age_seconds: float
    observed_steps: int
    display_metrics: DisplayMetrics
    causes: _containers.RepeatedCompositeFieldContainer[Cause]
    first_breach: ThresholdBreach
    breach_probability_30m: float
    breach_probability_8h: float
    forecasts: _containers.RepeatedCompositeFieldContainer[MetricForecast]
    active_alerts: _containers.RepeatedCompositeFieldContainer[ActiveAlert]
    outlook: Outlook
    def __init__(self, server_name: _Optional[str] = ..., risk_score: _Optional[float] = ..., alert: _Optional[_Union[Alert, _Mapping]] = ..., profile: _Optional[str] = ..., state: _Optional[_Union[_metrics_pb2.ServerState, str]] = ..., state_derived: bool = ..., source: _Optional[_Union[ForecastSource, str]] = ..., last_sample_ms: _Optional[int] = ..., data_age_seconds: _Optional[float] = ..., observed_steps: _Optional[int] = ..., display_metrics: _Optional[_Union[DisplayMetrics, _Mapping]] = ..., causes: _Optional[_Iterable[_Union[Cause, _Mapping]]] = ..., first_breach: _Optional[_Union[ThresholdBreach, _Mapping]] = ..., breach_probability_30m: _Optional[float] = ..., breach_probability_8h: _Optional[float] = ..., forecasts: _Optional[_Iterable[_Union[MetricForecast, _Mapping]]] = ..., active_alerts: _Optional[_Iterable[_Union[ActiveAlert, _Mapping]]] = ..., outlook: _Optional[_Union[Outlook, _Mapping]] = ...) -> None: ...

class Outlook(_message.Message):
    __slots__ = ("metric", "history_step_seconds", "history", "band_step_seconds", "p10", "p50", "p90", "warning", "critical")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    HISTORY_STEP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    BAND_STEP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    P10_FIELD_NUMBER: _ClassVar[int]
    P50_FIELD_NUMBER: _ClassVar[int]
    P90_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_FIELD_NUMBER: _ClassVar[int]
    metric: _metrics_pb2.Metric
    history_step_seconds: int
    history: _containers.RepeatedScalarFieldContainer[float]
    band_step_seconds: int
    p10: _containers.RepeatedScalarFieldContainer[float]
    p50: _containers.RepeatedScalarFieldContainer[float]
    p90: _containers.RepeatedScalarFieldContainer[float]
    warning: float
    critical: float
    def __init__(self, metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., history_step_seconds: _Optional[int] = ..., history: _Optional[_Iterable[float]] = ..., band_step_seconds: _Optional[int] = ..., p10: _Optional[_Iterable[float]] = ..., p50: _Optional[_Iterable[float]] = ..., p90: _Optional[_Iterable[float]] = ..., warning: _Optional[float] = ..., critical: _Optional[float] = ...) -> None: ...

class ActiveAlert(_message.Message):
    __slots__ = ("alert_id", "subject", "metric", "state", "level", "acknowledged_by", "muted")
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_BY_FIELD_NUMBER: _ClassVar[int]
    MUTED_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    subject: AlertSubject
    metric: _metrics_pb2.Metric
    state: AlertState
    level: AlertLevel
    acknowledged_by: str
    muted: bool
    def __init__(self, alert_id: _Optional[str] = ..., subject: _Optional[_Union[AlertSubject, str]] = ..., metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., state: _Optional[_Union[AlertState, str]] = ..., level: _Optional[_Union[AlertLevel, str]] = ..., acknowledged_by: _Optional[str] = ..., muted: bool = ...) -> None: ...

class Alert(_message.Message):
    __slots__ = ("level", "priority", "label", "color", "emoji", "sla_seconds")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    EMOJI_FIELD_NUMBER: _ClassVar[int]
    SLA_SECONDS_FIELD_NUMBER: _ClassVar[int]
    level: AlertLevel
    priority: AlertPriority
    label: str
    color: str
    emoji: str
    sla_seconds: int
    def __init__(self, level: _Optional[_Union[AlertLevel, str]] = ..., priority: _Optional[_Union[AlertPriority, str]] = ..., label: _Optional[str] = ..., color: _Optional[str] = ..., emoji: _Optional[str] = ..., sla_seconds: _Optional[int] = ...) -> None: ...

class DisplayMetrics(_message.Message):
    __slots__ = ("cpu", "memory", "iowait", "swap", "load", "disk", "net_in", "net_out")
    CPU_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    IOWAIT_FIELD_NUMBER: _ClassVar[int]
    SWAP_FIELD_NUMBER: _ClassVar[int]
    LOAD_FIELD_NUMBER: _ClassVar[int]
    DISK_FIELD_NUMBER: _ClassVar[int]
    NET_IN_FIELD_NUMBER: _ClassVar[int]
    NET_OUT_FIELD_NUMBER: _ClassVar[int]
    cpu: DisplayMetric
    memory: DisplayMetric
    iowait: DisplayMetric
    swap: DisplayMetric
    load: DisplayMetric
    disk: DisplayMetric
    net_in: DisplayMetric
    net_out: DisplayMetric
    def __init__(self, cpu: _Optional[_Union[DisplayMetric, _Mapping]] = ..., memory: _Optional[_Union[DisplayMetric, _Mapping]] = ..., iowait: _Optional[_Union[DisplayMetric, _Mapping]] = ..., swap: _Optional[_Union[DisplayMetric, _Mapping]] = ..., load: _Optional[_Union[DisplayMetric, _Mapping]] = ..., disk: _Optional[_Union[DisplayMetric, _Mapping]] = ..., net_in: _Optional[_Union[DisplayMetric, _Mapping]] = ..., net_out: _Optional[_Union[DisplayMetric, _Mapping]] = ...) -> None: ...

class DisplayMetric(_message.Message):
    __slots__ = ("current", "predicted", "delta", "unit", "trend")
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    TREND_FIELD_NUMBER: _ClassVar[int]
    current: float
    predicted: float
    delta: float
    unit: str
    trend: Trend
    def __init__(self, current: _Optional[float] = ..., predicted: _Optional[float] = ..., delta: _Optional[float] = ..., unit: _Optional[str] = ..., trend: _Optional[_Union[Trend, str]] = ...) -> None: ...

class Cause(_message.Message):
    __slots__ = ("metric", "kind", "points", "text")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    metric: _metrics_pb2.Metric
    kind: CauseKind
    points: float
    text: str
    def __init__(self, metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., kind: _Optional[_Union[CauseKind, str]] = ..., points: _Optional[float] = ..., text: _Optional[str] = ...) -> None: ...

class ThresholdBreach(_message.Message):
    __slots__ = ("metric", "threshold", "minutes", "probability")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MINUTES_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    metric: _metrics_pb2.Metric
    threshold: float
    minutes: float
    probability: float
    def __init__(self, metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., threshold: _Optional[float] = ..., minutes: _Optional[float] = ..., probability: _Optional[float] = ...) -> None: ...

class MetricForecast(_message.Message):
    __slots__ = ("metric", "p10", "p50", "p90", "history")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    P10_FIELD_NUMBER: _ClassVar[int]
    P50_FIELD_NUMBER: _ClassVar[int]
    P90_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    metric: _metrics_pb2.Metric
    p10: _containers.RepeatedScalarFieldContainer[float]
    p50: _containers.RepeatedScalarFieldContainer[float]
    p90: _containers.RepeatedScalarFieldContainer[float]
    history: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, metric: _Optional[_Union[_metrics_pb2.Metric, str]] = ..., p10: _Optional[_Iterable[float]] = ..., p50: _Optional[_Iterable[float]] = ..., p90: _Optional[_Iterable[float]] = ..., history: _Optional[_Iterable[float]] = ...) -> None: ...
