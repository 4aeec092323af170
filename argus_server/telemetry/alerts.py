"""Gauges of alerts and of the notifications that wait, read at scrape time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from argus.v1 import snapshot_pb2
from argus_server.alerts.desk import AlertDesk
from argus_server.alerts.readings import LEAST_LEVEL
from argus_server.alerts.records import FIRING, PENDING, level_name, state_name


@dataclass(frozen=True, slots=True)
class AlertGauges:
    """A `prometheus_client` collector over the alerts there are.

    Attributes:
        desk: Where they are.
    """

    desk: AlertDesk

    def collect(self) -> Iterator[Metric]:
        """Yields every gauge."""
        alerts = GaugeMetricFamily("argus_alerts", "Alerts, by state and level.", labels=("state", "level"))
        counts = self.desk.book.counts()
        for state in (PENDING, FIRING):
            for level in range(LEAST_LEVEL, snapshot_pb2.ALERT_LEVEL_CRITICAL + 1):
                alerts.add_metric((state_name(state), level_name(level)), counts[state, level])
        yield alerts
        view = self.desk.book.view
        yield GaugeMetricFamily(
            "argus_alerts_acknowledged", "Firing alerts that are acknowledged.", value=view.acknowledged
        )
        yield GaugeMetricFamily("argus_alerts_muted", "Firing alerts that are kept quiet.", value=view.muted)
        queues = GaugeMetricFamily(
            "argus_notification_queue_length", "Notifications that wait for a target.", labels=("target",)
        )
        waiting = self.desk.store.queue_lengths()
        for target in self.desk.book.target_names:
            queues.add_metric((target,), waiting.get(target, 0))
        yield queues
