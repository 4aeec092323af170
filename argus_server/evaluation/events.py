"""Threshold events: how well probabilities foretell them, and alarms made of them against the linear rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from argus_server.evaluation.alarms import (
    SLACK_MINUTES,
    Alarm,
    AlarmPolicy,
    Alarms,
    Server,
    Tally,
    Timeline,
    Watched,
    choose,
    judge,
    sweep,
)
from argus_server.evaluation.probabilities import ProbabilityBoard, crossings_at
from argus_server.evaluation.rolling import ServerForecasts
from argus_server.evaluation.rules import LinearRule
from argus_server.evaluation.truth import EVENT_MINUTES, MERGE_MINUTES, Event, Truth, members_of_groups
from argus_server.risk.calibration import Calibrator
from argus_server.risk.table_file import load_tables
from argus_server.risk.tables import RiskTables

MOST_FALSE_ALARMS_PER_MONTH: Final = 1.0
"""False alarms per server and 30 days that an operator is asked to bear."""

TAUS: Final = (0.002, 0.005, 0.01, 0.02, *(round(0.04 * step, 2) for step in range(1, 25)), 0.98)
"""Probabilities that an alarm may be raised at."""

NO_FAILURE: Final = "no failure"
"""Kind of a threshold event that no known failure explains."""

RULES: Final = {
    "node_mixin_24h": LinearRule(horizon_hours=24.0),
    "node_mixin_8h": LinearRule(horizon_hours=8.0),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a failure besides what the metrics show.

    Attributes:
        first: Row at which it begins to show.
        fails: Row at which it fails, which may lie behind the history; None when it was repaired before.
        end: First row after it.
        kind: Failure mode.
        signals: Names of the signals whose threshold it drives at; empty for any.
        counts: Whether its threshold crossing counts for recall.
    """

    first: int
    fails: int | None
    end: int
    kind: str
    signals: tuple[str, ...] = ()
    counts: bool = True


def timelines(
    forecasts: ServerForecasts,
    truth: Truth,
    tables: RiskTables,
    failures: Sequence[Failure] | None = None,
) -> dict[str, Timeline]:
    """What happened to each group of signals of a server.

    Without failures, every threshold event counts. With them, the crossing of one of a failure's own signals
    while it runs counts, and threshold events beside it do not.
    """
    groups = members_of_groups(tables)
    named = [signal.name for signal in tables.signals]
    step = forecasts.step_seconds
    owned: dict[str, list[Event]] = {group: [] for group in groups}
    elsewhere: dict[str, list[Event]] = {group: [] for group in groups}
    rising: dict[str, list[tuple[int, int]]] = {group: [] for group in groups}
    mitigated: list[tuple[int, int]] = []
    for failure in failures or ():
        own = [named.index(name) for name in failure.signals] or list(range(len(named)))
        found = [one for one in truth.events(own, step) if failure.first <= one.first < failure.end]
        home = ""
        if found:
            # One failure is one event, however often its signals cross their thresholds.
            event = Event(found[0].first, found[-1].end, failure.kind, failure.counts)
            home = tables.signals[own[int(truth.over[event.first, own].argmax())]].group
            owned[home].append(event)
            rising[home].append((failure.first, event.first))
        elif failure.fails is None:
            mitigated.append((failure.first, failure.end))
            continue
        elif failure.fails < len(forecasts.values):
            event = Event(failure.fails, failure.end, failure.kind, counts=False)
        else:
            continue
        for group in groups:
            if group != home:
                elsewhere[group].append(event)
    result = {}
    for group, members in groups.items():
        events = list(owned[group])
        for one in truth.events(members, step):
            if failures is None:
                events.append(one)
            elif not any(one.first < other.end and other.first < one.end for other in owned[group]):
                events.append(Event(one.first, one.end, NO_FAILURE, counts=False))
        result[group] = Timeline(
            origins=forecasts.origins,
            step_seconds=step,
            horizon=forecasts.quantiles.shape[2],
            measured=truth.measured(members),
            events=tuple(sorted(events, key=_begin)),
            elsewhere=tuple(sorted(elsewhere[group], key=_begin)),
            rising=tuple(rising[group]),
            mitigated=tuple(mitigated),
        )
    return result


