"""Notifications to a real Alertmanager: seen while firing, gone when resolved, relabelled, kept quiet, told again."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from google.protobuf.duration_pb2 import Duration

from argus.v1 import alert_pb2
from argus_server.alerts.events import EventKind
from argus_server.alerts.notify.target import AlertTarget
from tests.processes import until
from tests.server.alerts.test_notify import Notifying, notifying

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus-alertmanager") is None,
    reason="needs the Debian package prometheus-alertmanager; make test installs it",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def alertmanager(directory: Path, port: int = 0) -> Iterator[str]:
    """An Alertmanager of its own; yields its address once it answers."""
    config = directory / "alertmanager.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    url = f"http://127.0.0.1:{port or free_port()}"
    process = subprocess.Popen(
        [
            "prometheus-alertmanager",
            f"--config.file={config}",
            f"--storage.path={directory / 'data'}",
            f"--web.listen-address={url.removeprefix('http://')}",
            "--cluster.listen-address=",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: alerts(url) is not None)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def alerts(url: str) -> list[dict[str, Any]] | None:
    """The active alerts it has; None while it does not answer."""
    try:
        with urlopen(f"{url}/api/v2/alerts", timeout=5) as response:
            return list(json.load(response))
    except (URLError, OSError):
        return None


def severities(url: str) -> list[str]:
    return sorted(alert["labels"]["severity"] for alert in alerts(url) or [])


def target(url: str, name: str = "am", **settings: Any) -> AlertTarget:
    return AlertTarget.model_validate({"kind": "alertmanager", "name": name, "url": url, **settings})


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[str]:
    with alertmanager(tmp_path) as url:
        yield url


def test_an_alert_is_there_while_it_fires_and_gone_when_it_resolved(manager: str) -> None:
    with notifying(target(manager), dashboard="https://argus.example") as made:
        made.fire("ppdb001")
        until(lambda: alerts(manager))
        (alert,) = alerts(manager) or []
        assert alert["labels"] == {
            "alertname": "ArgusThreshold",
            "server": "ppdb001",
            "metric": "mem_used_pct",
            "severity": "warning",
            "profile": "database",
        }
        annotations = alert["annotations"]
        assert annotations["summary"] == "ppdb001: memory 60 % → 99 % in 42 min"
        assert (annotations["minutes_left"], annotations["probability"]) == ("42", "1.00")
        assert annotations["dashboard"] == alert["generatorURL"] == "https://argus.example/servers/ppdb001"
        made.resolve("ppdb001")
        until(lambda: alerts(manager) == [])
        until(lambda: len(made.events(EventKind.NOTIFIED)) == 2)


def test_a_level_that_changes_leaves_one_alert(manager: str) -> None:
    with notifying(target(manager)) as made:
        made.fire()
        until(lambda: severities(manager) == ["warning"])
        made.tick(6, 1.0, level_score=85.0)
        until(lambda: severities(manager) == ["critical"])
        made.tick(7, 1.0)
        made.tick(30, 1.0)
        until(lambda: severities(manager) == ["warning"])


def silence(made: Notifying, seconds: int) -> None:
    request = alert_pb2.CreateSilenceRequest(
        matcher=alert_pb2.AlertMatcher(servers=["web-*"]), duration=Duration(seconds=seconds), author="ada"
    )
    made.desk._actions.create_silence(request, made.clock.now_ms())


def test_what_is_silenced_is_not_sent_until_the_silence_is_over(manager: str) -> None:
    with notifying(target(manager)) as made:
        made.tick(0, 0.0)
        silence(made, seconds=1200)
        made.fire()
        made.fire("other")
        until(lambda: alerts(manager))
        assert [alert["labels"]["server"] for alert in alerts(manager) or []] == ["other"]
        made.tick(21, 1.0)
        until(lambda: len(alerts(manager) or []) == 2)


def test_an_alert_that_is_silenced_while_it_fires_is_not_told_again(manager: str) -> None:
    with notifying(target(manager, resend_seconds=0.2)) as made:
        made.fire()
        until(lambda: alerts(manager))
        silence(made, seconds=7200)
        made.tick(6, 1.0)
        until(lambda: alerts(manager) == [])


def test_an_alertmanager_that_was_restarted_is_told_again(tmp_path: Path) -> None:
    port = free_port()
    with notifying(target(f"http://127.0.0.1:{port}", resend_seconds=0.2)) as made:
        with alertmanager(tmp_path, port) as url:
            made.fire()
            until(lambda: alerts(url))
            until(lambda: made.events(EventKind.NOTIFIED))
        with alertmanager(tmp_path, port) as url:
            until(lambda: alerts(url))


def test_several_are_told_and_one_that_is_down_holds_up_no_other(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    down = free_port()
    with (
        alertmanager(tmp_path / "a") as first,
        notifying(target(first, "a"), target(f"http://127.0.0.1:{down}", "b")) as made,
    ):
        made.fire()
        until(lambda: alerts(first))
        until(lambda: made.counted("argus_notifications_failed_total", "b") > 0)
        with alertmanager(tmp_path / "b", down) as second:
            until(lambda: alerts(second))


def test_hostile_names_arrive_as_they_are(manager: str) -> None:
    name = 'quo"te\\ {{ .Labels }} <b> &'
    with notifying(target(manager)) as made:
        made.fire(name)
        until(lambda: alerts(manager))
        (alert,) = alerts(manager) or []
        assert alert["labels"]["server"] == name
        assert alert["annotations"]["summary"].startswith(name)
