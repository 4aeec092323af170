"""Notifications to real receivers: in order, signed, again until taken, and never felt by ticks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from argus_server.alerts.desk import AlertDesk
from argus_server.alerts.events import EventKind
from argus_server.alerts.notify import courier
from argus_server.alerts.notify.dispatcher import Dispatcher
from argus_server.alerts.notify.target import AlertTarget
from argus_server.clock import ManualClock
from argus_server.telemetry.metrics import ServerMetrics
from tests.processes import until
from tests.server.alerts.frames import MINUTE_MS, START_MS, TABLES, frame
from tests.server.alerts.receivers import Receiver, receiving

SECRET = "whsec_" + base64.b64encode(b"a key of some length").decode()


class Notifying:
    """A desk with a dispatcher, driven tick by tick."""

    def __init__(self, targets: list[AlertTarget], data_dir: Path | None, dashboard: str) -> None:
        self.metrics = ServerMetrics()
        self.clock = ManualClock(START_MS)
        self.dispatcher = Dispatcher(targets, dashboard, wait=lambda failures: 0.02)
        self.desk = AlertDesk(TABLES, self.clock, data_dir, self.dispatcher.needs())
        self.desk.written = self.dispatcher.wake
        self.dispatcher.start(self.desk, self.metrics)

    def tick(self, minute: float, probability: float, server: str = "web-1", **options: Any) -> None:
        self.clock.set(START_MS + round(minute * MINUTE_MS))
        self.desk.observe(frame(self.clock.now_ms(), {server: probability}, **options))

    def fire(self, server: str = "web-1", **options: Any) -> None:
        self.tick(0, 1.0, server, **options)
        self.tick(5, 1.0, server, **options)

    def resolve(self, server: str = "web-1") -> None:
        self.tick(10, 0.0, server)
        self.tick(41, 0.0, server)

    def events(self, kind: EventKind) -> list[Any]:
        return [event for event in self.desk.store.events(0, 10_000) if event.kind is kind]

    def counted(self, name: str, target: str) -> float:
        return self.metrics.registry.get_sample_value(name, {"target": target}) or 0.0


@contextmanager
def notifying(
    *targets: AlertTarget, data_dir: Path | None = None, dashboard: str = ""
) -> Iterator[Notifying]:
    made = Notifying(list(targets), data_dir, dashboard)
    try:
        yield made
    finally:
        made.dispatcher.close(made.desk, 0.0)
        made.desk.shut()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def target(kind: str, receiver: Receiver, **settings: Any) -> AlertTarget:
    return AlertTarget.model_validate({"kind": kind, "name": kind, "url": receiver.url, **settings})


def bodies(receiver: Receiver) -> list[Any]:
    return [json.loads(request.body) for request in receiver.requests]


def test_a_webhook_hears_of_firing_and_resolved_once_each(receiver: Receiver) -> None:
    with notifying(target("webhook", receiver), dashboard="https://argus.example/") as made:
        for counter in ("", "_failed", "_dropped"):
            name = f"argus_notifications{counter}_total"
            assert made.metrics.registry.get_sample_value(name, {"target": "webhook"}) == 0, name
        made.fire()
        until(lambda: len(receiver.requests) == 1)
        made.resolve()
        until(lambda: len(receiver.requests) == 2)
        until(lambda: len(made.events(EventKind.NOTIFIED)) == 2)
        firing, resolved = bodies(receiver)
        assert made.counted("argus_notifications_total", "webhook") == 2
    assert (firing["type"], resolved["type"]) == ("alert.firing", "alert.resolved")
    data = firing["data"]
    assert (data["server"], data["metric"], data["level"]) == ("web-1", "mem_used_pct", "warning")
    assert (data["probability"], data["minutes_to_breach"]) == (1.0, 42.0)
    assert data["cause"] == "memory 60 % → 98 % in 42 min"
    assert data["dashboard_url"] == "https://argus.example/servers/web-1"
    assert resolved["data"]["alert_id"] == data["alert_id"]
    assert resolved["data"]["resolved_at_ms"] == START_MS + 41 * MINUTE_MS


def test_a_webhook_is_signed_so_that_its_receiver_can_tell(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    with notifying(target("webhook", receiver, secret_file=tmp_path / "secret")) as made:
        made.fire()
        until(lambda: receiver.requests)
    (request,) = receiver.requests
    head = request.headers
    signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + request.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert head["webhook-signature"] == f"v1,{expected}"
    assert abs(int(head["webhook-timestamp"]) - time.time()) < 60


@pytest.mark.parametrize("trouble", [500, 429, 503, 302, 401, "close"])
def test_what_is_not_taken_is_tried_again_with_the_same_id(receiver: Receiver, trouble: int | str) -> None:
    receiver.answers.extend([trouble, trouble])
    with notifying(target("webhook", receiver)) as made:
        made.fire()
        until(lambda: made.events(EventKind.NOTIFIED))
        assert made.counted("argus_notifications_failed_total", "webhook") == 2
    assert len(receiver.requests) == 3
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


@pytest.mark.parametrize("trouble", ["hang", "drip"])
def test_a_target_that_does_not_come_to_an_end_is_given_up_in_time(receiver: Receiver, trouble: str) -> None:
    receiver.answers.append(trouble)
    with notifying(target("webhook", receiver, timeout_seconds=0.2)) as made:
        made.fire()
        until(lambda: made.events(EventKind.NOTIFIED))
        assert made.counted("argus_notifications_failed_total", "webhook") == 1


def test_what_is_refused_is_given_up_and_does_not_hold_up_the_rest(receiver: Receiver) -> None:
    receiver.answers.append(400)
    with notifying(target("webhook", receiver)) as made:
        made.fire()
        until(lambda: made.events(EventKind.NOTIFY_FAILED))
        made.resolve()
        until(lambda: made.events(EventKind.NOTIFIED))
        assert made.counted("argus_notifications_dropped_total", "webhook") == 1
    assert [body["type"] for body in bodies(receiver)] == ["alert.firing", "alert.resolved"]


def test_what_is_too_old_is_given_up(receiver: Receiver) -> None:
    receiver.answers.extend([500] * 1000)
    with notifying(target("webhook", receiver, give_up_hours=1e-5)) as made:
        made.fire()
        until(lambda: made.events(EventKind.NOTIFY_FAILED))
        assert made.desk.store.queue_lengths() == {}


def test_a_target_that_hangs_holds_up_neither_ticks_nor_other_targets(receiver: Receiver) -> None:
    receiver.answers.extend(["hang"] * 10)
    with (
        receiving() as other,
        notifying(target("webhook", receiver, timeout_seconds=20.0), target("slack", other)) as made,
    ):
        made.fire()
        until(lambda: other.requests)
        made.resolve()
        until(lambda: len(other.requests) == 2)
        assert len(receiver.requests) == 1
        assert made.desk.store.queue_lengths() == {"webhook": 2}


def test_a_restart_in_the_middle_of_retries_loses_nothing(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers.extend([503] * 3)
    with notifying(target("webhook", receiver), data_dir=tmp_path) as made:
        made.fire()
        until(lambda: len(receiver.requests) >= 1)
        receiver.answers.extend([503] * 1000)
        made.resolve()
    before = len(receiver.requests)
    receiver.answers.clear()
    with notifying(target("webhook", receiver), data_dir=tmp_path) as made:
        until(lambda: len(made.events(EventKind.NOTIFIED)) == 2)
    told = [body["type"] for body in bodies(receiver)[before:]]
    assert told == ["alert.firing", "alert.resolved"]


def test_the_queue_of_a_dead_target_is_bounded(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "MAX_QUEUED", 3)
    receiver.answers.extend([500] * 1000)
    with notifying(target("webhook", receiver)) as made:
        for number in range(10):
            made.tick(10 * number, 1.0, f"web-{number}")
            made.tick(10 * number + 5, 1.0, f"web-{number}")
        until(lambda: made.desk.store.queue_lengths().get("webhook", 0) <= 3)
        until(lambda: made.events(EventKind.NOTIFY_FAILED))
        assert "wait" in made.events(EventKind.NOTIFY_FAILED)[0].detail


def test_slack_gets_text_that_does_nothing(receiver: Receiver) -> None:
    hostile = "<!channel> & <http://evil|click>"
    with notifying(target("slack", receiver), dashboard="https://argus.example") as made:
        made.fire(hostile)
        until(lambda: receiver.requests)
    (body,) = bodies(receiver)
    assert "*&lt;!channel&gt; &amp; &lt;http://evil|click&gt;*" in body["text"]
    link = "https://argus.example/servers/%3C%21channel%3E%20%26%20%3Chttp%3A%2F%2Fevil%7Cclick%3E"
    assert body["text"].endswith(f"<{link}|dashboard>")
    assert body["text"].startswith(":large_orange_circle: Warning: ")


def test_a_level_that_rises_is_told_and_one_that_falls_is_not(receiver: Receiver) -> None:
    with notifying(target("webhook", receiver)) as made:
        made.fire()
        made.tick(6, 1.0, level_score=85.0)
        until(lambda: len(receiver.requests) == 2)
        made.tick(7, 1.0)
        made.tick(30, 1.0)
        made.tick(31, 0.0)
        made.tick(62, 0.0)
        until(lambda: len(receiver.requests) == 3)
    told = [
        (body["type"], body["data"]["level"], body["data"]["previous_level"]) for body in bodies(receiver)
    ]
    assert told == [
        ("alert.firing", "warning", ""),
        ("alert.level_changed", "critical", "warning"),
        ("alert.resolved", "warning", "warning"),
    ]


def test_the_risk_score_is_quiet_while_a_metric_says_the_same(receiver: Receiver) -> None:
    with notifying(target("webhook", receiver)) as made:
        made.fire(risk=85.0)
        until(lambda: len(receiver.requests) == 1)
        made.tick(10, 0.0, risk=85.0)
        made.tick(41, 0.0, risk=85.0)
        until(lambda: len(receiver.requests) == 3)
    told = [(body["type"], body["data"]["subject"]) for body in bodies(receiver)]
    assert told[0] == ("alert.firing", "metric")
    assert sorted(told[1:]) == [("alert.firing", "risk"), ("alert.resolved", "metric")]


def test_neither_addresses_nor_secrets_are_logged(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "secret").write_text("very-secret-key")
    receiver.answers.extend([500, "close"])
    signed = target("webhook", receiver, secret_file=tmp_path / "secret")
    with notifying(signed) as made:
        made.fire()
        until(lambda: made.events(EventKind.NOTIFIED))
        shown = repr(signed) + repr(made.dispatcher._targets[0][2]) + str(made.events(EventKind.NOTIFIED))
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("argus"))
    assert "attempt 1" in logged
    everything = "\n".join(record.getMessage() for record in caplog.records) + shown
    assert "secret-token" not in everything
    assert "very-secret-key" not in everything
