"""From a real Prometheus to a forecast: what `argus adapter init` writes, one line edited, and one command."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from argus_client import ArgusClient, ForecastSource, ServerPrediction
from tests.client.adapters.prometheus_servers import (
    needs_node_exporter,
    needs_prometheus,
    node_exporter,
    prometheus,
    write_history,
)
from tests.client.adapters.test_prometheus_errors import FakePrometheus, serving
from tests.processes import ROOT, Process, ServerProcess, run, until

pytestmark = [pytest.mark.slow, needs_prometheus]

DAY = 86_400


@pytest.fixture
def argus() -> Iterator[str]:
    """An Argus server by the wall clock, with the model that Argus comes with."""
    with ServerProcess("--clock", "wall", "--model", ROOT / "models" / "default") as server:
        yield server.target


def config(directory: Path, url: str, **source: object) -> Path:
    """The configuration that `init` writes, with the address and other settings of the source."""
    file = directory / "prometheus.toml"
    assert run("adapter", "init", "prometheus", "--out", file).code == 0
    lines = file.read_text().replace("http://127.0.0.1:9090", url).splitlines()
    for key, value in source.items():
        (at,) = (index for index, line in enumerate(lines) if line.startswith(f"{key} ="))
        lines[at] = f"{key} = {json.dumps(value)}"
    lines.insert(lines.index("[adapter]") + 1, f"state_dir = {json.dumps(str(directory / 'state'))}")
    file.write_text("\n".join(lines))
    return file


def forecast(client: ArgusClient, server: str) -> ServerPrediction:
    """The server's part of the newest snapshot, once there is one."""
    until(lambda: server in client.get_snapshot().servers)
    return client.get_snapshot(view="full").server(server)


@needs_node_exporter
def test_this_machine_has_a_forecast_after_one_command(argus: str, tmp_path: Path) -> None:
    with node_exporter() as exporter, prometheus(tmp_path, {"node": [exporter]}) as url:
        # Two scrapes make a rate, and the adapter asks for what was a second ago.
        until(lambda: answer(url, "rate(node_cpu_seconds_total[10s] offset 1s)"))
        file = config(tmp_path, url, step_seconds=1, rate_window_seconds=10, settle_seconds=1)
        with ArgusClient(argus) as client:
            with Process(
                "adapter", "run", "prometheus", "--config", file, "--target", argus, "--interval", 1
            ):
                mine = forecast(client, "127.0.0.1")
            until(lambda: client.get_status().accepted_rows >= 1)
            status = client.get_status()
    assert status.rejected_rows == 0
    assert mine.source is ForecastSource.FALLBACK
    assert {"cpu_user_pct", "cpu_idle_pct", "mem_used_pct", "load_average"} <= set(mine.forecasts)
    assert mine.forecasts["cpu_idle_pct"].p50.shape == (96,)
    assert "front_close_wait" not in mine.forecasts


def test_a_day_of_history_gives_the_model_s_forecast_at_once(argus: str, tmp_path: Path) -> None:
    now = int(time.time())
    times = range(now - DAY, now, 60)
    label = 'instance="web-1.example.com:9100"'
    write_history(
        tmp_path,
        {
            f'node_cpu_seconds_total{{{label},mode="{mode}"}}': [
                (at, (at - times[0]) * share) for at in times
            ]
            for mode, share in {"user": 0.3, "system": 0.1, "iowait": 0.05, "idle": 0.55}.items()
        }
        | {
            f"node_memory_MemAvailable_bytes{{{label}}}": [(at, 3e9) for at in times],
            f"node_memory_MemTotal_bytes{{{label}}}": [(at, 8e9) for at in times],
            f"node_load1{{{label}}}": [(at, 1.5) for at in times],
        },
    )
    with prometheus(tmp_path) as url, ArgusClient(argus) as client:
        file = config(tmp_path, url, step_seconds=60)
        # Everything from the rule on that takes the domain off, without its comment signs.
        before, rule, after = file.read_text().partition("# [[mapping.names]]")
        file.write_text(before + (rule + after).replace("# ", ""))
        done = run("adapter", "run", "prometheus", "--config", file, "--target", argus, "--once", "--json")
        tally = done.json()
        until(lambda: forecast(client, "web-1").source is ForecastSource.TFT)
        server = forecast(client, "web-1")
        again = run("adapter", "run", "prometheus", "--config", file, "--target", argus, "--once", "--json")
        status = client.get_status()
    rows = DAY // 60
    assert rows - 10 <= tally["rows_accepted"] <= rows
    assert tally["rows_accepted"] + again.json()["rows_accepted"] == status.accepted_rows
    assert status.rejected_rows == 0
    assert again.json()["rows_accepted"] <= 2
    assert server.display_metrics["cpu"].current == pytest.approx(45.0, abs=0.5)
    assert server.display_metrics["memory"].current == pytest.approx(62.5, abs=0.5)
    assert server.display_metrics["iowait"].current == pytest.approx(5.0, abs=0.2)


def test_a_prometheus_that_lets_nobody_in_ends_the_first_run_with_one_line(tmp_path: Path) -> None:
    fake = FakePrometheus()
    fake.status = 401
    with serving(fake):
        file = config(tmp_path, fake.url)
        line = run("adapter", "run", "prometheus", "--config", file, "--dry-run").error(code=3)
        # Whether the server can be reached makes no difference to what is wrong here.
        once = run("adapter", "run", "prometheus", "--config", file, "--target", "127.0.0.1:1", "--once")
    assert line == (
        f"argus adapter: {fake.url} refuses the credentials (401). Check username and password_file, or "
        "bearer_token_file."
    )
    assert (once.code, once.err.strip().splitlines()[-1]) == (3, line)


def answer(url: str, query: str) -> list[object]:
    """What an instant query gives."""
    with urlopen(f"{url}/api/v1/query?{urlencode({'query': query})}", timeout=5) as response:
        return list(json.load(response)["data"]["result"])
