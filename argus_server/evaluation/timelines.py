"""What happened to each group of signals of a server: threshold events, and failures that are known of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from argus_server.evaluation.alarms import Timeline
from argus_server.evaluation.rolling import ServerForecasts
from argus_server.evaluation.truth import Event, Truth, members_of_groups
from argus_server.risk.tables import RiskTables

NO_FAILURE: Final = "no failure"
"""Kind of a threshold event that no known failure explains."""


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


def _begin(event: Event) -> int:
    return event.first
