"""Alarms on simulated fleets, whose failures are known: tuned on some fleets, scored on others.

Alarms that just keep a limit on false alarms where they are tuned exceed it elsewhere. So there are fleets of three
kinds: on the first, the best alarms are found for several allowances of false alarms; on the second, the allowance
is chosen with which the limit holds where nothing was tuned; on the third, what came out is scored, once. The
linear rule is tuned in the same way.

A few weeks of a few servers may keep a limit by luck. It holds when so few false alarms, or fewer, would come in
at most one case of ten if their true rate were at the limit (and they came independently: a Poisson count).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from argus_server.evaluation import rolling, rules
from argus_server.evaluation.alarms import MONTH_SECONDS, Tally
from argus_server.evaluation.events import (
    MOST_FALSE_ALARMS_PER_MONTH,
    EventBoard,
    as_served,
    definition,
    described,
)
from argus_server.evaluation.rolling import Candidate
from argus_server.evaluation.timelines import Failure
from argus_server.evaluation.truth import Rows
from argus_server.evaluation.tuning import Alarm, Alarms, choose, judge, sweep
from argus_server.training.corpus import History

LUCK: Final = 0.1
"""Chance at most that alarms which just fail the limit are taken to keep it."""

ALLOWANCES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""False alarms per server and 30 days that alarms may be tuned to."""


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


@dataclass(frozen=True, slots=True)
class Fleets:
    """Fleets by what they are for; they share no server.

    Attributes:
        tuning: Alarms are found on them.
        choosing: The allowance is chosen on them.
        test: What was chosen is scored on them.
    """

    tuning: Sequence[LabelledFleet]
    choosing: Sequence[LabelledFleet]
    test: Sequence[LabelledFleet]


def simulator_benchmark(
    candidate: Candidate,
    fleets: Fleets,
    spacing: Spacing,
    *,
    on_windows: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Tune alarms and the linear rule, and score both, and the alerts as they are served.

    Args:
        candidate: The model.
        fleets: What to tune and to score on.
        spacing: Where to forecast.
        on_windows: Told how many more windows have been forecast.

    Returns:
        What was chosen and how; what the model's alarms, those as served and the rules reach on the test fleets,
        overall and by fleet; the scores of the probabilities; ready for JSON.
    """
    tuning, choosing, test = (
        _observed(candidate, group, spacing, on_windows)
        for group in (fleets.tuning, fleets.choosing, fleets.test)
    )
    model, steps = _tuned(tuning, choosing, tuning.policies())
    rule, rule_steps = _tuned(tuning, choosing, list(rules.RULES))
    reached = {
        "alarms": judge(test.watched, model),
        "linear_rule_tuned": judge(test.watched, rule),
        **test.fixed(),
    }
    return {
        "model": candidate.revision,
        "definition": definition(tuning.stride_minutes),
        "fleets": {
            name: {
                "fleets": len(group),
                "servers": len(board.watched),
                "origins": board.probabilities.origins,
            }
            for name, group, board in (
                ("tuning", fleets.tuning, tuning),
                ("choosing", fleets.choosing, choosing),
                ("test", fleets.test, test),
            )
        },
        "chosen": described(model),
        "chosen_rule": described(rule),
        "on_tuning_fleets": judge(tuning.watched, model).summary(),
        "as_served_on_other_fleets": {
            "tuning": as_served(tuning.watched).summary(),
            "choosing": as_served(choosing.watched).summary(),
        },
        "by_allowance_on_choosing_fleets": {"alarms": steps, "linear_rule_tuned": rule_steps},
        **{name: tally.to_json() for name, tally in reached.items()},
        "by_fleet": _by_fleet(test, model, rule),
        "recall_against_tuned_rule": _ratio(reached["alarms"], reached["linear_rule_tuned"]),
        "probabilities": test.probabilities.to_json(),
    }


def _tuned(
    tuning: EventBoard, choosing: EventBoard, alarms: Sequence[Alarm]
) -> tuple[Alarms, list[dict[str, Any]]]:
    """The alarms with most recall among those that keep the limit on fleets that they were not tuned on.

    Returns:
        The alarms, none where nothing keeps the limit, and what each allowance comes to on the choosing fleets.
    """
    tried = sweep(tuning.watched, alarms)
    seconds = judge(tuning.watched, {}).seconds
    best: tuple[int, int, Alarms] = (0, 0, {})
    steps = []
    for allowance in ALLOWANCES:
        chosen = choose(tried, seconds, allowance)
        tally = judge(choosing.watched, chosen)
        row = tally.summary()
        steps.append({"allowed_per_server_month_where_tuned": allowance, **row})
        if _by_luck(tally) <= LUCK:
            best = max(best, (len(tally.announced), -tally.wrong, chosen), key=lambda one: one[:2])
    return best[2], steps


def _by_luck(tally: Tally) -> float:
    """Chance of so few false alarms, or fewer, if their rate were at the limit."""
    expected = MOST_FALSE_ALARMS_PER_MONTH * tally.seconds / MONTH_SECONDS
    term = total = math.exp(-expected)
    for count in range(1, tally.wrong + 1):
        term *= expected / count
        total += term
    return total


def _observed(
    candidate: Candidate,
    fleets: Sequence[LabelledFleet],
    spacing: Spacing,
    on_windows: Callable[[int], None] | None,
) -> EventBoard:
    board = EventBoard(calibrator=candidate.calibrator)
    for fleet in fleets:
        for history in fleet.histories:
            made = rolling.closely_spaced(candidate, history, spacing.origins(history))
            board.add(made, fleet.failures.get(history.name, ()), fleet=history.source)
            if on_windows is not None:
                on_windows(len(made.origins))
    return board


def _by_fleet(board: EventBoard, model: Alarms, rule: Alarms) -> dict[str, Any]:
    result = {}
    for fleet in dict.fromkeys(board.fleets):
        servers = [one for name, one in zip(board.fleets, board.watched, strict=True) if name == fleet]
        result[fleet] = {
            "alarms": judge(servers, model).summary(),
            "alarms_as_served": as_served(servers).summary(),
            "linear_rule_tuned": judge(servers, rule).summary(),
        }
    return result


def _ratio(ours: Tally, theirs: Tally) -> float | None:
    return round(ours.recall / theirs.recall, 3) if theirs.recall > 0 else None
