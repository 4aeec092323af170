from __future__ import annotations

from argus_server.bench import outlook


def test_benchmark_weighs_what_outlooks_add() -> None:
    figures = outlook.run(servers=5, ticks=2)

    assert figures["outlook_bytes"] - figures["summary_bytes"] > 32 * 12 + 36 * 4
    assert figures["frame_bytes"] == 36 * 4 + 9
    assert all(value > 0 for value in figures.values())
