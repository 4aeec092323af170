from __future__ import annotations

import pytest

from argus_server.bench import window


@pytest.mark.parametrize("backfill", [False, True])
def test_benchmark_takes_every_row_in(backfill: bool) -> None:
    figures = window.run(servers=10, batch_rows=50, batches=3, backfill=backfill)
    assert set(figures) == {
        "rows_per_second",
        "batch_us",
        "decode_us",
        "validate_us",
        "write_us",
        "bytes_per_server",
    }
    assert figures["rows_per_second"] == pytest.approx(50 / figures["batch_us"] * 1e6)
    assert all(value > 0 for value in figures.values())
