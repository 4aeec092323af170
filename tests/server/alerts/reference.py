"""The life of alerts once more, one server and subject at a time, in dictionaries: slow, and easy to see through."""

from __future__ import annotations

from dataclasses import dataclass, field

from argus_server.risk.alert_rules import AlertRule, AlertRules

MINUTE_MS = 60_000


@dataclass
class Reading:
    """One value of one tick."""

    value: float
    level: int
    known: bool


@dataclass
class Machine:
    """One server and subject."""

    phase: str = "inactive"
    level: int = 0
    since: int = 0
    over: int | None = None
    lower: int | None = None
    resolved: int | None = None

    def step(
        self, now: int, reading: Reading, rule: AlertRule, rules: AlertRules
    ) -> list[tuple[str, int, bool]]:
        met = reading.value >= rule.fire
        below = reading.value < rule.clear
        happened: list[tuple[str, int, bool]] = []
        if self.phase == "inactive" and met and reading.known:
            again = self.resolved is not None and now - self.resolved <= rules.reopen_minutes * MINUTE_MS
            self.phase, self.since, self.level = "pending", now, reading.level
            happened.append(("pending", reading.level, again))
        elif self.phase == "pending" and (below or not reading.known):
            happened.append(("withdrawn", self.level, False))
            self.phase = "inactive"
        if self.phase == "pending":
            if now - self.since >= rule.hold_minutes * MINUTE_MS:
                self.level = reading.level
                self.phase, self.over, self.lower = "firing", None, None
                happened.append(("fired", self.level, False))
            self.level = reading.level
            return happened
        if self.phase != "firing" or not reading.known:
            if self.phase == "firing":
                self.over = self.lower = None
            return happened
        if below:
            self.lower = None
            self.over = now if self.over is None else self.over
            if now - self.over >= rule.clear_hold_minutes * MINUTE_MS:
                self.phase, self.resolved = "inactive", now
                happened.append(("resolved", self.level, False))
            return happened
        self.over = None
        if reading.level >= self.level:
            self.lower = None
        if reading.level > self.level:
            self.level = reading.level
            happened.append(("level_changed", self.level, False))
        elif reading.level < self.level:
            self.lower = now if self.lower is None else self.lower
            if now - self.lower >= rules.level_fall_minutes * MINUTE_MS:
                self.level, self.lower = reading.level, None
                happened.append(("level_changed", self.level, False))
        return happened


@dataclass
class Fleet:
    """All machines, and who has been lost since when."""

    rules: AlertRules
    machines: dict[tuple[str, int], Machine] = field(default_factory=dict)
    absent: dict[str, int] = field(default_factory=dict)

    def step(self, now: int, readings: dict[str, list[Reading]]) -> list[tuple[str, str, int, int, bool]]:
        """What happens in a tick: step, server, column, level, whether an alert is re-opened."""
        found = []
        for server, row in readings.items():
            self.absent.pop(server, None)
            for column, (reading, rule) in enumerate(zip(row, self.rules.by_subject, strict=True)):
                machine = self.machines.setdefault((server, column), Machine())
                for step, level, again in machine.step(now, reading, rule, self.rules):
                    found.append((step, server, column, level, again))
        for server in {server for server, _ in self.machines} - readings.keys():
            since = self.absent.setdefault(server, now)
            if now - since < self.rules.absent_minutes * MINUTE_MS:
                continue
            for (owner, column), machine in self.machines.items():
                if owner == server and machine.phase != "inactive":
                    step = "absent" if machine.phase == "firing" else "withdrawn"
                    found.append((step, server, column, machine.level, False))
                    machine.resolved = now if machine.phase == "firing" else machine.resolved
                    machine.phase = "inactive"
        return found
