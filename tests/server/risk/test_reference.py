"""Vectorised scoring against the slow scalar reference."""

from __future__ import annotations

import numpy as np
import pytest

from argus_server.risk.scoring import score
from argus_server.risk.table_file import load_tables
from tests.server.risk.fleets import random_fleet
from tests.server.risk.reference import expected_risk


@pytest.mark.parametrize(("seed", "horizon"), [(0, 96), (1, 96), (2, 24), (3, 6)])
def test_scores_probabilities_and_breaches_equal_the_reference(seed: int, horizon: int) -> None:
    inputs = random_fleet(seed, 60, horizon)
    frame = score(inputs, load_tables())
    expected = [expected_risk(inputs, row) for row in range(60)]

    np.testing.assert_allclose(frame.scores, [e.score for e in expected], atol=2e-3)
    np.testing.assert_allclose(frame.probability_30m, [e.probability_near for e in expected], atol=2e-5)
    np.testing.assert_allclose(frame.probability_8h, [e.probability_horizon for e in expected], atol=2e-5)
    np.testing.assert_array_equal(frame.breach_metrics, [e.breach_metric for e in expected])
    np.testing.assert_allclose(frame.breach_thresholds, [e.breach_threshold for e in expected], rtol=1e-6)
    np.testing.assert_allclose(frame.breach_minutes, [e.breach_minutes for e in expected], atol=0.02)
    np.testing.assert_allclose(
        frame.breach_probabilities, [e.breach_probability for e in expected], atol=2e-5
    )


def test_random_fleets_hold_every_kind_of_server() -> None:
    """So that agreeing with the reference means something."""
    frames = [score(random_fleet(seed, 60), load_tables()) for seed in (0, 1)]
    scores = np.concatenate([frame.scores for frame in frames])
    priorities = np.concatenate([frame.priorities for frame in frames])
    breaches = np.concatenate([frame.breach_metrics for frame in frames])

    assert set(priorities.tolist()) == {1, 2, 3, 4, 5, 6, 7}
    assert (scores == 0).any()
    assert len(set(breaches.tolist())) >= 8
