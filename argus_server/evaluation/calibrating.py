"""Fits the map from crossing probabilities to what then happens, on servers that no weight was fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from argus_server.evaluation import rolling
from argus_server.evaluation.events import EventBoard
from argus_server.evaluation.rolling import Candidate
from argus_server.risk.calibration import Calibrator
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
    board = EventBoard()
    pipeline = candidate.pipeline
    day = 86_400 // pipeline.step_seconds
    for history in histories:
        first = max(history.first_target, day)
        first = max(first, history.boundary - _MOST_DAYS * day)
        for part in range(_PER_HORIZON):
            # Bands learn from the forecast before, so those of a sequence lie a horizon apart.
            begin = first + part * pipeline.horizon // _PER_HORIZON
            origins = np.arange(begin, history.boundary - pipeline.horizon + 1, pipeline.horizon)
            if len(origins):
                board.add(rolling.forecasts(candidate, history, origins))
    if not board.watched:
        return None
    probabilities = board.probabilities
    samples = {minutes: probabilities.samples(name) for name, minutes in probabilities.horizons.items()}
    if min(int(happened.sum()) for _, happened in samples.values()) < LEAST_CROSSINGS:
        return None
    return Calibrator.fit(samples)
