"""The exporter against the real thing: promtool's checks, and a Prometheus server that scrapes it."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from argus.v1 import prediction_pb2
from tests.server.models import untrained
from tests.server.running import START_MS, STEP_MS, IngestStream, Running, history, running

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs the Debian package prometheus; make test installs it"
)

NAMES = ["ppdb001", "web-1", 'quo"te\\d']


@pytest.fixture
async def argus(tmp_path: Path) -> AsyncIterator[Running]:
    untrained(tmp_path / "model")
    async with running(model=tmp_path / "model", max_exported_servers=2, retention_hours=1) as started:
        stream = IngestStream(started.ingest)
        await stream.hello()
        batch = history(NAMES, 30)
        await stream.send(1, batch)
        batch.cpu_user_pct[0] = -1
        await stream.send(2, batch)
        await started.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())
        yield started


def get(url: str) -> str:
    with urlopen(url, timeout=5) as response:
        return str(response.read().decode())


async def scrape(argus: Running) -> str:
    return await asyncio.to_thread(get, f"http://{argus.metrics_address}/metrics")


async def test_promtool_has_nothing_to_say(argus: Running) -> None:
    text = await scrape(argus)
    check = await asyncio.to_thread(
        subprocess.run,
        ["promtool", "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (check.returncode, check.stdout, check.stderr) == (0, "", "")


async def test_the_cap_on_servers_is_kept_and_visible(argus: Running) -> None:
    text = await scrape(argus)
    assert sum(line.startswith("argus_server_risk_ratio{") for line in text.splitlines()) == 2
    assert "argus_fleet_gauges_truncated 1.0" in text


async def test_rows_are_counted_by_what_became_of_them(argus: Running) -> None:
    text = await scrape(argus)
    assert 'argus_ingest_rows_total{outcome="accepted",source="test"} 90.0' in text
    assert 'argus_ingest_rows_total{outcome="duplicate",source="test"} 89.0' in text
    assert 'argus_ingest_rejections_total{reason="out_of_range"} 1.0' in text


async def test_a_server_that_left_the_fleet_is_gone_from_the_next_scrape(argus: Running) -> None:
    stream = IngestStream(argus.ingest)
    await stream.hello("later")
    await stream.send(1, history(["newcomer"], 1, START_MS + 50 * STEP_MS))
    await argus.prediction.GetSnapshot(prediction_pb2.GetSnapshotRequest())

    text = await scrape(argus)

    servers = {line for line in text.splitlines() if line.startswith("argus_server_risk_ratio{")}
    assert [line.split('"')[1] for line in servers] == ["newcomer"]


async def test_every_metric_is_documented(argus: Running) -> None:
    text = await scrape(argus)
    exported = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE argus_")}
    exported = {name for name in exported if not name.endswith("_created")}
    documented = Path(__file__).parents[3].joinpath("docs/metrics.md").read_text()
    assert not {name for name in exported if f"`{name}`" not in documented}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def prometheus(directory: Path, target: str) -> Iterator[str]:
    """A Prometheus server that scrapes `target` once a second; yields its address."""
    config = directory / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: 1s}}\n"
        f"scrape_configs: [{{job_name: argus, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--web.listen-address={address}",
            f"--storage.tsdb.path={directory / 'tsdb'}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def query(address: str, expression: str) -> list[dict[str, Any]]:
    try:
        answer = json.loads(get(f"http://{address}/api/v1/query?{urlencode({'query': expression})}"))
    except OSError:
        return []
    return list(answer["data"]["result"])


async def until_found(address: str, expression: str) -> list[dict[str, Any]]:
    """Asks until there is an answer; the test's time-out bounds it."""
    while not (result := await asyncio.to_thread(query, address, expression)):
        await asyncio.sleep(0.2)
    return result


@pytest.mark.slow
async def test_a_real_prometheus_scrapes_it(argus: Running, tmp_path: Path) -> None:
    with prometheus(tmp_path, argus.metrics_address) as address:
        up = await until_found(address, "up == 1")
        risks = await until_found(address, "argus_server_risk_ratio")
        bands = await until_found(address, 'argus_forecast{metric="mem_used_pct",horizon="8h"}')
        rate = await until_found(address, 'argus_ingest_rows_total{outcome="accepted"}')

    assert up[0]["metric"]["job"] == "argus"
    assert len(risks) == 2
    assert {series["metric"]["percentile"] for series in bands} == {"p10", "p50", "p90"}
    assert rate[0]["value"][1] == "90"
