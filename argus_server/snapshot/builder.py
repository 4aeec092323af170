"""Turns the frame of a tick into a snapshot: sorts by risk, spells out every server once, notes what has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus.v1 import snapshot_pb2
from argus_server.alerts.entries import AlertView
from argus_server.forecast.frame import Source
from argus_server.frame import FleetFrame
from argus_server.outlook import OutlookFrame
from argus_server.profiles import PROFILES
from argus_server.risk.frame import DISPLAY_METRICS
from argus_server.risk.ladder import Ladder
from argus_server.risk.tables import RiskTables
from argus_server.snapshot.snapshot import Snapshot, SnapshotColumns, SnapshotIndex

TOP_RISKS: Final = 20
_NO_ALERTS: Final = AlertView({})


@dataclass(frozen=True, slots=True)
class Provenance:
    """What stands in a header beside the frame itself."""

    instance_id: str
    model: snapshot_pb2.ModelInfo
    degraded_reason: str


class SnapshotBuilder:
    """Builds numbered snapshots; remembers the last one to tell what has changed since.

    Not thread-safe: one tick at a time.

    Args:
        tables: Ladder presentation and display metrics.
    """

    def __init__(self, tables: RiskTables) -> None:
        self._ladder: Ladder = tables.ladder
        self._units = tuple(metric.unit for metric in tables.displays)
        self._previous: Snapshot | None = None
        self._revision = 0

    def build(
        self,
        frame: FleetFrame,
        provenance: Provenance,
        published: Callable[[], tuple[int, float]],
        alerts: AlertView = _NO_ALERTS,
    ) -> Snapshot:
        """Makes the next snapshot.

        Args:
            frame: One tick of the fleet.
            provenance: What made it.
            published: Asked when all the rest is built: the time, Unix milliseconds UTC by the clock the tick went by,
                and the seconds the tick has taken.
            alerts: The alerts there are after this tick.
        """
        self._revision += 1
        order = np.lexsort((np.array(frame.server_names, dtype=object), -frame.risk.scores))
        quantiles = frame.forecast.quantiles[order]
        outlook = frame.outlook.take(order)
        bases = [self._base(frame, row, alerts) for row in order.tolist()]
        names = tuple(frame.server_names[row] for row in order.tolist())
        previous = self._previous
        if previous is not None and names == previous.index.names:
            names = previous.index.names  # the same object tells updates that nobody came or went
        changed_at, outlook_changed_at = self._changes(names, bases, quantiles, outlook)
        snapshot = Snapshot(
            index=SnapshotIndex(
                revision=self._revision,
                names=names,
                scores=frame.risk.scores[order],
                profiles=frame.profiles[order],
                changed_at=changed_at,
                outlook_changed_at=outlook_changed_at,
            ),
            summary=_summary(frame, names, alerts),
            environment=_environment(frame),
            bases=bases,
            data_age_seconds=(
                np.maximum(frame.clock_ms - frame.last_sample_ms[order], 0) / np.float64(1000)
            ).astype(np.float32),
            columns=SnapshotColumns(
                levels=frame.risk.levels[order],
                sources=frame.forecast.sources[order],
                probability_30m=frame.risk.probability_30m[order],
                probability_8h=frame.risk.probability_8h[order],
                breach_metrics=frame.risk.breach_metrics[order],
                breach_minutes=frame.risk.breach_minutes[order],
            ),
            quantiles=quantiles,
            outlook=outlook,
            # Last of all, for this is when it is published.
            header=self._header(frame, provenance, *published()),
        )
        self._previous = snapshot
        return snapshot

    def _changes(
        self,
        names: tuple[str, ...],
        bases: list[bytes],
        quantiles: npt.NDArray[np.float32],
        outlook: OutlookFrame,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The revisions in which each row and each outlook last changed: this one unless all is as before."""
        changed_at = np.full(len(names), self._revision, dtype=np.int64)
        outlook_changed_at = changed_at.copy()
        previous = self._previous
        if previous is None or not names or previous.quantiles.shape[1:] != quantiles.shape[1:]:
            return changed_at, outlook_changed_at  # nothing to compare with, or a model with another horizon
        places = [previous.place(name) for name in names]
        kept = [(row, place) for row, place in enumerate(places) if place is not None]
        if kept:
            rows, before = np.array(kept, dtype=np.int64).T
            equal = outlook.same(rows, previous.outlook, before)
            outlook_changed_at[rows[equal]] = previous.index.outlook_changed_at[before[equal]]
        same = [(row, place) for row, place in kept if bases[row] == previous.bases[place]]
        if same:
            rows, before = np.array(same, dtype=np.int64).T
            equal = (
                (quantiles[rows].view(np.int32) == previous.quantiles[before].view(np.int32))
                .reshape(len(rows), -1)
                .all(axis=1)
            )
            changed_at[rows[equal]] = previous.index.changed_at[before[equal]]
        return changed_at, outlook_changed_at

    def _header(
        self, frame: FleetFrame, provenance: Provenance, published_at_ms: int, elapsed: float
    ) -> snapshot_pb2.SnapshotHeader:
        return snapshot_pb2.SnapshotHeader(
            revision=self._revision,
            published_at_ms=published_at_ms,
            forecast_origin_ms=frame.forecast.origin_ms,
            clock_ms=frame.clock_ms,
            step_seconds=frame.forecast.step_seconds,
            horizon_steps=frame.forecast.quantiles.shape[2],
            model=provenance.model,
            tick_duration_ms=1000 * elapsed,
            degraded=bool(provenance.degraded_reason),
            degraded_reason=provenance.degraded_reason,
            instance_id=provenance.instance_id,
        )

    def _base(self, frame: FleetFrame, row: int, alerts: AlertView) -> bytes:
        """One server without its age and series: what changes only when there is something new to say."""
        risk = frame.risk
        rung = self._ladder.rung(int(risk.priorities[row]))
        message = snapshot_pb2.ServerPrediction(
            server_name=frame.server_names[row],
            risk_score=risk.scores[row],
            alert=snapshot_pb2.Alert(
                level=int(risk.levels[row]),  # type: ignore[arg-type]
                priority=int(risk.priorities[row]),  # type: ignore[arg-type]
                label=rung.label,
                color=rung.color,
                emoji=rung.emoji,
                sla_seconds=rung.sla_seconds,
            ),
            profile=PROFILES[frame.profiles[row]],
            state=int(frame.states[row]),  # type: ignore[arg-type]
            state_derived=bool(frame.states_derived[row]),
            source=int(frame.forecast.sources[row]),  # type: ignore[arg-type]
            last_sample_ms=int(frame.last_sample_ms[row]),
            observed_steps=int(frame.observed_steps[row]),
            causes=[
                snapshot_pb2.Cause(
                    metric=int(risk.cause_metrics[row, place]),  # type: ignore[arg-type]
                    kind=int(risk.cause_kinds[row, place]),  # type: ignore[arg-type]
                    points=risk.cause_points[row, place],
                    text=text,
                )
                for place, text in enumerate(risk.cause_texts[row])
            ],
            breach_probability_30m=risk.probability_30m[row],
            breach_probability_8h=risk.probability_8h[row],
            active_alerts=alerts.by_server.get(frame.server_names[row], ()),
        )
        if risk.breach_metrics[row]:
            message.first_breach.metric = int(risk.breach_metrics[row])  # type: ignore[assignment]
            message.first_breach.threshold = risk.breach_thresholds[row]
            message.first_breach.minutes = risk.breach_minutes[row]
            message.first_breach.probability = risk.breach_probabilities[row]
        self._display(message.display_metrics, frame, row)
        return message.SerializeToString()

    def _display(self, metrics: snapshot_pb2.DisplayMetrics, frame: FleetFrame, row: int) -> None:
        current = frame.risk.display_current[row].tolist()
        predicted = frame.risk.display_predicted[row].tolist()
        trends = frame.risk.trends[row].tolist()
        for name, unit, now, soon, trend in zip(
            DISPLAY_METRICS, self._units, current, predicted, trends, strict=True
        ):
            if now == now:  # measured
                metric = getattr(metrics, name)
                metric.current, metric.unit, metric.trend = now, unit, trend
                metric.predicted = soon if soon == soon else now
                metric.delta = metric.predicted - now


