"""A calibrator is fitted to what happened on servers that no weight was fitted to, kept in the artifact, and served."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from argus_server.evaluation import calibrating
from argus_server.evaluation.calibrating import fit_calibrator
from argus_server.evaluation.rolling import Candidate
from argus_server.forecast import artifact
from argus_server.forecast.artifact import ArtifactError
from argus_server.metrics import METRICS
from argus_server.risk.calibration import Calibrator, HorizonMap
from argus_server.risk.scoring import RiskInputs, score
from argus_server.risk.table_file import load_tables
from argus_server.training.corpus import History
from tests.server.forecast.conftest import write_artifact

MILD = Calibrator((HorizonMap(30.0, -1.0, 0.5), HorizonMap(480.0, -0.5, 0.8)))


def lively(servers: int, steps: int = 288 * 12) -> list[History]:
    """CPU that crosses its limit now and then."""
    rng = np.random.default_rng(2)
    found = []
    for number in range(servers):
        values = np.full((steps, len(METRICS)), np.nan, dtype=np.float32)
        wave = 68 + 25 * np.sin(2 * np.pi * np.arange(steps) / 288 + number)
        cpu = (wave + rng.normal(0, 8, steps)).clip(0, 100)
        values[:, METRICS.index("cpu_user_pct")] = cpu
        values[:, METRICS.index("cpu_idle_pct")] = 100 - cpu
        found.append(History(f"s{number}", "test", 0, 1_700_000_100_000, 300, values, steps))
    return found


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    write_artifact(tmp_path / "m")
    return Candidate.of(artifact.load(tmp_path / "m"))


def test_probabilities_of_a_model_that_knows_nothing_are_brought_to_the_base_rate(
    candidate: Candidate,
) -> None:
    calibrator = fit_calibrator(candidate, lively(16))
    assert calibrator is not None
    assert [one.minutes for one in calibrator.maps] == [30.0, 480.0]
    assert [one.minutes for one in calibrator.dependence] == [30.0, 480.0]
    again = fit_calibrator(replace(candidate, calibrator=MILD), lively(16))
    assert again == calibrator, (
        "a calibrator is fitted to what the forecasts say, not to what another made of it"
    )


def test_too_few_crossings_say_nothing(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = [replace(h, values=np.where(np.isnan(h.values), h.values, 20.0)) for h in lively(2)]
    assert fit_calibrator(candidate, quiet) is None
    assert fit_calibrator(candidate, []) is None
    monkeypatch.setattr(calibrating, "LEAST_CROSSINGS", 10**6)
    assert fit_calibrator(candidate, lively(2)) is None


def test_an_artifact_keeps_its_calibrator(tmp_path: Path) -> None:
    write_artifact(tmp_path / "m")
    model = artifact.load(tmp_path / "m")
    assert model.calibrator is None
    content = artifact.ArtifactContent(
        model.module, model.schema, "m", model.training_info, model.metrics, "# m\n", calibrator=MILD
    )
    artifact.save(tmp_path / "m", content)
    again = artifact.load(tmp_path / "m")
    assert again.calibrator == MILD
    assert again.revision.removeprefix("m-") == model.revision.removeprefix("tiny-")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"probabilities": {}}', '{"probabilities": 3}'])
def test_an_odd_calibration_is_refused(tmp_path: Path, text: str) -> None:
    write_artifact(tmp_path / "m")
    (tmp_path / "m" / "calibration.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"calibration\.json"):
        artifact.load(tmp_path / "m")


def test_what_is_served_is_calibrated() -> None:
    quantiles = np.full((1, len(METRICS), 96, 3), np.nan, dtype=np.float32)
    quantiles[0, METRICS.index("mem_used_pct")] = (80.0, 90.0, 99.0)
    current = np.full((1, len(METRICS)), np.nan, dtype=np.float32)
    current[0, METRICS.index("mem_used_pct")] = 85.0
    inputs = RiskInputs(
        current=current,
        quantiles=quantiles,
        profiles=np.zeros(1, np.int8),
        silent=np.zeros(1, bool),
        silent_minutes=np.zeros(1, np.float32),
        cores=np.full(1, np.nan, np.float32),
        step_seconds=300,
    )
    tables = load_tables(None)
    plain = score(inputs, tables)
    mild = score(replace(inputs, calibrator=MILD), tables)
    assert 0 < mild.probability_30m[0] < plain.probability_30m[0]
    expected = MILD.apply(np.full((1, 96), plain.probability_30m[0], np.float32), 300)[0, 5]
    assert mild.probability_30m[0] == pytest.approx(expected, rel=1e-4)


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    write_artifact(tmp_path / "m")
    model = artifact.load(tmp_path / "m")
    content = artifact.ArtifactContent(
        model.module, model.schema, "m", model.training_info, model.metrics, "# m\n", calibrator=MILD
    )
    artifact.save(tmp_path / "m", content)
    state = json.loads((tmp_path / "m" / "calibration.json").read_text())
    assert Calibrator.from_json(state["probabilities"]) == MILD
