"""The forecast benchmark measures what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from argus_server.bench import forecast as bench
from argus_server.forecast import artifact, features
from argus_server.forecast.artifact import LoadedModel
from argus_server.metrics import METRICS


def flops(model: LoadedModel, servers: int) -> float:
    values = np.ones((servers, 2016, len(METRICS)), dtype=np.float32)
    built = features.build(model.schema, values, np.array([0]), np.zeros(servers, dtype=np.int8))
    return bench.flops_of(model, built.inputs)


def test_flops_grow_with_the_fleet_and_count_the_lstm(model: LoadedModel) -> None:
    one, two = flops(model, 1), flops(model, 2)
    assert 1.8 < two / one <= 2.0
    # 13 series x 32 tokens, four gates of two 8 x 8 products, 2 FLOPs per multiply-add.
    lstm = 13 * 32 * 4 * 2 * 2 * 8 * 8
    assert one > lstm
    # Any TFT of this width spends at least its attention and gates on top, and nothing like ten times as much.
    assert one < 10 * lstm


@pytest.mark.slow
def test_it_prints_every_figure(artifact_dir: Path) -> None:
    threads = torch.get_num_threads()
    result = bench.run(servers=3, seconds=0.01, model=artifact_dir)
    torch.set_num_threads(threads)
    assert result["servers"] == 3
    assert result["model_revision"] == artifact.load(artifact_dir).revision
    for key in ("fleet_ms", "pytorch_forecasting_predict_ms", "gemm_floor_ms", "forward_ms", "floor_ratio"):
        assert result[key] > 0
    expected = result["pytorch_forecasting_predict_ms"] / result["fleet_ms"]
    assert result["speedup"] == pytest.approx(expected, rel=0.05)
    ratio = result["pytorch_forecasting_parameters"] / result["parameters"]
    assert 0.3 < ratio < 3.0
