"""The training benchmark measures what it says."""

from __future__ import annotations

import pytest
import torch

from argus_server.bench import training as bench


@pytest.mark.slow
def test_it_prints_every_figure() -> None:
    threads = torch.get_num_threads()
    result = bench.run(batch=8, seconds=0.01, rounds=1, hidden_size=8)
    assert torch.get_num_threads() == threads
    for key in ("windows_per_second", "classic_windows_per_second", "pytorch_forecasting_windows_per_second"):
        assert result[key] > 0
    expected = result["windows_per_second"] / result["pytorch_forecasting_windows_per_second"]
    assert result["ratio"] == pytest.approx(expected, abs=0.06)
    assert set(result["batches"]) == set(result["spread"]) == {"ours", "classic", "reference"}
    size = result["pytorch_forecasting_parameters"] / result["parameters"]
    assert 0.3 < size < 3.0
