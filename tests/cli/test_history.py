"""`argus history` against a real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from argus_client import METRICS, ArgusClient
from argus_client.adapters.replay import ReplaySource
from argus_client.cli.feeding import feed
from tests.cli.conftest import SERVERS, STEPS, Command
from tests.cli.serving import serving
from tests.processes import until
from tests.server.running import START_MS

SINCE = datetime.fromtimestamp(START_MS / 1000, UTC).isoformat()


@pytest.fixture(scope="module")
def recorded(history_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has recorded a few hours of the five servers of the file, the first of them in trouble."""
    with serving(data_dir=tmp_path_factory.mktemp("data")) as target:
        feed(target, ReplaySource(history_file), threading.Event(), source_id="fleet")
        with ArgusClient(target) as client:
            client.get_snapshot()
            until(lambda: any(client.history.export("fleet_risk", format="csv", last="8h")))
            until(lambda: len(client.history.alert_events(last="8h")))
        yield target


def test_the_summary(argus: Command, recorded: str) -> None:
    made = argus("history", "summary", "--range", "8h", "--target", recorded, "--json").json()
    assert (made["servers"], made["incidents"], made["predicted_incidents"]) == (len(SERVERS), 0, 0)
    # What was sent afterwards is from before the server watched: nobody's to foretell.
    assert made["watched_since_ms"] > made["start_ms"]
    assert made["resolution_ratio"] is None

    shown = argus("history", "summary", "--since", SINCE, "--target", recorded)
    assert shown.code == 0
    assert "0 on 0 servers" in shown.out
    assert "counted since  20" in shown.out


def test_the_past_of_a_server(argus: Command, recorded: str) -> None:
    made = argus("history", "server", "postgres-1", "--range", "8h", "--target", recorded, "--json").json()
    assert made["metrics"].keys() == set(METRICS)
    assert max(score for score in made["risk_score"] if score is not None) > 30

    shown = argus(
        *("history", "server", "postgres-1", "--range", "3h", "--target", recorded),
        *("--metric", "cpu_idle_pct", "--points", 12, "--horizon", 30),
    )
    assert shown.code == 0
    assert "made 30 minutes before" in shown.out
    assert "0.0 (- - -)" in shown.out
    assert sum(line.startswith("20") for line in shown.out.splitlines()) <= 12

    unknown = argus("history", "server", "nobody", "--target", recorded)
    assert "'nobody' is not in the fleet" in unknown.error()


def test_the_past_of_the_fleet(argus: Command, recorded: str) -> None:
    made = argus("history", "fleet", "--range", "8h", "--target", recorded, "--json").json()
    assert max(count for count in made["total_servers"] if count) == len(SERVERS)
    shown = argus("history", "fleet", "--range", "8h", "--target", recorded)
    assert (shown.code, "incident 8 h" in shown.out) == (0, True)


def test_alert_events(argus: Command, recorded: str) -> None:
    made = argus("history", "events", "--range", "1M", "--target", recorded, "--json").json()
    assert made["total"] == len(made["events"]) > 0
    assert {event["server_name"] for event in made["events"]} == {"postgres-1"}
    shown = argus("history", "events", "--target", recorded, "--limit", 1)
    assert (shown.code, "the newest 1 of" in shown.out) == (0, True)
    assert "No alert events" in argus("history", "events", "--server", "web-1", "--target", recorded).out


def test_an_export(argus: Command, recorded: str, tmp_path: Path) -> None:
    out = tmp_path / "metrics.arrow"
    done = argus("history", "export", "--table", "metrics", "--out", out, "--target", recorded, "--json")
    assert done.json() == {"file": str(out), "bytes": out.stat().st_size}
    assert pa.ipc.open_stream(out.read_bytes()).read_all().num_rows == STEPS * len(SERVERS)

    done = argus(
        *("history", "export", "--table", "server_risk", "--format", "csv", "--out", tmp_path / "risk.csv"),
        *("--target", recorded, "--server", "web-1"),
    )
    lines = (tmp_path / "risk.csv").read_text().splitlines()
    assert lines[0].startswith('"timestamp","server_name","risk_score"')
    assert {line.split(",")[1] for line in lines[1:]} == {'"web-1"'}
    assert f"{(tmp_path / 'risk.csv').stat().st_size} bytes of server_risk" in done.err

    piped = argus(
        "history", "export", "--table", "server_risk", "--format", "csv", "--out", "-", "--target", recorded
    )
    assert piped.out.splitlines()[0] == lines[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("summary", "--range", "fortnight"), "no length of time"),
        (("summary", "--since", "yesterday"), "is no time"),
        (("summary", "--since", SINCE, "--range", "1d"), "give one"),
        (("server", "web-1", "--metric", "cpu"), "no metric"),
        (("export", "--table", "rows", "--out", "-"), "none of metrics"),
        (("export", "--table", "metrics", "--out", "-", "--format", "xlsx"), "none of arrow, csv"),
    ],
)
def test_wrong_usage(argus: Command, arguments: tuple[str, ...], says: str) -> None:
    done = argus("history", *arguments)
    assert done.code == 2
    assert says in " ".join(done.err.replace("│", "").split())


def test_a_span_that_is_too_long_is_an_error_in_one_line(argus: Command, recorded: str) -> None:
    assert "at most 31 days" in argus("history", "summary", "--range", "9w", "--target", recorded).error()


def test_a_server_that_records_nothing_says_so(argus: Command, fleet: str) -> None:
    assert "capabilities" in argus("history", "summary", "--target", fleet).error()


def test_json_is_strict(argus: Command, recorded: str) -> None:
    text = argus("history", "server", "web-1", "--target", recorded, "--json").out
    assert "NaN" not in text
    assert json.loads(text)["server_name"] == "web-1"
