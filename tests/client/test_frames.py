from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from argus_client import FleetSnapshot, frames
from argus_client.extras import MissingExtraError
from argus_client.testing import FakeServer, make_forecasts, make_snapshot


@pytest.fixture
def snapshot() -> FleetSnapshot:
    message = make_snapshot(
        {"web-1": 20.0, "db-1": 70.0}, forecasts=make_forecasts(["load_average"], steps=3)
    )
    message.servers[1].forecasts.add(metric=14, p50=[1.0, 2.0])
    return FleetSnapshot.from_proto(message)


def test_forecasts_in_long_format(snapshot: FleetSnapshot) -> None:
    frame = snapshot.to_pandas()

    assert list(frame.columns) == ["server_name", "metric", "time", "p10", "p50", "p90"]
    assert frame["server_name"].tolist() == ["db-1"] * 3 + ["web-1"] * 5
    assert frame["metric"].tolist() == ["load_average"] * 6 + ["uptime_days"] * 2
    assert frame["time"][0] == pd.Timestamp(1_750_000_300_000, unit="ms", tz="UTC")
    assert frame["time"][7] == pd.Timestamp(1_750_000_600_000, unit="ms", tz="UTC")
    assert frame["p10"].tolist() == [45.0] * 6 + [1.0, 2.0]
    assert frame["p90"].dtype == np.float32


def test_arrow_holds_the_same(snapshot: FleetSnapshot) -> None:
    table = snapshot.to_arrow()

    assert table.schema.field("time").type == pa.timestamp("ms", tz="UTC")
    pd.testing.assert_frame_equal(
        table.to_pandas(), snapshot.to_pandas(), check_categorical=False, check_index_type=False
    )


def test_a_summary_gives_no_rows_but_all_columns() -> None:
    empty = FleetSnapshot.from_proto(make_snapshot({"a": 1.0}))

    assert empty.to_pandas().shape == (0, 6)
    assert empty.to_arrow().shape == (0, 6)


def test_servers_riskiest_first(snapshot: FleetSnapshot) -> None:
    frame = frames.servers_to_pandas(snapshot)

    assert frame["server_name"].tolist() == ["db-1", "web-1"]
    assert frame["alert_level"].tolist() == ["warning", "healthy"]
    assert frame["cpu_predicted"].tolist() == [71.0, 21.0]
    assert frame["memory_current"].isna().all()
    assert frame["last_sample"][0] == pd.Timestamp(1_750_000_299_000, unit="ms", tz="UTC")
    table = frames.servers_to_arrow(snapshot)
    assert table.column_names == list(frame.columns)
    assert table["risk_score"].to_pylist() == [70.0, 20.0]


def test_forecasts_of_a_call_become_a_frame_too(server: FakeServer) -> None:
    from argus_client import ArgusClient

    server.publish(make_snapshot({"web-1": 20.0}, forecasts=make_forecasts()))
    with ArgusClient(server.target) as client:
        frame = frames.to_pandas(client.get_forecast(["web-1"], horizon_steps=4))

    assert len(frame) == 14 * 4


@pytest.mark.parametrize(("convert", "module"), [(frames.to_pandas, "pandas"), (frames.to_arrow, "pyarrow")])
def test_a_missing_extra_is_named(
    snapshot: FleetSnapshot, monkeypatch: pytest.MonkeyPatch, convert: object, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(MissingExtraError, match=r"argus-forecast\[frames\]"):
        convert(snapshot)  # type: ignore[operator]
