"""What one API key may use up, and how much of it is used."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

from argus_server.ingest.throttle import TokenBucket

_HOUR_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What a key may use.

    Attributes:
        calls_per_second: Calls, and streams opened.
        rows_per_second: Rows over all its ingest streams; a source beyond it is asked to pause, and read no faster.
        streams: Streams open at once.
        new_servers_per_hour: Names it may bring into the fleet in an hour, and at once.
        servers: Names it brought into the fleet that may be there at once; None leaves that to the fleet's own limit.
    """

    calls_per_second: float = 100.0
    rows_per_second: int = 2_000_000
    streams: int = 256
    new_servers_per_hour: int = 5_000
    servers: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name == "servers" and value is None:
                continue
            if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value!r}; it must be a number above 0")

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Self:
        """Limits from the values that differ from the defaults.

        Raises:
            ValueError: There is no such limit, or a value is not above 0.
        """
        known = {field.name: float if field.type == "float" else int for field in fields(cls)}
        if unknown := sorted(set(given) - set(known)):
            raise ValueError(f"there is no limit {unknown[0]!r}; known are {', '.join(known)}")
        try:
            values: dict[str, Any] = {name: known[name](value) for name, value in given.items()}
            return cls(**values)
        except (TypeError, OverflowError) as error:
            raise ValueError(f"limits must be numbers: {error}") from error

    def to_dict(self) -> dict[str, float | int]:
        """The values that differ from the defaults."""
        defaults = asdict(type(self)())
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}


class Meter:
    """A rate that is refused when it is exceeded.

    Args:
        rate: Per second.
        burst: How much may come at once.
        monotonic: Clock, seconds.
    """

    def __init__(self, rate: float, burst: float, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._monotonic = monotonic
        self._tokens = self._burst
        self._filled_at = monotonic()

    def take(self) -> float:
        """Takes one, or none and returns the seconds until there is one."""
        now = self._monotonic()
        self._tokens = min(self._tokens + (now - self._filled_at) * self._rate, self._burst)
        self._filled_at = now
        if self._tokens < 1.0:
            return (1.0 - self._tokens) / self._rate
        self._tokens -= 1.0
        return 0.0


class KeyUsage:
    """What the holder of one key uses, over all its calls and streams. An `argus_server.ingest.throttle.Quota`.

    Args:
        name: Name of the key, for messages.
        limits: What it may use.
        fleet: The names in the fleet now.
        monotonic: Clock, seconds.
    """

    def __init__(
        self,
        name: str,
        limits: KeyLimits,
        fleet: Callable[[], Collection[str]],
        monotonic: Callable[[], float],
    ) -> None:
        self.limits = limits
        self.streams = 0
        self._name = name
        self._fleet = fleet
        self._calls = Meter(limits.calls_per_second, limits.calls_per_second, monotonic)
        self._rows = TokenBucket(limits.rows_per_second, monotonic)
        self._new_names = Meter(
            limits.new_servers_per_hour / _HOUR_SECONDS, limits.new_servers_per_hour, monotonic
        )
        self._introduced: set[str] = set()

    def take_call(self) -> float:
        """Takes one call; returns the seconds until there is one when there is none."""
        return self._calls.take()

    def take_rows(self, rows: int) -> float:
        """Takes rows; returns the seconds the source should pause."""
        return self._rows.take(rows)

    def refuse(self, names: Iterable[str]) -> dict[str, str]:
        """Of names that are new to the fleet, those this key may not bring in, and why."""
        room = self._room()
        refused: dict[str, str] = {}
        for name in names:
            if not room:
                refused[name] = f"the key {self._name!r} has the {self.limits.servers} servers it may have"
            elif wait := self._new_names.take():
                refused[name] = (
                    f"the key {self._name!r} may bring {self.limits.new_servers_per_hour} new servers an hour; "
                    f"the next one in {math.ceil(wait)} s"
                )
            else:
                room -= 1
                if self.limits.servers is not None:
                    self._introduced.add(name)
        return refused

    def _room(self) -> float:
        """How many more names there may be."""
        if self.limits.servers is None:
            return math.inf
        if len(self._introduced) >= self.limits.servers:
            self._introduced.intersection_update(self._fleet())
        return max(self.limits.servers - len(self._introduced), 0)
