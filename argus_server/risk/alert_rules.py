"""When alerts are raised and when they end, as values."""

from __future__ import annotations

import math
from dataclasses import dataclass

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Of one subject. A condition that is met stays met until its value falls below the clear value.

    Attributes:
        fire: Value from which the condition is met.
        clear: Value below which it is over; at most `fire`.
        horizon_minutes: For rules on a probability, how far ahead it looks; the whole forecast at most.
        only_unprecedented: For rules on a probability, whether it counts only where the newest value is beyond all of
            the last days, or its threshold is crossed.
        hold_minutes: How long it must be met for the alert to fire.
        clear_hold_minutes: How long it must be over for the alert to resolve.
    """

    fire: float
    clear: float
    horizon_minutes: float = math.inf
    only_unprecedented: bool = False
    hold_minutes: float = 0.0
    clear_hold_minutes: float = 0.0

    @property
    def hold_ms(self) -> int:
        return round(self.hold_minutes * _MINUTE_MS)

    def horizon_steps(self, step_seconds: int, horizon: int) -> int:
        """Steps of a forecast that the rule looks at, at least one."""
        return max(1, round(min(self.horizon_minutes * 60 / step_seconds, horizon)))

    @property
    def clear_hold_ms(self) -> int:
        return round(self.clear_hold_minutes * _MINUTE_MS)


@dataclass(frozen=True, slots=True)
class AlertRules:
    """Of all subjects.

    Attributes:
        signals: On the probability of crossing the threshold of each signal, in table order.
        risk: On the risk score.
        silence: On 1 for a server that stopped sending and 0 for one that sends.
        reopen_minutes: A condition that comes back this soon after its alert resolved re-opens it.
        level_fall_minutes: How long the level of a firing alert must have been lower to fall.
        absent_minutes: Alerts of a server that the fleet has lost resolve after this long.
        refresh_minutes: How often figures and cause of an alert are written anew.
    """

    signals: tuple[AlertRule, ...]
    risk: AlertRule
    silence: AlertRule
    reopen_minutes: float
    level_fall_minutes: float
    absent_minutes: float
    refresh_minutes: float

    @property
    def by_subject(self) -> tuple[AlertRule, ...]:
        """One per column of a lifecycle: the signals, risk, silence."""
        return (*self.signals, self.risk, self.silence)
