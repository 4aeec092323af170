"""Real recordings, replayed through a real server with the shipped model."""

from __future__ import annotations

import pyarrow.compute
import pyarrow.parquet
import pytest

from argus_client import ArgusClient
from argus_server.metrics import METRICS
from tests.processes import ROOT, SECONDS, ServerProcess, run

pytestmark = pytest.mark.slow

RECORDINGS = ROOT.parent / "shared" / "data" / "smd_dev_metrics.parquet"


@pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings are not part of the repository")
def test_recordings_of_real_servers_give_forecasts_of_their_future() -> None:
    with ServerProcess("--tick-seconds", "5") as server, ArgusClient(server.target) as client:
        counts = run("replay", RECORDINGS, "--target", server.target, "--json").json()
        made = run("snapshot", "--target", server.target, "--view", "full", "--json").json()
        snapshot = client.get_snapshot(view="full", timeout=SECONDS)
        status = run("status", "--target", server.target, "--json").json()

    table = pyarrow.parquet.read_table(RECORDINGS, columns=["timestamp", "server_name"])
    names = set(table["server_name"].to_pylist())
    assert counts == {
        "rows_sent": table.num_rows,
        "rows_accepted": table.num_rows,
        "rows_rejected": 0,
        "rows_duplicate": 0,
    }
    assert {server["server_name"]: server["source"] for server in made["servers"]} == dict.fromkeys(
        names, "TFT"
    )
    assert (status["degraded"], status["servers"], status["warm_servers"]) == (False, len(names), len(names))
    assert status["model"]["kind"] == "TFT"
    for one in made["servers"]:
        for quantiles in one["forecast"].values():
            for low, middle, high in zip(*(quantiles[name] for name in ("p10", "p50", "p90")), strict=True):
                assert low <= middle <= high
        assert set(one["forecast"]) <= set(METRICS)

    header = snapshot.header
    times = header.step_times_ms(header.horizon_steps)
    last_ms = pyarrow.compute.max(table["timestamp"]).cast("timestamp[ms]").cast("int64").as_py()
    assert header.forecast_origin_ms <= last_ms < times[0] == header.forecast_origin_ms + 300_000
    assert len(times) == 96
