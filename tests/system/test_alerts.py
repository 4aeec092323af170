"""What was answered and what waits to be told outlives a server that is killed."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from argus_client import AlertMatcher, AlertState, ArgusClient
from argus_client.testing import make_samples
from tests.processes import SECONDS, ServerProcess, until
from tests.server.alerts.receivers import receiving
from tests.server.running import START_MS, STEP_MS
from tests.system.feeding import feed

pytestmark = pytest.mark.slow


def test_alerts_acks_silences_and_notifications_outlive_a_kill(tmp_path: Path) -> None:
    with receiving() as receiver:
        receiver.answers.extend([503] * 10_000)
        targets = json.dumps([{"kind": "webhook", "name": "pager", "url": receiver.url}])
        with ServerProcess("--data-dir", tmp_path, ARGUS_ALERT_TARGETS=targets) as first:
            with ArgusClient(first.target) as client:
                for number in range(3):
                    # Memory and everything else at 99 %: beyond its threshold from the first step on.
                    rows = make_samples(["web-1"], timestamp_ms=START_MS + number * STEP_MS, value=99.5)
                    feed(client, rows, f"step-{number}")
                    client.get_snapshot()
                firing = {a.alert_id for a in client.list_alerts() if a.state is AlertState.FIRING}
                (chosen, *_) = sorted(firing)
                client.acknowledge_alert(chosen, "ada")
                client.add_alert_note(chosen, "ada", "on it")
                silence = client.create_silence(AlertMatcher(("db-*",)), 86_400, "ada")
            until(lambda: len(receiver.requests) >= 2)
            first.end(signal.SIGKILL)

        receiver.answers.clear()
        receiver.requests.clear()
        with (
            ServerProcess("--data-dir", tmp_path, ARGUS_ALERT_TARGETS=targets) as second,
            ArgusClient(second.target) as client,
        ):
            kept = {alert.alert_id: alert for alert in client.list_alerts(timeout=SECONDS)}
            assert {key for key, alert in kept.items() if alert.state is AlertState.FIRING} == firing
            assert kept[chosen].acknowledged_by == "ada"
            assert [note.text for note in kept[chosen].notes] == ["on it"]
            assert [one.silence_id for one in client.list_silences(include_expired=True)] == [
                silence.silence_id
            ]
            until(lambda: receiver.requests)
            told = {json.loads(request.body)["data"]["alert_id"] for request in receiver.requests}
            assert told <= firing
