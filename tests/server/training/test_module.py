"""The losses against the definition, in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from argus_server.forecast import features
from argus_server.forecast.features import FeatureSchema, model_config
from argus_server.forecast.tft import TemporalFusionTransformer
from argus_server.metrics import METRICS
from argus_server.training.module import quantile_loss, relative_loss

LEVELS = torch.tensor([0.1, 0.5, 0.9])


def pinball(forecast: list[float], target: float) -> float:
    levels = [0.1, 0.5, 0.9]
    losses = [max(q * (target - f), (q - 1) * (target - f)) for q, f in zip(levels, forecast, strict=True)]
    return sum(losses) / 3


def example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    forecast = torch.randn(4, 6, 3, generator=generator)
    target = torch.randn(4, 6, generator=generator)
    observed = (torch.rand(4, 6, generator=generator) < 0.7).float()
    return forecast, target, observed, torch.randn(4, 6, generator=generator)


def test_quantile_loss() -> None:
    forecast, target, observed, _ = example()
    known = [(s, h) for s in range(4) for h in range(6) if observed[s, h]]
    expected = sum(pinball(forecast[s, h].tolist(), float(target[s, h])) for s, h in known) / len(known)
    assert float(quantile_loss(forecast, target, observed, LEVELS)) == pytest.approx(expected, rel=1e-5)


def test_relative_loss() -> None:
    forecast, target, observed, yesterday = example()
    expected = []
    for s in range(4):
        known = [h for h in range(6) if observed[s, h]]
        loss = sum(pinball([math.sinh(x) for x in forecast[s, h]], math.sinh(target[s, h])) for h in known)
        missed = sum(abs(math.sinh(target[s, h]) - math.sinh(yesterday[s, h])) for h in known)
        strayed = sum(abs(math.sinh(target[s, h])) for h in known)
        count = len(known)
        expected.append(loss / count / (max(missed / count, 0.2) + 0.3 * strayed / count))
    found = relative_loss(forecast, target, observed, yesterday, LEVELS)
    assert float(found) == pytest.approx(sum(expected) / 4, rel=1e-4)


def test_a_burst_beyond_measure_keeps_the_loss_finite() -> None:
    target = torch.full((1, 6), 12.0, requires_grad=False)
    forecast = torch.full((1, 6, 3), -12.0, requires_grad=True)
    loss = relative_loss(forecast, target, torch.ones(1, 6), torch.zeros(1, 6), LEVELS)
    loss.backward()
    assert 0 < float(loss.detach()) <= 10
    assert forecast.grad is not None
    assert bool(forecast.grad.isfinite().all())


def test_a_step_per_token_can_be_trained_as_well() -> None:
    """Whatever the patch, no operation may overwrite what another one's gradient needs."""
    for patch in (1, 4, 12):
        schema = FeatureSchema(patch_length=patch)
        module = TemporalFusionTransformer(model_config(schema, hidden_size=8, attention_heads=2))
        values = np.random.default_rng(0).uniform(10, 50, (1, schema.context_steps, len(METRICS)))
        origin, profile = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int8)
        inputs = features.build(schema, values.astype(np.float32), origin, profile).inputs
        module(inputs).square().mean().backward()
        assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in module.parameters())
