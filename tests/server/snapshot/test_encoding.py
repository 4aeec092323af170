from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.v1 import snapshot_pb2
from argus_server.metrics import METRIC_INDEX, METRICS, P10, P50, P90
from argus_server.snapshot import encoding
from tests.server.snapshot.snapshots import HORIZON, quantiles


def expected_entry(metric: int, series: np.ndarray) -> bytes:
    """What protobuf itself writes for one metric of one server; series is [steps, 3]."""
    forecast = snapshot_pb2.MetricForecast(metric=metric, p50=series[:, P50])
    if (series[:, P10] != series[:, P90]).any():
        forecast.p10.extend(series[:, P10])
        forecast.p90.extend(series[:, P90])
    return snapshot_pb2.ServerPrediction(forecasts=[forecast]).SerializeToString()


@pytest.mark.parametrize("steps", [1, 12, HORIZON])
def test_entries_are_the_bytes_protobuf_writes(steps: int) -> None:
    series = quantiles(5)
    series[:, METRIC_INDEX["uptime_days"]] = series[:, METRIC_INDEX["uptime_days"], :, :1]
    series[2, METRIC_INDEX["swap_used_pct"]] = np.nan

    entries = encoding.forecast_series(series, steps)

    for index in range(len(METRICS)):
        for server in range(5):
            if np.isnan(series[server, index]).all():
                assert entries[index][server] == b""
            else:
                assert entries[index][server] == expected_entry(index + 1, series[server, index, :steps])


def test_a_certain_forecast_is_sent_once() -> None:
    series = quantiles(1)
    series[0, 0] = series[0, 0, :, :1]

    entry = encoding.forecast_series(series, HORIZON)[0][0]

    forecast = snapshot_pb2.ServerPrediction.FromString(entry).forecasts[0]
    assert len(forecast.p50) == HORIZON
    assert not forecast.p10
    assert not forecast.p90


def test_no_servers_give_no_entries() -> None:
    assert encoding.forecast_series(np.empty((0, len(METRICS), HORIZON, 3), np.float32), 12) == [[]] * len(
        METRICS
    )


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_varints_are_those_of_protobuf(value: int) -> None:
    expected = snapshot_pb2.SnapshotHeader(revision=value).SerializeToString()[1:] if value else b"\x00"
    assert encoding.varint(value) == expected


@given(st.text(max_size=300))
def test_delimited_fields_are_those_of_protobuf(text: str) -> None:
    if text:
        expected = snapshot_pb2.Cause(text=text).SerializeToString()
        assert encoding.delimited(4, text.encode()) == expected
