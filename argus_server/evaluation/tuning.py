"""Which alarms to raise: every setting tried on some servers, and the best chosen that keep an allowance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from argus_server.evaluation.alarms import MONTH_SECONDS, AlarmPolicy, Tally, Timeline
from argus_server.evaluation.truth import Flags, FloatArray

Alarm = AlarmPolicy | str
"""What may raise alarms: a policy on probabilities, or a rule by its name."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One group of signals of a server and its crossing probabilities.

    Attributes:
        timeline: What happened.
        notable: Whether the newest values are beyond all of the last days, or a threshold is crossed, [origins].
        probability: Minutes of a horizon to the probability of crossing by then, [origins]; NaN where nothing
            was forecast.
        fires: Name of a rule to when it fires, [origins].
    """

    timeline: Timeline
    notable: Flags
    probability: dict[float, FloatArray]
    fires: dict[str, Flags]

    def alarm(self, alarm: Alarm | None) -> tuple[Timeline, Flags]:
        """What happened, and when an alarm was on, [origins]; without one never."""
        if alarm is None:
            return self.timeline, np.zeros(len(self.timeline.origins), dtype=np.bool_)
        if isinstance(alarm, str):
            return self.timeline, self.fires[alarm]
        probability = self.probability[alarm.horizon_minutes]
        if alarm.only_unprecedented:
            probability = np.where(self.notable | np.isnan(probability), probability, np.float32(0.0))
        return self.timeline, alarm.active(probability)


Server = dict[str, Watched]
"""A server as its groups of signals, by name."""

Alarms = dict[str, Alarm]
"""Group to what raises its alarms; a group without any has none."""


def judge(servers: Iterable[Server], alarms: Alarms, tally: Tally | None = None) -> Tally:
    """What alarms reach over servers, added to a tally if one is given."""
    tally = Tally() if tally is None else tally
    for server in servers:
        tally.add({group: watched.alarm(alarms.get(group)) for group, watched in server.items()})
    return tally


Sweep = dict[str, list[tuple[Alarm, Tally]]]
"""Group to every alarm that was tried and what it reached."""


def sweep(servers: Sequence[Server], alarms: Sequence[Alarm]) -> Sweep:
    """What each alarm reaches in each group by itself."""
    result: Sweep = {}
    for group in servers[0] if servers else ():
        result[group] = []
        for alarm in alarms:
            tally = Tally()
            for server in servers:
                tally.add({group: server[group].alarm(alarm)})
            result[group].append((alarm, tally))
    return result


def choose(tried: Sweep, seconds: float, most_per_month: float) -> Alarms:
    """The alarms that together announce most events within an allowance of false alarms.

    Of equals, the one with fewer false alarms, and of those the one with more lead.

    False alarms are an allowance that all groups share: a knapsack over their alarms, exact.

    Args:
        tried: Alarms of each group.
        seconds: Time in which alarms could be false, summed over servers.
        most_per_month: False alarms per server and 30 days that are borne.
    """
    allowance = int(most_per_month * seconds / MONTH_SECONDS)
    # Allowance spent to (events announced, minutes of lead, alarms).
    best: dict[int, tuple[int, float, Alarms]] = {0: (0, 0.0, {})}
    for group, settings in tried.items():
        options = _worthwhile(settings, allowance)
        merged = dict(best)
        for spent, (announced, minutes, alarms) in best.items():
            for alarm, tally in options:
                total = spent + tally.wrong
                leads = tally.announced
                value = (announced + len(leads), minutes + sum(leads))
                if total <= allowance and (total not in merged or value > merged[total][:2]):
                    merged[total] = (*value, {**alarms, group: alarm})
        best = merged
    _, spent = max((announced, -spent) for spent, (announced, _, _) in best.items())
    return best[-spent][2]


def _worthwhile(settings: Sequence[tuple[Alarm, Tally]], allowance: int) -> list[tuple[Alarm, Tally]]:
    """Settings that no other with as few false alarms beats, fewest first."""

    def worth(tally: Tally) -> tuple[int, float]:
        return len(tally.announced), sum(tally.announced)

    kept: list[tuple[Alarm, Tally]] = []
    for alarm, tally in sorted(settings, key=lambda one: (one[1].wrong, *(-x for x in worth(one[1])))):
        if tally.wrong <= allowance and worth(tally) > (worth(kept[-1][1]) if kept else (0, 0.0)):
            kept.append((alarm, tally))
    return kept
