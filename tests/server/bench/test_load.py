from __future__ import annotations

import pytest

from argus_server.bench import load

pytestmark = pytest.mark.slow


def test_a_small_load_is_carried_without_an_error_and_measured() -> None:
    figures = load.run(
        sources=3, servers=4, subscribers=4, seconds=8.0, cadence_seconds=1.0, history_hours=3.0
    )
    assert (figures["errors"], figures["throttles"]) == (0, 0), figures
    assert figures["rows"] > 12 * 36
    assert figures["warm_servers"] == 12
    assert figures["batches"] >= 3
    assert 0 < figures["ack_ms_p50"] <= figures["ack_ms_p99"] <= figures["ack_ms_max"]
    assert figures["updates"] >= 4
    assert {"admin_ms_p99", "fresh_ms_p99", "history_ms_p99"} <= set(figures)
    assert len(figures["rss_mb"]) == 6
    assert figures["server_cores"] > 0
