"""Typed Python client of an Argus server: publish metrics, subscribe to forecasts, look after the server.

    with ArgusClient("127.0.0.1:50051") as client:
        with client.publisher() as publisher:
            publisher.publish(samples)
        for snapshot in client.subscribe(view="standard"):
            print(snapshot.summary.critical_count)

`AsyncArgusClient` is the same for asyncio. `argus_client.testing` has a server for your own tests,
`argus_client.frames` turns snapshots into data frames.

Processes and event loops. A client made before `os.fork` (which `multiprocessing` does on Linux unless told
to spawn) raises `Closed` in the child: make one there. An async client lives on one event loop; a second loop
with gRPC in the same process works badly, so keep to one.
"""

from argus_client._admin import (
    IngestLimits,
    MetricThreshold,
    ModelArtifact,
    ScenarioStatus,
    ServerInfo,
    ServerStatus,
)
from argus_client._alert_watch import AlertWatch
from argus_client._alerts import (
    AlertMatcher,
    AlertNote,
    AlertRecord,
    AlertsUpdate,
    MaintenanceWindow,
    Silence,
)
from argus_client._async_alert_watch import AsyncAlertWatch
from argus_client._async_client import AsyncArgusClient
from argus_client._async_history import AsyncHistory
from argus_client._async_publisher import AsyncPublisher
from argus_client._async_subscription import AsyncSubscription
from argus_client._client import ArgusClient
from argus_client._config import Backoff, KeepAlive, PublisherConfig, Timeouts, TLSConfig
from argus_client._enums import (
    AlertLevel,
    AlertPriority,
    AlertState,
    AlertSubject,
    CauseKind,
    DayOfWeek,
    ExportFormat,
    FleetHealth,
    ForecastSource,
    HistoryTable,
    Scenario,
    ServingStatus,
    Trend,
    View,
)
from argus_client._errors import (
    AlreadyExists,
    ArgusError,
    BufferFull,
    Cancelled,
    Closed,
    ConnectionLost,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    Incompatible,
    InvalidArgument,
    MessageTooLarge,
    NotFound,
    NotReady,
    PermissionDenied,
    Rejected,
    ServerError,
    Superseded,
    Throttled,
    Unauthenticated,
    Unimplemented,
)
from argus_client._history import History
from argus_client._history_values import (
    AlertEvent,
    AlertEvents,
    FleetHistory,
    HistorySummary,
    MetricHistory,
    ServerHistory,
)
from argus_client._outlook import Outlook
from argus_client._publisher import Publisher
from argus_client._server_prediction import (
    ActiveAlert,
    Alert,
    Cause,
    DisplayMetric,
    Forecast,
    ServerPrediction,
    ThresholdBreach,
)
from argus_client._snapshot import (
    Environment,
    FleetForecast,
    FleetSnapshot,
    FleetSummary,
    ModelInfo,
    ServerForecast,
    SnapshotHeader,
)
from argus_client._subscription import Subscription
from argus_client._values import ConnectionState, PublisherStats, Rejection, WarmUp
from argus_client.samples import METRICS, STATES, Samples

__all__ = [
    "METRICS",
    "STATES",
    "ActiveAlert",
    "Alert",
    "AlertEvent",
    "AlertEvents",
    "AlertLevel",
    "AlertMatcher",
    "AlertNote",
    "AlertPriority",
    "AlertRecord",
    "AlertState",
    "AlertSubject",
    "AlertWatch",
    "AlertsUpdate",
    "AlreadyExists",
    "ArgusClient",
    "ArgusError",
    "AsyncAlertWatch",
    "AsyncArgusClient",
    "AsyncHistory",
    "AsyncPublisher",
    "AsyncSubscription",
    "Backoff",
    "BufferFull",
    "Cancelled",
    "Cause",
    "CauseKind",
    "Closed",
    "ConnectionLost",
    "ConnectionState",
    "DayOfWeek",
    "DeadlineExceeded",
    "DisplayMetric",
    "Environment",
    "ExportFormat",
    "FailedPrecondition",
    "FieldViolation",
    "FleetForecast",
    "FleetHealth",
    "FleetHistory",
    "FleetSnapshot",
    "FleetSummary",
    "Forecast",
    "ForecastSource",
    "History",
    "HistorySummary",
    "HistoryTable",
    "Incompatible",
    "IngestLimits",
    "InvalidArgument",
    "KeepAlive",
    "MaintenanceWindow",
    "MessageTooLarge",
    "MetricHistory",
    "MetricThreshold",
    "ModelArtifact",
    "ModelInfo",
    "NotFound",
    "NotReady",
    "Outlook",
    "PermissionDenied",
    "Publisher",
    "PublisherConfig",
    "PublisherStats",
    "Rejected",
    "Rejection",
    "Samples",
    "Scenario",
    "ScenarioStatus",
    "ServerError",
    "ServerForecast",
    "ServerHistory",
    "ServerInfo",
    "ServerPrediction",
    "ServerStatus",
    "ServingStatus",
    "Silence",
    "SnapshotHeader",
    "Subscription",
    "Superseded",
    "TLSConfig",
    "ThresholdBreach",
    "Throttled",
    "Timeouts",
    "Trend",
    "Unauthenticated",
    "Unimplemented",
    "View",
    "WarmUp",
]
