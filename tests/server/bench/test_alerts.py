from __future__ import annotations

from argus_server.bench import alerts


def test_benchmark_times_every_phase() -> None:
    figures = alerts.run(servers=50, firing=5, ticks=5)
    assert set(figures) == {"quiet_ms", "steady_ms", "burst_ms", "written_ms"}
    assert all(value > 0 for value in figures.values())
    assert figures["written_ms"] >= figures["burst_ms"]
