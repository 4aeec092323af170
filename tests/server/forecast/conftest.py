"""A tiny model with random weights: real inference in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from argus_server.forecast import artifact
from argus_server.forecast.artifact import ArtifactContent, LoadedModel
from argus_server.forecast.device import CPU, DeviceProfile
from argus_server.forecast.features import FeatureSchema, model_config
from argus_server.forecast.tft import TemporalFusionTransformer
from argus_server.metrics import METRICS
from argus_server.window.frame import WindowFrame

ORIGIN_MS = 1_767_225_600_000


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    """Tiny products are faster without a thread pool, and reproducible."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def write_artifact(path: Path, name: str = "tiny", seed: int = 0) -> str:
    torch.manual_seed(seed)
    schema = FeatureSchema()
    module = TemporalFusionTransformer(model_config(schema, hidden_size=8, attention_heads=2))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    content = ArtifactContent(
        module, schema, name, {"data": []}, {"datasets": {}}, card=f"# {name}\n", min_encoder_steps=24
    )
    return artifact.save(path, content)


@pytest.fixture
def artifact_dir(tmp_path: Path) -> Path:
    path = tmp_path / "models" / "tiny"
    write_artifact(path)
    return path


@pytest.fixture
def model(artifact_dir: Path) -> LoadedModel:
    return artifact.load(artifact_dir)


@pytest.fixture
def profile() -> DeviceProfile:
    """Four servers a pass, so that small fleets already need several."""
    return DeviceProfile("test", CPU.device, 4, 4, 0, "highest", 1.0)


@pytest.fixture
def make_frame() -> Callable[..., WindowFrame]:
    """Fleets with a daily cycle; `observed` cuts each server's past down to that many steps."""

    def make(servers: int = 6, observed: int = 2016, seed: int = 1, steps: int = 2016) -> WindowFrame:
        rng = np.random.default_rng(seed)
        cycle = 30.0 + 20.0 * np.sin(2.0 * np.pi * np.arange(steps) / 288)
        values = cycle[None, :, None] * rng.uniform(0.3, 1.5, (servers, 1, len(METRICS)))
        values = (values + rng.normal(0.0, 3.0, (servers, steps, len(METRICS)))).clip(0.0, 100.0)
        values = values.astype(np.float32)
        values[:, :, METRICS.index("uptime_days")] = 3.0 + np.arange(steps) / 288
        values[:, : steps - observed] = np.nan
        return WindowFrame(
            server_names=tuple(f"s{index}" for index in range(servers)),
            values=values,
            origin_ms=ORIGIN_MS,
            step_seconds=300,
            profiles=np.zeros(servers, dtype=np.int8),
            observed_steps=np.full(servers, min(observed, steps), dtype=np.int32),
        )

    return make
