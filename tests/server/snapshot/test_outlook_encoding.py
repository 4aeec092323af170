from __future__ import annotations

import numpy as np
import pytest

from argus.v1 import snapshot_pb2
from argus_server.metrics import METRICS
from argus_server.outlook import HISTORY_STEPS, OutlookFrame
from argus_server.snapshot.outlook_encoding import outlook_entries
from tests.server.snapshot.snapshots import quantiles


def outlooks(servers: int, seed: int = 0) -> OutlookFrame:
    """Random outlooks, some without thresholds, with gaps in their history."""
    rng = np.random.default_rng(seed)
    history = rng.uniform(0, 100, (servers, HISTORY_STEPS)).astype(np.float32)
    history[rng.random(history.shape) < 0.2] = np.nan
    limited = rng.random(servers) < 0.5
    return OutlookFrame(
        metrics=rng.integers(1, len(METRICS) + 1, servers).astype(np.uint8),
        history=history,
        warning=np.where(limited, 80.0, np.nan).astype(np.float32),
        critical=np.where(limited, 90.0, np.nan).astype(np.float32),
    )


@pytest.mark.parametrize("horizon", [1, 12, 40, 96])
def test_entries_are_the_bytes_protobuf_writes(horizon: int) -> None:
    servers = 20
    frame = outlooks(servers)
    series = quantiles(servers)[:, :, :horizon]
    series[3:6, frame.metrics[3:6] - 1] = np.nan

    entries = outlook_entries(frame, series, 300)

    stride = {1: 1, 12: 1, 40: 2, 96: 3}[horizon]
    for server, entry in enumerate(entries):
        expected = snapshot_pb2.Outlook(
            metric=int(frame.metrics[server]),  # type: ignore[arg-type]
            history_step_seconds=300,
            history=frame.history[server],
            band_step_seconds=300 * stride,
        )
        if server not in (3, 4, 5):
            band = series[server, frame.metrics[server] - 1, [*range(stride - 1, horizon, stride)]]
            for quantile, name in enumerate(("p10", "p50", "p90")):
                getattr(expected, name).extend(band[:, quantile])
        if not np.isnan(frame.critical[server]):
            expected.warning, expected.critical = 80.0, 90.0
        assert entry == snapshot_pb2.ServerPrediction(outlook=expected).SerializeToString()


def test_no_servers_give_no_entries() -> None:
    assert outlook_entries(OutlookFrame.empty(0), quantiles(0), 300) == []
