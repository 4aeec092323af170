"""The evaluation of a network that has just been trained, for the record that goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from argus_server.evaluation.baselines import ALWAYS
from argus_server.evaluation.harness import evaluate
from argus_server.evaluation.protocol import EvaluationError
from argus_server.evaluation.rolling import Candidate
from argus_server.training.corpus import History


def backtest(candidate: Candidate, histories: Sequence[History]) -> dict[str, Any]:
    """Score a model that is not an artifact yet against seasonal naive and the last value.

    Args:
        candidate: The model with all that is served of it, and the servers it has seen.
        histories: Servers that its training did not see.

    Returns:
        The figures of `Report.to_json`. Where nothing can be scored they are None, and `not_scored_because` says
        why: a training run must not be lost to that.
    """
    try:
        return evaluate([candidate], histories).to_json()
    except EvaluationError as error:
        unknown = dict.fromkeys(("wql", "wql_all_metrics", "mase_mean", "mase_median"))
        return {
            "not_scored_because": str(error),
            "servers": [],
            "servers_seen_in_training": [],
            "series": 0,
            "origins": 0,
            **unknown,
            "coverage": None,
            "series_beating_seasonal_naive": None,
            "baselines": {name: dict(unknown) for name in ALWAYS},
            "per_metric": {},
        }