class EventBoard:
    """Collects servers, one at a time, and keeps of each only what scores need.

    Args:
        tables: Signals and thresholds.
        calibrator: Corrects crossing probabilities; None takes the forecasts at their word.
        horizons: Minutes of the horizons that alarms may watch; the longest is also what they claim. None
            takes the whole forecast.
    """

    def __init__(
        self,
        tables: RiskTables | None = None,
        *,
        calibrator: Calibrator | None = None,
        horizons: Sequence[float] | None = None,
    ) -> None:
        self.tables = load_tables() if tables is None else tables
        self.watched: list[Server] = []
        self._calibrator = calibrator
        self._horizons = horizons
        self._probabilities: ProbabilityBoard | None = None
        self._names: list[str] = []

    def add(
        self,
        forecasts: ServerForecasts,
        failures: Sequence[Failure] | None = None,
        calibrator: Calibrator | None = None,
    ) -> None:
        """Add a server.

        Args:
            forecasts: Its forecasts and history.
            failures: What is known to have failed; None when nothing is known, empty when nothing failed.
            calibrator: That of the server's model, instead of the board's.
        """
        if not len(forecasts.origins):
            return
        tables, step, horizon = self.tables, forecasts.step_seconds, forecasts.quantiles.shape[2]
        truth = Truth.of(forecasts.values, forecasts.profile, tables)
        found = crossings_at(forecasts, tables, calibrator or self._calibrator)
        whole = horizon * step / 60.0
        if self._probabilities is None:
            near = tables.weights.near_steps(step) * step / 60.0
            self._probabilities = ProbabilityBoard(tables, {_name(near): near, _name(whole): whole})
        self._probabilities.add(forecasts, truth, found)
        lines = timelines(forecasts, truth, tables, failures)
        unseen = np.isnan(forecasts.quantiles).all(axis=(1, 2, 3))
        self._names.append(forecasts.name)
        fires = {name: rule.fires(truth, forecasts.profile, step, tables) for name, rule in RULES.items()}
        before = forecasts.origins - 1
        server: Server = {}
        for group, members in members_of_groups(tables).items():
            blind = unseen | ~lines[group].measured[before]
            curve = np.where(blind[:, None], np.float32(np.nan), found.groups[group])
            server[group] = Watched(
                timeline=lines[group],
                probability={
                    minutes: curve[:, min(round(minutes * 60 / step), horizon) - 1].copy()
                    for minutes in self._horizons or (whole,)
                },
                unprecedented=truth.unprecedented(members, forecasts.origins, step),
                fires={name: rule[group][before] for name, rule in fires.items()},
            )
        self.watched.append(server)

    @property
    def probabilities(self) -> ProbabilityBoard:
        """Scores of the probabilities.

        Raises:
            ValueError: No server was added.
        """
        if self._probabilities is None:
            raise ValueError("no server with a forecast was added; there is nothing to score")
        return self._probabilities

    def policies(self, holds: Sequence[int]) -> list[Alarm]:
        """All that may be chosen from: every horizon, every tau, the given holds, with and without a past."""
        horizons = sorted({m for one in self.watched for group in one.values() for m in group.probability})
        return [
            AlarmPolicy(minutes, tau, hold, unprecedented=unprecedented)
            for minutes in horizons
            for tau in TAUS
            for hold in holds
            for unprecedented in (False, True)
        ]

    def rules(self) -> dict[str, Tally]:
        """What the linear rules reach, by name."""
        return {name: judge(self.watched, dict.fromkeys(self.watched[0], name)) for name in RULES}

    def to_json(self) -> dict[str, Any]:
        """Scores of probabilities, of alarms and of the rules.

        The alarms' policies are chosen on one half of the servers and scored on the other, both ways: with
        the names in order, neighbours go to different halves.
        """
        order = np.argsort(self._names)
        halves = [[self.watched[index] for index in order[part::2]] for part in (0, 1)]
        policies = self.policies(holds=(1,))
        total, chosen = Tally(), []
        for tuning, scored in (halves, halves[::-1]):
            best = chosen_alarms(tuning, policies)
            chosen.append(described(best))
            for server in scored:
                total.add(watched.alarm(best.get(group)) for group, watched in server.items())
        return {
            "definition": definition(),
            "servers": len(self.watched),
            "probabilities": self.probabilities.to_json(),
            "alarms": {"chosen_by_each_half": chosen, **total.to_json()},
            **{name: tally.to_json() for name, tally in self.rules().items()},
        }


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


def score(results: Iterable[ServerForecasts]) -> dict[str, Any]:
    """Score threshold events on servers, one in memory at a time.

    Returns:
        `probabilities` (Brier and calibration error per horizon), `alarms` (recall, median lead, false alarms
        per server-week and server-month) and the same for `node_mixin_24h` and `node_mixin_8h`; ready for
        JSON. Only `definition` and `servers` when there is nothing to score.
    """
    board = EventBoard()
    for forecasts in results:
        board.add(forecasts)
    if not board.watched:
        return {"definition": definition(), "servers": 0}
    return board.to_json()


def definition() -> dict[str, Any]:
    """What a reader must know to repeat it."""
    return {
        "event": "a signal at or above its critical threshold",
        "event_minutes": EVENT_MINUTES,
        "merged_when_closer_minutes": MERGE_MINUTES,
        "announced": "an alarm before the crossing, no earlier than the forecast's horizon plus the slack",
        "slack_minutes": SLACK_MINUTES,
        "most_false_alarms_per_server_month": MOST_FALSE_ALARMS_PER_MONTH,
        "month_days": 30,
    }


def _begin(event: Event) -> int:
    return event.first


def _name(minutes: float) -> str:
    return f"{minutes:g}min" if minutes < 60 else f"{minutes / 60:g}h"
