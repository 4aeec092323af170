"""Threshold events: how well probabilities foretell them, and alarms made of them against the linear rule."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np

from argus_server.evaluation import rules, served
from argus_server.evaluation.alarms import (
    CLEAR_MINUTES,
    SETTLING_MINUTES,
    SLACK_MINUTES,
    AlarmPolicy,
    Tally,
)
from argus_server.evaluation.probabilities import ProbabilityBoard, crossings_at
from argus_server.evaluation.rolling import ServerForecasts
from argus_server.evaluation.timelines import Failure, timelines
from argus_server.evaluation.truth import EVENT_MINUTES, MERGE_MINUTES, Truth, members_of_groups
from argus_server.evaluation.tuning import Alarm, Alarms, Server, Watched, choose, judge, sweep
from argus_server.risk.calibration import Calibrator
from argus_server.risk.table_file import load_tables
from argus_server.risk.tables import RiskTables

MOST_FALSE_ALARMS_PER_MONTH: Final = 1.0
"""False alarms per server and 30 days that an operator is asked to bear."""

TAUS: Final = (0.1, *(round(0.04 * step, 2) for step in range(3, 25)), 0.98)
"""Probabilities that an alarm may be raised at: nobody wants to be woken for less than one in ten."""

HORIZON_SHARES: Final = (1.0, 0.5, 0.25, 0.125)
"""Parts of the forecast whose crossing probability an alarm may watch."""

HOLD_MINUTES: Final = (0.0, 5.0, 15.0)
"""How long a probability may have to be high for an alarm to be raised."""

AS_SERVED: Final = "as_served"
"""Name of the alerts that a server raises with its own tables, among the rules."""


class EventBoard:
    """Collects servers, one at a time, and keeps of each only what scores need.

    Args:
        tables: Signals and thresholds.
        calibrator: Corrects crossing probabilities; None takes the forecasts at their word.
    """

    def __init__(self, tables: RiskTables | None = None, *, calibrator: Calibrator | None = None) -> None:
        self.tables = load_tables() if tables is None else tables
        self.watched: list[Server] = []
        self.names: list[str] = []
        self.fleets: list[str] = []
        self.stride_minutes = 0.0
        self._calibrator = calibrator
        self._probabilities: ProbabilityBoard | None = None

    def add(
        self,
        forecasts: ServerForecasts,
        failures: Sequence[Failure] | None = None,
        calibrator: Calibrator | None = None,
        fleet: str = "",
    ) -> None:
        """Add a server.

        Args:
            forecasts: Its forecasts and history.
            failures: What is known to have failed; None when nothing is known, empty when nothing failed.
            calibrator: That of the server's model, instead of the board's.
            fleet: Name of what it belongs to: what happens to servers of one fleet may happen together.
        """
        if not len(forecasts.origins):
            return
        tables, step, horizon = self.tables, forecasts.step_seconds, forecasts.quantiles.shape[2]
        calibrator = calibrator or self._calibrator
        truth = Truth.of(forecasts.values, forecasts.profile, tables)
        found = crossings_at(forecasts, tables, calibrator)
        whole = horizon * step / 60.0
        if self._probabilities is None:
            self._probabilities = ProbabilityBoard.of(tables, step, horizon)
        self._probabilities.add(forecasts, truth, found, fleet=fleet, calibrator=calibrator)
        lines = timelines(forecasts, truth, tables, failures)
        self.stride_minutes = next(iter(lines.values())).stride_seconds / 60.0
        unseen = np.isnan(forecasts.quantiles).all(axis=(1, 2, 3))
        before = forecasts.origins - 1
        by_rule = rules.fires(rules.RULES, truth, forecasts.profile, step, tables)
        notable = truth.notable(forecasts.origins, step)
        alerts = served.alerts(forecasts, found, notable, tables)
        server: Server = {}
        for group, members in members_of_groups(tables).items():
            blind = unseen | ~lines[group].measured[before]
            curve = np.where(blind[:, None], np.float32(np.nan), found.groups[group])
            server[group] = Watched(
                timeline=lines[group],
                notable=np.any(notable[:, members], axis=1),
                probability={
                    whole * share: curve[:, max(round(horizon * share), 1) - 1].copy()
                    for share in HORIZON_SHARES
                },
                fires={
                    AS_SERVED: alerts[group],
                    **{name: rule[group][before] for name, rule in by_rule.items()},
                },
            )
        self.watched.append(server)
        self.names.append(forecasts.name)
        self.fleets.append(fleet)

    @property
    def probabilities(self) -> ProbabilityBoard:
        """Scores of the probabilities.

        Raises:
            ValueError: No server was added.
        """
        if self._probabilities is None:
            raise ValueError("no server with a forecast was added; there is nothing to score")
        return self._probabilities

    def policies(self) -> list[Alarm]:
        """All alarms that may be chosen from: every horizon, tau and hold, whatever the past and only beyond it."""
        # So many origins on end span so many minutes.
        holds = sorted({1 + round(minutes / self.stride_minutes) for minutes in HOLD_MINUTES})
        clear_hold = 1 + int(CLEAR_MINUTES // self.stride_minutes)
        horizons = sorted({m for one in self.watched for group in one.values() for m in group.probability})
        return [
            AlarmPolicy(minutes, tau, hold, clear_hold, only_unprecedented=only_unprecedented)
            for minutes in horizons
            for tau in TAUS
            for hold in holds
            for only_unprecedented in (False, True)
        ]

    def fixed(self) -> dict[str, Tally]:
        """What the alarms reach that nobody tunes: the alerts as they are served, and the published rules."""
        return {
            "alarms_as_served": as_served(self.watched),
            **{name: judge(self.watched, dict.fromkeys(self.watched[0], name)) for name in rules.NODE_MIXIN},
        }

    def to_json(self, halves: tuple[Collection[str], Collection[str]]) -> dict[str, Any]:
        """Scores of probabilities, of alarms and of the rules.

        Alarms and rules that are tuned are chosen on one half of the servers and scored on the other, both ways.

        Args:
            halves: Names of the servers in two parts that have nothing in common; where one is empty, nothing can
                be tuned and only what is fixed is scored.
        """
        parts = [
            [one for name, one in zip(self.names, self.watched, strict=True) if name in half]
            for half in halves
        ]
        tuned = {}
        if all(parts):
            tuned = {
                "alarms": _cross_tuned(parts, self.policies()),
                "linear_rule_tuned": _cross_tuned(parts, list(rules.RULES)),
            }
        return {
            "definition": definition(self.stride_minutes),
            "servers": len(self.watched),
            "halves": [sorted(half) for half in halves],
            "probabilities": self.probabilities.to_json(),
            **tuned,
            **{name: tally.to_json() for name, tally in self.fixed().items()},
        }


def _cross_tuned(parts: Sequence[Sequence[Server]], alarms: Sequence[Alarm]) -> dict[str, Any]:
    """What alarms reach on each half that were chosen on the other, and which those are."""
    total = Tally()
    halves = []
    for tuning, scored in (parts, parts[::-1]):
        best = chosen_alarms(tuning, alarms)
        own = judge(scored, best)
        judge(scored, best, total)
        halves.append(
            {
                "chosen": described(best),
                "on_the_half_that_chose": judge(tuning, best).summary(),
                "on_the_other_half": own.summary(),
            }
        )
    return {"chosen_by_each_half": halves, **total.to_json()}


def chosen_alarms(
    servers: Sequence[Server],
    alarms: Sequence[Alarm],
    most_per_month: float = MOST_FALSE_ALARMS_PER_MONTH,
) -> Alarms:
    """The best alarms within an allowance of false ones per server and 30 days."""
    return choose(sweep(servers, alarms), judge(servers, {}).seconds, most_per_month)


def described(alarms: Alarms) -> dict[str, Any]:
    """Each group's alarm, ready for JSON."""
    return {group: one if isinstance(one, str) else one.to_json() for group, one in alarms.items()}


def as_served(servers: Sequence[Server]) -> Tally:
    """What the alerts reach that a server raises with the rules it comes with."""
    return judge(servers, dict.fromkeys(servers[0], AS_SERVED))


def definition(stride_minutes: float) -> dict[str, Any]:
    """What a reader must know to repeat it.

    Args:
        stride_minutes: Time between the forecasts that alarms are judged at.
    """
    return {
        "event": "a signal at or above its critical threshold",
        "event_minutes": EVENT_MINUTES,
        "merged_when_closer_minutes": MERGE_MINUTES,
        "announced": "an alarm before the crossing, no earlier than the forecast's horizon plus the slack",
        "slack_minutes": SLACK_MINUTES,
        "settling_minutes": SETTLING_MINUTES,
        "looked_at_every_minutes": stride_minutes,
        "clears_after_minutes": CLEAR_MINUTES,
        "most_false_alarms_per_server_month": MOST_FALSE_ALARMS_PER_MONTH,
        "month_days": 30,
    }
