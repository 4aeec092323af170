"""A fleet at one revision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from argus.v1 import prediction_pb2, snapshot_pb2
from argus_client._enums import FleetHealth, ForecastSource, from_number
from argus_client._errors import NotFound
from argus_client._server_prediction import (
    Forecast,
    LazyMapping,
    ServerPrediction,
    copy_fields,
    read_forecasts,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A loaded model.

    Attributes:
        name: Name of the artifact.
        revision: Name and content hash; empty when no model is loaded.
        kind: `"TFT"`, or `"FALLBACK"` when none is loaded.
        device: Such as `"cpu"` or `"cuda:0"`.
        loaded_at_ms: Unix milliseconds UTC; 0 when none is loaded.
    """

    name: str
    revision: str
    kind: str
    device: str
    loaded_at_ms: int

    @staticmethod
    def from_proto(message: snapshot_pb2.ModelInfo) -> ModelInfo:
        """Reads a message."""
        return copy_fields(ModelInfo, message)


@dataclass(frozen=True, slots=True)
class SnapshotHeader:
    """What a snapshot is and what made it.

    Attributes:
        revision: Rises with every snapshot, and starts again when the server does.
        published_at_ms: Unix milliseconds UTC, by the server's clock.
        forecast_origin_ms: Start of the last observed step, Unix milliseconds UTC.
        step_seconds: Length of a step.
        horizon_steps: Steps ahead of a full forecast.
        model: The model behind the servers whose source is TFT.
        tick_duration_ms: From reading the windows to publishing.
        degraded: True when the server cannot do what it is meant to.
        degraded_reason: Why; empty when not degraded.
        instance_id: Identifies the run of the server.
        clock_ms: The fleet's clock at the beginning of the tick, Unix milliseconds UTC: minutes to a breach count from
            it. For a fleet that is recorded it is the time of the recording.
    """

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

    @staticmethod
    def from_proto(message: snapshot_pb2.SnapshotHeader) -> SnapshotHeader:
        """Reads a message."""
        return copy_fields(SnapshotHeader, message, model=ModelInfo.from_proto(message.model))

    def step_times_ms(self, steps: int) -> NDArray[np.int64]:
        """Times of the first forecast steps: Unix milliseconds UTC, int64 [steps]."""
        return self.forecast_origin_ms + self.step_seconds * 1000 * np.arange(1, steps + 1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """The fleet in numbers, over all servers whatever the filter.

    Attributes:
        total_servers: Servers known.
        critical_count: Servers at level critical.
        warning_count: Servers at level warning.
        degrading_count: Servers at level degrading.
        healthy_count: Servers at level healthy.
        silent_count: Servers that stopped sending; counted in their level as well.
        warm_servers: Servers with enough history for the model.
        tft_servers: Servers forecast by the model.
        average_risk: 0 to 100.
        maximum_risk: 0 to 100.
        top_risks: Names of the riskiest servers, at most 20, riskiest first.
        firing_alerts: Alerts that are firing.
        acknowledged_alerts: Of these, those that somebody has acknowledged.
        muted_alerts: Of the firing ones, those kept quiet.
    """

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
    top_risks: tuple[str, ...]
    firing_alerts: int
    acknowledged_alerts: int
    muted_alerts: int


@dataclass(frozen=True, slots=True)
class Environment:
    """The fleet in probabilities, over all servers whatever the filter.

    Attributes:
        incident_probability_30m: That a server crosses a critical threshold within 30 minutes, 0 to 1.
        incident_probability_8h: The same within 8 hours.
        high_risk_servers: Servers more likely than not to cross one within 30 minutes.
        fleet_health: Verdict.
        expected_incidents_30m: Servers expected to cross one within 30 minutes.
        expected_incidents_8h: The same within 8 hours.
    """

    incident_probability_30m: float
    incident_probability_8h: float
    high_risk_servers: int
    fleet_health: FleetHealth
    expected_incidents_30m: float
    expected_incidents_8h: float


class FleetSnapshot:
    """What the server publishes once per tick, or what a filter leaves of it. Immutable.

    Attributes:
        header: What it is and what made it.
        summary: The fleet in numbers.
        environment: The fleet in probabilities.
        servers: By name, riskiest first. Each is read when first asked for.
        skipped_revisions: Revisions published since the one before in this subscription, and not sent.
    """

    __slots__ = ("environment", "header", "servers", "skipped_revisions", "summary")

    header: SnapshotHeader
    summary: FleetSummary
    environment: Environment
    servers: Mapping[str, ServerPrediction]
    skipped_revisions: int

    def __init__(
        self,
        header: SnapshotHeader,
        summary: FleetSummary,
        environment: Environment,
        servers: Mapping[str, ServerPrediction],
        skipped_revisions: int = 0,
    ) -> None:
        for name, value in (
            ("header", header),
            ("summary", summary),
            ("environment", environment),
            ("servers", servers),
            ("skipped_revisions", skipped_revisions),
        ):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"A FleetSnapshot is immutable; {name} cannot be set.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"A FleetSnapshot is immutable; {name} cannot be deleted.")

    def __repr__(self) -> str:
        return f"<FleetSnapshot revision {self.revision}, {len(self.servers)} servers>"

    @property
    def revision(self) -> int:
        """Number of the snapshot."""
        return self.header.revision

    def server(self, name: str) -> ServerPrediction:
        """One server.

        Raises:
            NotFound: it is not in this snapshot.
        """
        if (found := self.servers.get(name)) is None:
            raise NotFound(
                f"Server {name!r} is not among the {len(self.servers)} servers of revision {self.revision}; "
                "it is unknown, has left, or the filter leaves it out."
            )
        return found

    def to_json_dict(self) -> dict[str, Any]:
        """The snapshot as plain values for strict JSON: servers riskiest first, NaN as null."""
        from argus_client._json import snapshot_to_dict

        return snapshot_to_dict(self)

    def to_pandas(self) -> pd.DataFrame:
        """The forecasts in long format; see `argus_client.frames.to_pandas`."""
        from argus_client.frames import to_pandas

        return to_pandas(self)

    def to_arrow(self) -> pa.Table:
        """The forecasts in long format; see `argus_client.frames.to_arrow`."""
        from argus_client.frames import to_arrow

        return to_arrow(self)

    @staticmethod
    def from_proto(message: snapshot_pb2.Snapshot) -> FleetSnapshot:
        """Reads a message, which must not change any more."""
        servers = {server.server_name: server for server in message.servers}
        return build_snapshot(message.header, message.summary, message.environment, servers)


def build_snapshot(
    header: snapshot_pb2.SnapshotHeader,
    summary: snapshot_pb2.FleetSummary,
    environment: snapshot_pb2.Environment,
    servers: Mapping[str, snapshot_pb2.ServerPrediction],
    skipped_revisions: int = 0,
) -> FleetSnapshot:
    """A snapshot from messages, none of which may change any more. Orders the servers."""
    ordered = sorted(servers.values(), key=lambda server: (-server.risk_score, server.server_name))
    return FleetSnapshot(
        SnapshotHeader.from_proto(header),
        copy_fields(FleetSummary, summary, top_risks=tuple(summary.top_risks)),
        copy_fields(
            Environment, environment, fleet_health=from_number(FleetHealth, environment.fleet_health)
        ),
        LazyMapping({server.server_name: server for server in ordered}, ServerPrediction.from_proto),
        skipped_revisions,
    )


@dataclass(frozen=True, slots=True, eq=False)
class ServerForecast:
    """Forecasts of one server.

    Attributes:
        server_name: Untrusted text: escape it.
        source: Where the forecasts come from. Show it.
        forecasts: By metric.
    """

    server_name: str
    source: ForecastSource
    forecasts: Mapping[str, Forecast]


@dataclass(frozen=True, slots=True, eq=False)
class FleetForecast:
    """Forecasts of some servers.

    Attributes:
        header: The snapshot they come from.
        servers: By name, in the order asked for.
    """

    header: SnapshotHeader
    servers: Mapping[str, ServerForecast]

    @staticmethod
    def from_proto(message: prediction_pb2.GetForecastResponse) -> FleetForecast:
        """Reads a message, which must not change any more."""
        return FleetForecast(
            SnapshotHeader.from_proto(message.header),
            {
                server.server_name: ServerForecast(
                    server.server_name,
                    from_number(ForecastSource, server.source),
                    read_forecasts(server.forecasts),
                )
                for server in message.servers
            },
        )
