"""Models are loaded beside the one in use and swapped only when they are sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from argus_server.forecast.artifact import ArtifactError, ArtifactReason
from argus_server.forecast.device import DeviceProfile
from argus_server.forecast.models import ModelRegistry
from argus_server.window.frame import WindowFrame
from tests.server.forecast.conftest import write_artifact


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed, name in enumerate(("first", "second")):
        write_artifact(tmp_path / "models" / name, name=name, seed=seed)
    return tmp_path / "models"


@pytest.fixture
def registry(root: Path, profile: DeviceProfile) -> ModelRegistry:
    return ModelRegistry([root], profile, step_seconds=300)


def test_it_starts_without_a_model(registry: ModelRegistry) -> None:
    assert registry.current.model is None
    assert [(entry.name, entry.in_use) for entry in registry.artifacts()] == [
        ("first", False),
        ("second", False),
    ]


def test_reload_swaps_and_roll_back_returns(
    registry: ModelRegistry, root: Path, make_frame: Callable[..., WindowFrame]
) -> None:
    first = registry.reload(root / "first")
    before = registry.current.forecast(make_frame()).quantiles
    second = registry.reload(root / "second")
    assert registry.current is second
    assert registry.current.forecast(make_frame()).quantiles.tobytes() != before.tobytes()
    assert [entry.in_use for entry in registry.artifacts()] == [False, True]
    assert registry.roll_back() is first
    assert registry.current.forecast(make_frame()).quantiles.tobytes() == before.tobytes()
    assert registry.roll_back() is second


def test_a_bad_artifact_leaves_the_model_in_use(registry: ModelRegistry, root: Path) -> None:
    first = registry.reload(root / "first")
    weights = root / "second" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ArtifactError) as caught:
        registry.reload(root / "second")
    assert caught.value.reason is ArtifactReason.CORRUPT_WEIGHTS
    assert registry.current is first
    with pytest.raises(LookupError):
        registry.roll_back()


def test_nothing_outside_the_roots_is_loaded(
    registry: ModelRegistry, root: Path, artifact_dir: Path, tmp_path: Path
) -> None:
    stranger = tmp_path / "elsewhere"
    write_artifact(stranger)
    for path in (stranger, root / ".." / "elsewhere"):
        with pytest.raises(ArtifactError) as caught:
            registry.reload(path)
        assert caught.value.reason is ArtifactReason.OUTSIDE_ROOTS


def test_a_root_may_be_an_artifact_itself(root: Path, profile: DeviceProfile) -> None:
    registry = ModelRegistry([root / "first"], profile)
    assert [entry.name for entry in registry.artifacts()] == ["first"]
    assert registry.reload(root / "first").revision.startswith("first-")


def test_an_unreadable_description_is_listed_without_revision(registry: ModelRegistry, root: Path) -> None:
    (root / "second" / "config.json").write_text("{")
    entries = {entry.name: entry.revision for entry in registry.artifacts()}
    assert entries["second"] == ""
    assert entries["first"] != ""


def test_another_step_is_refused(root: Path, profile: DeviceProfile) -> None:
    with pytest.raises(ArtifactError) as caught:
        ModelRegistry([root], profile, step_seconds=60).reload(root / "first")
    assert caught.value.reason is ArtifactReason.STEP_MISMATCH
