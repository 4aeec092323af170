"""Training windows: reproducible, damaged like live ones, and with the future behind the origin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from argus_server.forecast.features import MODELLED, FeatureSchema
from argus_server.training import corpus
from argus_server.training.corpus import History
from argus_server.training.sampling import Batch, SamplingConfig, WindowSampler

SCHEMA = FeatureSchema()


@pytest.fixture
def histories(fleet_file: Path) -> list[History]:
    return corpus.load(fleet_file, 300)[0]


def batches(histories: list[History], seed: int = 1, **options: bool) -> list[Batch]:
    config = SamplingConfig(series=64)
    return list(WindowSampler(histories, SCHEMA, config, batches=3, seed=seed, **options))


def flat(batch: Batch) -> bytes:
    return batch.target.numpy().tobytes() + batch.inputs.encoder[0].numpy().tobytes()


def test_shapes(histories: list[History]) -> None:
    batch = batches(histories)[0]
    assert batch.target.shape == batch.observed.shape == (64, 96)
    assert batch.inputs.encoder[0].shape == (64, 1, 24, 24)
    assert batch.inputs.encoder[2].shape == (64, 1, 24, 2 * len(MODELLED))
    assert batch.inputs.decoder[0].shape == (64, 1, 8, 24)
    for tensor in (batch.target, *batch.inputs.encoder, *batch.inputs.decoder, *batch.inputs.static_reals):
        assert bool(tensor.isfinite().all())


def test_the_seed_decides_everything(histories: list[History]) -> None:
    assert [flat(b) for b in batches(histories)] == [flat(b) for b in batches(histories)]
    assert flat(batches(histories)[0]) != flat(batches(histories, seed=2)[0])


def test_passes_differ_unless_fixed(histories: list[History]) -> None:
    config = SamplingConfig(series=64)
    fresh = WindowSampler(histories, SCHEMA, config, batches=1, seed=1)
    assert flat(next(iter(fresh))) != flat(next(iter(fresh)))
    fixed = WindowSampler(histories, SCHEMA, config, batches=1, seed=1, fixed=True)
    assert flat(next(iter(fixed))) == flat(next(iter(fixed)))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_workers_share_a_pass_without_repeating(histories: list[History]) -> None:
    config = SamplingConfig(series=16)
    windows = WindowSampler(histories, SCHEMA, config, batches=5, seed=1)
    loader = DataLoader(windows, batch_size=None, num_workers=2, persistent_workers=True)
    first = [flat(batch) for batch in loader]
    second = [flat(batch) for batch in loader]
    assert len(first) == len(second) == 5
    assert len(set(first + second)) == 10
    alone = WindowSampler(histories, SCHEMA, config, batches=5, seed=1)
    assert first == [flat(batch) for batch in alone], "whoever draws a batch, it is the same"


def test_only_measured_metrics_are_targets(histories: list[History]) -> None:
    codes = torch.cat([b.inputs.static_categoricals[:, 0, 0] for b in batches(histories, damage=False)])
    assert {MODELLED[code] for code in codes.unique().tolist()} == {
        "cpu_user_pct",
        "cpu_idle_pct",
        "net_in_mb_s",
    }


def test_the_test_part_is_never_drawn(histories: list[History]) -> None:
    """Were a row after the boundary touched, the poison there would show."""
    for history in histories:
        history.values[history.boundary :] = 1e30
    for batch in batches(histories, damage=False):
        assert float(batch.target.abs().max()) < 11.0


def test_the_target_is_what_follows_the_window() -> None:
    """On a ramp every target step is the last value plus its distance."""
    values = np.full((600, 14), np.nan, dtype=np.float32)
    values[:, 0] = np.arange(600) / 10
    ramp = History("ramp", "test", 0, 0, 300, values, 600)
    config = SamplingConfig(series=16)
    batch = next(iter(WindowSampler([ramp], SCHEMA, config, batches=1, seed=1, damage=False)))
    last = np.sinh(batch.inputs.baselines.numpy()[:, 0, 0, 0, 0])  # type: ignore[union-attr]
    target = np.sinh(batch.target.numpy())
    rise = np.diff(target, axis=1)
    np.testing.assert_allclose(target[:, 0] - last, rise[:, 0], rtol=1e-2)


def test_damage_shortens_and_hides(histories: list[History]) -> None:
    damaged = batches(histories)
    sound = batches(histories, damage=False)

    def observed(found: list[Batch]) -> float:
        return float(torch.cat([b.inputs.encoder[0][..., 12:] for b in found]).mean())

    def hidden_calendars(found: list[Batch]) -> float:
        calendar = torch.cat([b.inputs.encoder[3][:, 0, 0, :4] for b in found])
        return float((calendar == 0).all(dim=-1).float().mean())

    assert observed(damaged) < observed(sound)
    assert hidden_calendars(sound) == 0
    assert 0.2 < hidden_calendars(damaged) < 0.8
    codes = torch.cat([b.inputs.static_categoricals[:, 0, 0] for b in damaged])
    assert (codes == len(MODELLED)).any()


def test_short_histories_are_refused(histories: list[History]) -> None:
    short = [History(h.name, h.source, 0, 0, 300, h.values[:100], 100) for h in histories]
    with pytest.raises(ValueError, match="no server has 120 training steps"):
        WindowSampler(short, SCHEMA, SamplingConfig(), batches=1, seed=1)


def test_servers_without_readings_do_not_hang_it() -> None:
    nothing = np.full((600, 14), np.nan, dtype=np.float32)
    silent = History("a", "x", 0, 0, 300, nothing, 600)
    with pytest.raises(ValueError, match="no training row of x has a reading"):
        WindowSampler([silent], SCHEMA, SamplingConfig(series=4), batches=1, seed=1)
    hardly = nothing.copy()
    hardly[300, 0] = 1.0
    almost_silent = replace(silent, values=hardly)
    with pytest.raises(ValueError, match="are the metrics measured at all"):
        next(iter(WindowSampler([almost_silent], SCHEMA, SamplingConfig(series=4), batches=1, seed=1)))


def test_files_are_drawn_by_weight(histories: list[History]) -> None:
    """With all the weight on one file, no window of the other is drawn."""
    first = [replace(h, source="a") for h in histories[:1]]
    others = [replace(h, source="b", values=np.full_like(h.values, 77.0)) for h in histories[1:]]
    config = SamplingConfig(series=64, source_weights=(("a", 1.0), ("b", 0.0)))
    sampler = WindowSampler(first + others, SCHEMA, config, batches=2, seed=1, damage=False)
    for batch in sampler:
        assert not bool((batch.inputs.static_reals[0][..., 0] == 0.77).any())
    with pytest.raises(ValueError, match="no weight is given for b"):
        WindowSampler(
            first + others, SCHEMA, replace(config, source_weights=(("a", 1.0),)), batches=1, seed=1
        )
    with pytest.raises(ValueError, match="every file has the weight 0"):
        WindowSampler(first, SCHEMA, replace(config, source_weights=(("a", 0.0),)), batches=1, seed=1)
