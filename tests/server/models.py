"""Model artifacts for tests: real ones, made in a moment, that have learned nothing."""

from __future__ import annotations

from pathlib import Path

import torch

from argus_server.forecast.artifact import ArtifactContent, save
from argus_server.forecast.features import FeatureSchema, model_config
from argus_server.forecast.tft import TemporalFusionTransformer


def untrained(path: Path, seed: int = 0, *, horizon: int = 96, context_days: int = 7) -> str:
    """Saves a small model with random weights; returns its revision."""
    torch.manual_seed(seed)
    schema = FeatureSchema(horizon=horizon, context_days=context_days)
    module = TemporalFusionTransformer(model_config(schema, hidden_size=8, attention_heads=1)).eval()
    content = ArtifactContent(
        module=module,
        schema=schema,
        name=path.name,
        training_info={"trained_at_ms": 1_700_000_000_000 + seed},
        metrics={"datasets": {"made-up": {"wql": 0.5}}},
        card="# Untrained\n\nRandom weights, for tests.\n",
    )
    return save(path, content)


def damage(path: Path) -> None:
    """Overwrites some weights of an artifact."""
    weights = path / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-64:] = bytes(64)
    weights.write_bytes(data)