def _summary(frame: FleetFrame, names: tuple[str, ...], alerts: AlertView) -> snapshot_pb2.FleetSummary:
    counts = np.bincount(frame.risk.levels, minlength=snapshot_pb2.ALERT_LEVEL_CRITICAL + 1)
    return snapshot_pb2.FleetSummary(
        total_servers=len(names),
        critical_count=int(counts[snapshot_pb2.ALERT_LEVEL_CRITICAL]),
        warning_count=int(counts[snapshot_pb2.ALERT_LEVEL_WARNING]),
        degrading_count=int(counts[snapshot_pb2.ALERT_LEVEL_DEGRADING]),
        healthy_count=int(counts[snapshot_pb2.ALERT_LEVEL_HEALTHY]),
        silent_count=int(frame.silent.sum()),
        warm_servers=int((frame.observed_steps >= frame.required_steps).sum()),
        tft_servers=int((frame.forecast.sources == Source.TFT).sum()),
        average_risk=float(frame.risk.scores.mean()) if names else 0.0,
        maximum_risk=float(frame.risk.scores.max()) if names else 0.0,
        top_risks=names[:TOP_RISKS],
        firing_alerts=alerts.firing,
        acknowledged_alerts=alerts.acknowledged,
        muted_alerts=alerts.muted,
    )


def _environment(frame: FleetFrame) -> snapshot_pb2.Environment:
    fleet = frame.risk.environment
    return snapshot_pb2.Environment(
        incident_probability_30m=fleet.incident_probability_30m,
        incident_probability_8h=fleet.incident_probability_8h,
        high_risk_servers=fleet.high_risk_servers,
        fleet_health=fleet.fleet_health,  # type: ignore[arg-type]
        expected_incidents_30m=fleet.expected_incidents_30m,
        expected_incidents_8h=fleet.expected_incidents_8h,
    )
