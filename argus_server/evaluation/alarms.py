"""From probabilities to alarms, and from alarms to recall, lead time and false alarms.

Alarms are raised per server and group of signals: one about memory does not announce a full disk. An alarm
claims that an event comes within the horizon of the forecast, a slack added. One that is still on when its
claim has run out, or an hour after the event it announced, makes a new claim: an alarm that is always on
is false over and over, not right at last. For each claim

* an event of its group that begins after it and in time is announced, with the time from the earliest such
  claim to the event as its lead;
* during an event, and for an hour after it, there is nothing to claim;
* where a failure that is known of shows in another group in time, it is not false, but announces nothing;
* while a failure runs that is known of, it is not false either: the trouble is real. It is early where the
  crossing comes later than claimed, and about a failure repaired in time where nobody knows what would have
  come of it. Both are counted apart;
* where most of the time it speaks of was not observed, it stays undecided;
* any other is false.

Only events that could be announced count: those with at least one forecast in reach before them at which the
group was observed and in no event.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from argus_server.evaluation.truth import Event, Flags, FloatArray, Rows

SLACK_MINUTES: Final = 60.0
"""How much later than the horizon an event may come and still have been announced."""

SETTLING_MINUTES: Final = 60.0
"""How long after an event there is nothing to claim: alarms take half an hour to clear."""

CLEAR_MINUTES: Final = 30.0
"""How long it must be over for an alarm to clear, as alerts do."""

_WEEK_SECONDS: Final = 7 * 86_400
MONTH_SECONDS: Final = 30 * 86_400
"""The month that false alarms are counted by."""
_OBSERVED_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class AlarmPolicy:
    """When a server's alarm is raised and cleared.

    Attributes:
        horizon_minutes: Whose crossing probability is watched.
        tau: Raised when the probability is at least this.
        hold: For so many origins on end.
        clear_hold: Cleared after so many origins on end below the clearing level.
        clear_ratio: Clearing level as a share of tau.
        only_unprecedented: Whether a probability counts only where the newest value is beyond all of the last days, or
            the threshold is crossed.
    """

    horizon_minutes: float
    tau: float
    hold: int = 1
    clear_hold: int = 1
    clear_ratio: float = 0.5
    only_unprecedented: bool = False

    def to_json(self) -> dict[str, float | bool]:
        """Plain values, for JSON."""
        return asdict(self)

    def active(self, probability: FloatArray) -> Flags:
        """Whether the alarm is on, [origins], for probabilities [origins] in order of time.

        NaN means that nothing was forecast: the alarm is off and starts anew. Leaves out whether values have a
        precedent; `Watched.alarm` knows.
        """
        with np.errstate(invalid="ignore"):
            raised = lasting(probability >= self.tau, self.hold)
            cleared = lasting(probability < self.tau * self.clear_ratio, self.clear_hold)
        return latched(raised, cleared | np.isnan(probability))


@dataclass(frozen=True)
class Timeline:
    """What happened to one group of signals of a server, and when forecasts were made.

    Attributes:
        origins: First unseen rows, at regular distances, [origins].
        step_seconds: Length of a row.
        horizon: Rows that a forecast covers.
        measured: Whether a row was observed, [rows].
        events: Of the group, in order of time.
        elsewhere: Failures that show in other groups, or cross no threshold, in order of time.
        rising: First row of a failure and row of the crossing that it leads to in this group.
        mitigated: First row and end of failures that were repaired before anything was crossed.
    """

    origins: Rows
    step_seconds: int
    horizon: int
    measured: Flags
    events: tuple[Event, ...]
    elsewhere: tuple[Event, ...] = ()
    rising: tuple[tuple[int, int], ...] = ()
    mitigated: tuple[tuple[int, int], ...] = ()

    @property
    def reach(self) -> int:
        """Rows in which an announced event must begin."""
        return self.horizon + round(SLACK_MINUTES * 60 / self.step_seconds)

    @property
    def settling(self) -> int:
        """Rows after an event in which there is nothing to claim."""
        return round(SETTLING_MINUTES * 60 / self.step_seconds)

    @property
    def stride_seconds(self) -> int:
        """Time from one origin to the next; of a single one, its horizon."""
        rows = int(np.diff(self.origins).min()) if len(self.origins) > 1 else self.horizon
        return rows * self.step_seconds

    @cached_property
    def ready(self) -> Flags:
        """Origins at which there is something to foresee: observed, and in no event, [origins]."""
        result: Flags = self.measured[self.origins - 1].copy()
        for event in (*self.events, *self.elsewhere):
            result &= (self.origins < event.first) | (self.origins >= event.end + self.settling)
        return result

    @cached_property
    def decidable(self) -> Flags:
        """Origins whose whole reach lies in the history and was mostly observed, [origins]."""
        rows = len(self.measured)
        total = np.concatenate(([0], self.measured.cumsum()))
        end = self.origins + self.reach
        seen = total[np.minimum(end, rows)] - total[self.origins]
        decided: Flags = (end <= rows) & (seen >= _OBSERVED_SHARE * self.reach)
        return decided

    @cached_property
    def foreseeable(self) -> list[Event]:
        """Events of the group with a ready origin in reach before them."""
        ready = self.origins[self.ready]
        return [
            event
            for event in self.events
            if ((ready < event.first) & (ready >= event.first - self.reach)).any()
        ]


@dataclass(slots=True)
class Tally:
    """Counts of one policy, summed over servers.

    Attributes:
        leads: Kind of each event, whether it counts, and minutes of lead; None where it was not announced.
        right: Claims that announced an event.
        elsewhere: Claims before a failure that shows elsewhere.
        early: Claims about a failure whose crossing comes later than claimed.
        wrong: False claims.
        wrong_by_group: Of these, how many of each group of signals.
        mitigated: Claims about failures that were repaired in time.
        undecided: Claims about a time that was not observed.
        seconds: Time in which claims could be false, once per server.
    """

    leads: list[tuple[str, bool, float | None]] = field(default_factory=list)
    right: int = 0
    elsewhere: int = 0
    early: int = 0
    wrong: int = 0
    wrong_by_group: Counter[str] = field(default_factory=Counter)
    mitigated: int = 0
    undecided: int = 0
    seconds: float = 0.0

    def add(self, groups: Mapping[str, tuple[Timeline, Flags]]) -> None:
        """Judge the alarms of one server: of each group, what happened and when its alarm was on, [origins]."""
        seconds = 0.0
        for name, (timeline, active) in groups.items():
            ready, decidable = timeline.ready, timeline.decidable
            before = self.wrong
            self._add_group(timeline, active & ready, decidable)
            self.wrong_by_group[name] += self.wrong - before
            seconds = max(seconds, float((ready & decidable).sum()) * timeline.stride_seconds)
        self.seconds += seconds

    def _add_group(self, timeline: Timeline, active: Flags, decidable: Flags) -> None:
        reach = timeline.reach
        earliest: dict[Event, int] = {}
        spoken_for = -1  # until which row the last claim speaks for an alarm that stays on
        for index in np.flatnonzero(active).tolist():
            origin = int(timeline.origins[index])
            was_on = bool(index) and bool(active[index - 1])
            if was_on and origin < spoken_for:
                continue
            coming = _next(timeline.events, origin, reach)
            other = _next(timeline.elsewhere, origin, reach)
            spoken_for = origin + reach
            if coming is not None:
                self.right += 1
                earliest.setdefault(coming, origin)
                spoken_for = coming.end + timeline.settling
            elif other is not None:
                self.elsewhere += 1
            elif _inside(timeline.rising, origin):
                self.early += 1
            elif _inside(timeline.mitigated, origin):
                self.mitigated += 1
            elif decidable[index]:
                self.wrong += 1
            else:
                self.undecided += 1
        for event in timeline.foreseeable:
            begun = earliest.get(event)
            lead = None if begun is None else (event.first - begun) * timeline.step_seconds / 60.0
            self.leads.append((event.kind, event.counts, lead))

    @property
    def announced(self) -> list[float]:
        """Leads of the events that count and were announced, minutes."""
        return [lead for _, counts, lead in self.leads if counts and lead is not None]

    @property
    def recall(self) -> float:
        """Share of the events that were announced; NaN without any."""
        recall = _leads(self._counted())["recall"]
        return float("nan") if recall is None else recall

    def summary(self) -> dict[str, Any]:
        """The figures that are compared."""
        return {
            **_leads(self._counted()),
            "false_alarms_per_server_month": _rate(self.wrong, self.seconds, MONTH_SECONDS),
        }

    def to_json(self) -> dict[str, Any]:
        """All figures, ready for JSON; None where there is nothing to divide by."""
        counted: dict[str, list[float | None]] = defaultdict(list)
        others: dict[str, list[float | None]] = defaultdict(list)
        for kind, counts, lead in self.leads:
            (counted if counts else others)[kind].append(lead)
        return {
            **_leads(self._counted()),
            "by_kind": {kind: _leads(counted[kind]) for kind in sorted(counted)},
            "not_counted": {kind: _leads(others[kind]) for kind in sorted(others)},
            "alarms": self.right + self.elsewhere + self.early + self.mitigated + self.wrong + self.undecided,
            "false_alarms": self.wrong,
            "false_alarms_by_group": {name: count for name, count in self.wrong_by_group.items() if count},
            "alarms_early": self.early,
            "alarms_on_failures_elsewhere": self.elsewhere,
            "alarms_on_failures_repaired_in_time": self.mitigated,
            "alarms_undecided": self.undecided,
            "server_weeks": round(self.seconds / _WEEK_SECONDS, 2),
            "false_alarms_per_server_week": _rate(self.wrong, self.seconds, _WEEK_SECONDS),
            "false_alarms_per_server_month": _rate(self.wrong, self.seconds, MONTH_SECONDS),
        }

    def _counted(self) -> list[float | None]:
        return [lead for _, counts, lead in self.leads if counts]


def by_group(figures: Mapping[str, Any]) -> str:
    """False alarms of each group of signals, of a tally as JSON: `memory 12, disk 3`; most first."""
    counts = figures["false_alarms_by_group"].items()
    return ", ".join(f"{name} {count}" for name, count in sorted(counts, key=lambda one: -one[1])) or "none"


def latched(raised: Flags, cleared: Flags) -> Flags:
    """On from where it is raised up to where it is cleared, [steps]; where both are true it is off."""
    rows = np.arange(len(raised))
    last_raised = np.maximum.accumulate(np.where(raised, rows, -1))
    last_cleared = np.maximum.accumulate(np.where(cleared, rows, -1))
    on: Flags = last_raised > last_cleared
    return on


def lasting(flags: Flags, length: int) -> Flags:
    """Whether a flag and so many as `length` in all up to it are set, [steps]."""
    rows = np.arange(len(flags))
    last_unset = np.maximum.accumulate(np.where(flags, -1, rows))
    result: Flags = rows - last_unset >= length
    return result


def _next(events: Sequence[Event], origin: int, reach: int) -> Event | None:
    return next((event for event in events if origin < event.first <= origin + reach), None)


def _inside(intervals: Sequence[tuple[int, int]], origin: int) -> bool:
    return any(begin <= origin < end for begin, end in intervals)


def _leads(leads: Sequence[float | None]) -> dict[str, Any]:
    announced = [lead for lead in leads if lead is not None]
    return {
        "events": len(leads),
        "announced": len(announced),
        "recall": round(len(announced) / len(leads), 4) if leads else None,
        "median_lead_minutes": float(np.median(announced)) if announced else None,
    }


def _rate(count: int, seconds: float, per: int) -> float | None:
    return round(count / seconds * per, 4) if seconds else None
