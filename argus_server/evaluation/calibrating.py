"""Fits what turns crossing probabilities into true ones, on servers that no weight was fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from argus_server.evaluation import rolling
from argus_server.evaluation.probabilities import ProbabilityBoard, crossings_at
from argus_server.evaluation.rolling import Candidate
from argus_server.evaluation.truth import Truth
from argus_server.risk.calibration import Calibrator
from argus_server.risk.table_file import load_tables
from argus_server.training.corpus import History

LEAST_CROSSINGS: Final = 30
"""Fewer crossings than this at any horizon say too little; no map is then fitted."""

# Days of forecasts per server, and forecasts per horizon: crossings within half an hour are rare.
_MOST_DAYS: Final = 20
_PER_HORIZON: Final = 6


def fit_calibrator(candidate: Candidate, histories: Sequence[History]) -> Calibrator | None:
    """Fit a calibrator to rolling forecasts of some servers.

    Args:
        candidate: The model.
        histories: Servers to forecast, between each one's `first_target` and its boundary; a day of past comes
            before the first forecast.

    Returns:
        The calibrator; None when too few thresholds were crossed to learn from.
    """
    board = _observed(candidate, histories, None)
    if board is None:
        return None
    samples = {minutes: board.samples(name) for name, minutes in board.horizons.items()}
    if min(int(happened.sum()) for _, happened in samples.values()) < LEAST_CROSSINGS:
        return None
    return fit_dependence(candidate, histories, Calibrator.fit(samples))


def fit_dependence(candidate: Candidate, histories: Sequence[History], calibrator: Calibrator) -> Calibrator:
    """Learn how servers of a fleet depend on each other from forecasts whose probabilities are calibrated.

    Args:
        candidate: The model.
        histories: As for `fit_calibrator`; servers of one source, at one time, make fleets.
        calibrator: Its maps are kept.
    """
    board = _observed(candidate, histories, calibrator)
    if board is None:
        return calibrator
    return calibrator.with_dependence(
        {minutes: board.fleets(name) for name, minutes in board.horizons.items()}
    )


def _observed(
    candidate: Candidate, histories: Sequence[History], calibrator: Calibrator | None
) -> ProbabilityBoard | None:
    """Probabilities and what then happened; None where no history is long enough."""
    pipeline, tables = candidate.pipeline, load_tables()
    board = ProbabilityBoard.of(tables, pipeline.step_seconds, pipeline.horizon)
    day = 86_400 // pipeline.step_seconds
    stride = max(pipeline.horizon // _PER_HORIZON, 1)
    for history in histories:
        first = max(history.first_target, day, history.boundary - _MOST_DAYS * day)
        origins = np.arange(first, history.boundary - pipeline.horizon + 1, stride)
        if len(origins):
            made = rolling.closely_spaced(candidate, history, origins)
            truth = Truth.of(made.values, made.profile, tables)
            found = crossings_at(made, tables, calibrator)
            board.add(made, truth, found, fleet=history.source)
    return board if board.origins else None
