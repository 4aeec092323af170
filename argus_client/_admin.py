"""What a server says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from argus.v1 import admin_pb2, ingest_pb2, scenario_pb2
from argus_client._enums import Scenario, from_number, metric_name
from argus_client._server_prediction import copy_fields
from argus_client._snapshot import ModelInfo


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What a source must stay within; publishers do so by themselves.

    Attributes:
        max_batch_rows: Rows of a batch.
        max_batch_bytes: Bytes of an encoded batch.
        max_in_flight_batches: Batches sent and not yet acknowledged.
        max_servers: Servers of the fleet.
    """

    max_batch_rows: int
    max_batch_bytes: int
    max_in_flight_batches: int
    max_servers: int

    @staticmethod
    def from_proto(message: ingest_pb2.IngestLimits) -> IngestLimits:
        """Reads a message."""
        return copy_fields(IngestLimits, message)


@dataclass(frozen=True, slots=True)
class MetricThreshold:
    """Thresholds of a metric that risk and alerts go by, in the metric's unit.

    Attributes:
        metric: Name of the metric.
        profile: Profile they hold for; empty for every profile without its own.
        warning: From where the metric is worth a look.
        critical: From where it is trouble.
        unit: Such as `"%"`; empty for a plain number.
        low_is_bad: True for a metric whose small values are the bad ones, such as idle CPU.
        per_core: True when both are per CPU core, and hold only where the server was told the number of cores.
    """

    metric: str
    profile: str
    warning: float
    critical: float
    unit: str
    low_is_bad: bool
    per_core: bool


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server is. Does not change while it runs.

    Attributes:
        version: Version of the server.
        contract_version: Version of the contract it speaks.
        instance_id: Identifies this run of it.
        started_at_ms: Unix milliseconds UTC.
        capabilities: Full names of its services.
        limits: Limits on ingest.
        max_message_bytes: Bytes a message to or from it may have.
        clock: `"wall"` or `"event"`.
        thresholds: Of the metrics that have any, by metric and profile; `threshold` finds the one that holds.
    """

    version: str
    contract_version: str
    instance_id: str
    started_at_ms: int
    capabilities: tuple[str, ...]
    limits: IngestLimits
    max_message_bytes: int
    clock: str
    thresholds: tuple[MetricThreshold, ...]

    def threshold(self, metric: str, profile: str = "") -> MetricThreshold | None:
        """The thresholds of a metric on servers of a profile; None when it has none."""
        found = {entry.profile: entry for entry in self.thresholds if entry.metric == metric}
        return found.get(profile) or found.get("")

    @staticmethod
    def from_proto(message: admin_pb2.GetServerInfoResponse) -> ServerInfo:
        """Reads a message."""
        return copy_fields(
            ServerInfo,
            message,
            capabilities=tuple(message.capabilities),
            limits=IngestLimits.from_proto(message.limits),
            thresholds=tuple(
                copy_fields(MetricThreshold, entry, metric=name)
                for entry in message.thresholds
                if (name := metric_name(entry.metric))
            ),
        )


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """How a server is doing.

    Attributes:
        serving: True when it forecasts, by model or declared fallback, and takes metrics.
        degraded: True when it cannot do what it is meant to.
        degraded_reason: Why; empty when not degraded.
        model: The running model.
        servers: Servers known.
        warm_servers: Servers with enough history for the model.
        required_steps: Steps a server needs for the model.
        revision: Newest revision published.
        subscribers: Subscriptions open.
        ingest_streams: Ingest streams open.
        accepted_rows: Rows taken in since the start.
        rejected_rows: Rows refused since the start.
        duplicate_rows: Rows dropped as already seen since the start.
        uptime_seconds: Since the start.
        clock_ms: The server's clock, Unix milliseconds UTC; 0 for an event clock that has seen no sample.
    """

    serving: bool
    degraded: bool
    degraded_reason: str
    model: ModelInfo
    servers: int
    warm_servers: int
    required_steps: int
    revision: int
    subscribers: int
    ingest_streams: int
    accepted_rows: int
    rejected_rows: int
    duplicate_rows: int
    uptime_seconds: float
    clock_ms: int

    @staticmethod
    def from_proto(message: admin_pb2.GetStatusResponse) -> ServerStatus:
        """Reads a message."""
        return copy_fields(ServerStatus, message, model=ModelInfo.from_proto(message.model))


@dataclass(frozen=True, slots=True)
class ModelArtifact:
    """A model artifact the server can load.

    Attributes:
        name: Name to load it by.
        revision: Name and content hash; empty when it could not be read.
        running: True for the one that runs.
        defect: Why it could not be loaded; empty when it looks sound.
        parameters: Number of weights.
        trained_at_ms: Unix milliseconds UTC.
        wql: Weighted quantile loss on its evaluation data; 0 when not known.
    """

    name: str
    revision: str
    running: bool
    defect: str
    parameters: int
    trained_at_ms: int
    wql: float

    @staticmethod
    def from_proto(message: admin_pb2.ModelArtifact) -> ModelArtifact:
        """Reads a message."""
        return copy_fields(ModelArtifact, message)


@dataclass(frozen=True, slots=True)
class ScenarioStatus:
    """How a simulation stands.

    Attributes:
        scenario: The running scenario.
        since_ms: When it began, Unix milliseconds UTC.
        affected_servers: Names of the servers it affects.
        total_servers: Servers simulated.
    """

    scenario: Scenario
    since_ms: int
    affected_servers: tuple[str, ...]
    total_servers: int

    @staticmethod
    def from_proto(message: scenario_pb2.ScenarioStatus) -> ScenarioStatus:
        """Reads a message."""
        return copy_fields(
            ScenarioStatus,
            message,
            scenario=from_number(Scenario, message.scenario),
            affected_servers=tuple(message.affected_servers),
        )
