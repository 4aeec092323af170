"""Alarms on simulated fleets, whose failures are known: tuned on some fleets, scored on others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from argus_server.evaluation import rolling
from argus_server.evaluation.alarms import Tally, choose, judge, sweep
from argus_server.evaluation.events import (
    MOST_FALSE_ALARMS_PER_MONTH,
    RULES,
    EventBoard,
    Failure,
    chosen_alarms,
    definition,
    described,
)
from argus_server.evaluation.rolling import Candidate, ServerForecasts
from argus_server.evaluation.truth import Rows
from argus_server.risk.calibration import Calibrator
from argus_server.risk.table_file import load_tables
from argus_server.training.corpus import History

HOLDS: Final = (1, 2)
"""Origins on end that an alarm may have to wait for."""

HORIZON_SHARES: Final = (1.0, 0.5, 0.25, 0.125)
"""Parts of the forecast whose crossing probability an alarm may watch."""


ALLOWANCES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""False alarms per server and 30 days that recall is also stated for."""


@dataclass(frozen=True, slots=True)
class LabelledFleet:
    """Servers whose failures are known.

    Attributes:
        histories: The servers.
        failures: Server name to its failures, in order of time; a server without any may be missing.
    """

    histories: Sequence[History]
    failures: Mapping[str, Sequence[Failure]]


@dataclass(frozen=True, slots=True)
class Spacing:
    """Which origins are forecast.

    Attributes:
        warm_up: Rows of a history before its first origin.
        stride: Rows from one origin to the next.
        margin: Rows that must follow an origin, so that its alarms can be judged.
    """

    warm_up: int
    stride: int
    margin: int

    def origins(self, history: History) -> Rows:
        """First unseen rows, [origins]."""
        last = len(history.values) - self.margin
        return np.arange(self.warm_up, last + 1, self.stride, dtype=np.int64)


def simulator_benchmark(
    candidate: Candidate,
    tuning: Sequence[LabelledFleet],
    test: Sequence[LabelledFleet],
    spacing: Spacing,
    *,
    on_windows: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Choose an alarm policy and fit a calibrator on some fleets, score both on others.

    Args:
        candidate: The model.
        tuning: Fleets to choose and to fit on.
        test: Fleets to score on; they share no server with the others.
        spacing: Where to forecast.
        on_windows: Told how many more windows have been forecast.

    Returns:
        The chosen alarms; what they and the linear rules reach on the test fleets, `node_mixin_tuned` being
        the rules that fit into the same allowance of false alarms on the tuning fleets; the scores of the
        probabilities as forecast and calibrated, and the calibrator itself; ready for JSON.
    """
    tables = load_tables()
    horizon_minutes = candidate.pipeline.horizon * candidate.pipeline.step_seconds / 60.0
    horizons = [horizon_minutes * share for share in HORIZON_SHARES]
    tuned = EventBoard(tables, horizons=horizons)
    for forecasts, failures in _forecasts(candidate, tuning, spacing, on_windows):
        tuned.add(forecasts, failures)
    tried = sweep(tuned.watched, tuned.policies(HOLDS))
    seconds = judge(tuned.watched, {}).seconds
    alarms = choose(tried, seconds, MOST_FALSE_ALARMS_PER_MONTH)
    tuned_rule = chosen_alarms(tuned.watched, list(RULES))
    calibrator = Calibrator.fit(
        {minutes: tuned.probabilities.samples(name) for name, minutes in tuned.probabilities.horizons.items()}
    )

    raw = EventBoard(tables, horizons=horizons)
    calibrated = EventBoard(tables, horizons=horizons, calibrator=calibrator)
    for forecasts, failures in _forecasts(candidate, test, spacing, on_windows):
        raw.add(forecasts, failures)
        calibrated.add(forecasts, failures)
    model = judge(raw.watched, alarms)
    rules = {**raw.rules(), "node_mixin_tuned": judge(raw.watched, tuned_rule)}
    return {
        "model": candidate.revision,
        "definition": definition(),
        "fleets": {"tuning": _sizes(tuning, tuned), "test": _sizes(test, raw)},
        "stride_minutes": spacing.stride * candidate.pipeline.step_seconds / 60.0,
        "chosen": described(alarms),
        "on_tuning_fleets": judge(tuned.watched, alarms).summary(),
        "alarms": model.to_json(),
        **{name: tally.to_json() for name, tally in rules.items()},
        "node_mixin_tuned_groups": described(tuned_rule),
        "recall_against_tuned_rule": _ratio(model, rules["node_mixin_tuned"]),
        "by_allowance": [
            {
                "false_alarms_allowed_per_server_month": allowance,
                **judge(raw.watched, choose(tried, seconds, allowance)).summary(),
            }
            for allowance in ALLOWANCES
        ],
        "probabilities": raw.probabilities.to_json(),
        "probabilities_calibrated": calibrated.probabilities.to_json(),
        "calibrator": calibrator.to_json(),
    }


def _forecasts(
    candidate: Candidate,
    fleets: Sequence[LabelledFleet],
    spacing: Spacing,
    on_windows: Callable[[int], None] | None,
) -> Iterator[tuple[ServerForecasts, Sequence[Failure]]]:
    for fleet in fleets:
        for history in fleet.histories:
            made = closely_spaced(candidate, history, spacing.origins(history))
            if on_windows is not None:
                on_windows(len(made.origins))
            yield made, fleet.failures.get(history.name, ())


def closely_spaced(candidate: Candidate, history: History, origins: Rows) -> ServerForecasts:
    """Forecasts at regular origins that are closer than a horizon.

    Bands learn from forecasts that have come true, a horizon apart. So the origins are dealt out to as many
    sequences as fit between two such, and each learns from its own past.
    """
    stride = int(np.diff(origins).min()) if len(origins) > 1 else candidate.pipeline.horizon
    sequences = min(-(-candidate.pipeline.horizon // stride), max(len(origins), 1))
    made = [rolling.forecasts(candidate, history, origins[first::sequences]) for first in range(sequences)]
    quantiles, uncalibrated = (
        np.empty((len(origins), *made[0].quantiles.shape[1:]), dtype=np.float32) for _ in range(2)
    )
    for first, part in enumerate(made):
        quantiles[first::sequences] = part.quantiles
        uncalibrated[first::sequences] = part.uncalibrated
    return replace(made[0], origins=origins, quantiles=quantiles, uncalibrated=uncalibrated)


def _sizes(fleets: Sequence[LabelledFleet], board: EventBoard) -> dict[str, int]:
    return {
        "fleets": len(fleets),
        "servers": len(board.watched),
        "origins": board.probabilities.origins,
    }


def _ratio(ours: Tally, theirs: Tally) -> float | None:
    return round(ours.recall / theirs.recall, 3) if theirs.recall > 0 else None
