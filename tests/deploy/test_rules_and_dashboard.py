"""Alert rules and dashboard against the real promtool and what a server really exposes."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import grpc
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from argus.v1 import prediction_pb2
from tests.certificates import Authority
from tests.processes import ROOT
from tests.server.models import untrained
from tests.server.running import IngestStream, history, running

PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "argus.json").read_text())
RULES_TEST = Path(__file__).parent / "argus.rules.test.yml"

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs the Debian package prometheus; make test installs it"
)
_NAME = re.compile(r"\bargus_[a-z0-9_]+")
_LABELLED = re.compile(r"\b(argus_[a-z0-9_]+)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*=\s*"([^"$]+)"')


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """Labels of each series that a server with rows of all kinds exposes, by name."""
    directory = tmp_path_factory.mktemp("server")
    untrained(directory / "model")
    authority = Authority()
    certificate, key = authority.issue("argus").write(directory, "server")

    async def scrape() -> str:
        async with running(
            model=directory / "model",
            data_dir=directory / "data",
            tls_cert=certificate,
            tls_key=key,
            credentials=grpc.ssl_channel_credentials(authority.pem),
        ) as argus:
            stream = IngestStream(argus.ingest)
            await stream.hello()
            batch = history(["web-1", "full"], 30)
            batch.disk_usage_pct[1::2] = [99.0] * 30
            batch.mem_used_pct[1::2] = [99.0] * 30
            batch.cpu_idle_pct[1::2] = [0.0] * 30
            await stream.send(1, batch)
            batch.cpu_user_pct[0] = -1
            await stream.send(2, batch)
            await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())

            def get() -> str:
                trust = ssl.create_default_context(cadata=authority.pem.decode())
                address = f"https://{argus.metrics_address}/metrics"
                with urlopen(address, timeout=5, context=trust) as response:
                    return str(response.read().decode())

            return await asyncio.to_thread(get)

    series: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(asyncio.run(scrape())):
        if not family.samples:  # it has labels, and nothing has happened yet that it counts
            suffix = {"counter": "_total", "histogram": "_bucket"}.get(family.type, "")
            series[family.name + suffix] = []
        for sample in family.samples:
            series.setdefault(sample.name, []).append(sample.labels)
    return series


def promtool(*arguments: object) -> str:
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rule_expressions() -> dict[str, str]:
    """Expression of each alert rule."""
    groups = yaml.safe_load((PROMETHEUS / "argus.rules.yml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def expressions(dashboard: Any) -> Iterator[str]:
    """Every query of a dashboard."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["definition"]


@needs_promtool
def test_prometheus_takes_the_configuration() -> None:
    assert "SUCCESS" in promtool("check", "config", PROMETHEUS / "prometheus.yml")


@needs_promtool
def test_every_rule_fires_when_it_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", RULES_TEST)
    tested = set(re.findall(r"alertname: (\w+)", RULES_TEST.read_text()))
    assert tested == set(rule_expressions())


@needs_promtool
def test_a_rule_that_is_wrong_is_found(tmp_path: Path) -> None:
    """What holds the rules to their tests can see one that fails them."""
    rules = (PROMETHEUS / "argus.rules.yml").read_text()
    (tmp_path / "argus.rules.yml").write_text(rules.replace("argus_degraded == 1", "argus_degraded == 2"))
    tests = RULES_TEST.read_text().replace("../../deploy/prometheus/", "")
    (tmp_path / "tests.yml").write_text(tests)
    with pytest.raises(AssertionError, match="ArgusDegraded"):
        promtool("test", "rules", tmp_path / "tests.yml")


def test_rules_speak_of_series_that_exist(exposed: dict[str, list[dict[str, str]]]) -> None:
    found = rule_expressions()
    assert len(found) >= 15
    for alert, expression in found.items():
        check(alert, expression, exposed, {"rejected", "failed", "fallback", "critical", "30m", "accepted"})


def test_the_dashboard_queries_series_that_exist(exposed: dict[str, list[dict[str, str]]]) -> None:
    found = list(expressions(DASHBOARD))
    assert len(found) > 30
    for expression in found:
        assert expression.count("(") == expression.count(")")
        check("dashboard", expression, exposed, set())


def check(where: str, expression: str, exposed: dict[str, list[dict[str, str]]], values: set[str]) -> None:
    """Every series of an expression is exposed, with the labels and values that it picks."""
    for name in _NAME.findall(expression):
        assert name in exposed, f"{where}: {name}"
    for name, matchers in _LABELLED.findall(expression):
        if not exposed[name]:
            continue
        labels = {key for series in exposed[name] for key in series}
        for key in re.findall(r"(\w+)\s*(?:=|!)", matchers):
            assert key in labels | {"job", "instance"}, f"{where}: {name} has no label {key}"
        for key, value in _MATCHER.findall(matchers):
            assert value in values | {series.get(key) for series in exposed[name]}, f"{where}: {key}={value}"


def test_the_dashboard_is_one_that_grafana_can_lay_out() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    text = json.dumps(DASHBOARD)
    named = set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval"}
    assert named <= variables


def test_every_metric_is_somewhere_in_the_dashboard_or_left_out_on_purpose(
    exposed: dict[str, list[dict[str, str]]],
) -> None:
    """A metric nobody looks at may as well not exist."""
    shown = {name for expression in expressions(DASHBOARD) for name in _NAME.findall(expression)}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    left_out = {
        *("argus_ingest_batch_rows", "argus_model_load_duration_seconds", "argus_snapshot_bytes"),
        *("argus_snapshot_revision", "argus_fleet_gauges_truncated"),
        *("argus_store_damaged_places", "argus_store_recovered_rows", "argus_store_torn_bytes"),
    }
    known = {
        re.sub(r"_(bucket|count|sum|created)$", "", name) for name in exposed if name.startswith("argus_")
    }
    known = {name for name in known if f"{name}_total" not in exposed}
    assert known - families == left_out
