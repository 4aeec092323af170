"""Silences and maintenance windows: which alerts they mean, and when they hold."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from argus.v1 import alert_pb2
from argus_server.errors import InvalidArgument

MAX_WINDOW: Final = timedelta(days=7)
_WEEK_DAYS: Final = 7
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Matcher:
    """Compiled form of `argus.v1.AlertMatcher`.

    Attributes:
        servers: Patterns of names, one of which must match; empty for all.
        metrics: `argus.v1.Metric` numbers.
        subjects: `argus.v1.AlertSubject` numbers. All subjects when both are empty.
    """

    servers: tuple[re.Pattern[str], ...]
    metrics: frozenset[int]
    subjects: frozenset[int]

    @staticmethod
    def of(message: alert_pb2.AlertMatcher) -> Matcher:
        """Compiles a message.

        Raises:
            InvalidArgument: It names what is no metric or no subject.
        """
        if 0 in message.metrics:
            raise InvalidArgument("METRIC_UNSPECIFIED is no metric; name one", field="matcher.metrics")
        if 0 in message.subjects:
            raise InvalidArgument(
                "ALERT_SUBJECT_UNSPECIFIED is no subject; name one", field="matcher.subjects"
            )
        return Matcher(
            tuple(re.compile(fnmatch.translate(glob)) for glob in message.servers),
            frozenset(message.metrics),
            frozenset(message.subjects),
        )

    def matches(self, server: str, subject: int, metric: int) -> bool:
        """Whether an alert is meant."""
        if (self.metrics or self.subjects) and metric not in self.metrics and subject not in self.subjects:
            return False
        return not self.servers or any(glob.match(server) for glob in self.servers)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a maintenance window holds.

    Attributes:
        days: ISO weekdays, Monday being 1.
        start: Time of day at which it begins.
        zone: Time zone of both.
        duration_ms: How long it lasts each time.
        expires_ms: When it ends for good; 0 for never.
    """

    days: frozenset[int]
    start: time
    zone: ZoneInfo
    duration_ms: int
    expires_ms: int

    @staticmethod
    def of(window: alert_pb2.MaintenanceWindow) -> Schedule:
        """Reads a window.

        Raises:
            InvalidArgument: Its days, duration or time zone cannot be used.
        """
        if 0 in window.days:
            raise InvalidArgument("DAY_OF_WEEK_UNSPECIFIED is no day; name one", field="window.days")
        duration = window.duration.ToTimedelta()
        if not timedelta(0) < duration <= MAX_WINDOW:
            raise InvalidArgument(
                f"a maintenance window lasts more than 0 and at most 7 days, not {duration}",
                field="window.duration",
            )
        hour, minute = window.start_time.split(":")
        return Schedule(
            frozenset(window.days),
            time(int(hour), int(minute)),
            _zone(window.time_zone or "UTC"),
            round(duration.total_seconds() * 1000),
            window.expires_at_ms,
        )

    def active(self, now_ms: int) -> bool:
        """Whether it holds at a time."""
        if self.expires_ms and now_ms >= self.expires_ms:
            return False
        reach = -(-self.duration_ms // _DAY_MS)
        return any(start <= now_ms < start + self.duration_ms for start in self._starts(now_ms, -reach, 1))

    def next_start_ms(self, now_ms: int) -> int:
        """When it begins next after a time; 0 when it never will."""
        after = [start for start in self._starts(now_ms, -1, _WEEK_DAYS + 1) if start > now_ms]
        if not after or (self.expires_ms and after[0] >= self.expires_ms):
            return 0
        return after[0]

    def _starts(self, now_ms: int, first: int, last: int) -> list[int]:
        """Beginnings on the days around a time, from `first` to `last` days after its own."""
        today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(self.zone).date()
        return [
            self._start_on(day)
            for offset in range(first, last + 1)
            if (day := today + timedelta(days=offset)).isoweekday() in self.days
        ]

    def _start_on(self, day: date) -> int:
        return round(datetime.combine(day, self.start, self.zone).timestamp() * 1000)


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidArgument(
            f"{name!r} is no time zone; give an IANA name such as Europe/Berlin, or UTC",
            field="window.time_zone",
        ) from error


@dataclass(slots=True)
class Mute:
    """One silence or maintenance window.

    Attributes:
        identity: Its id.
        matcher: Which alerts.
        silence: The silence, or
        window: the window.
        schedule: When the window holds.
    """

    identity: str
    matcher: Matcher
    silence: alert_pb2.Silence | None = None
    window: alert_pb2.MaintenanceWindow | None = None
    schedule: Schedule | None = None

    def active(self, now_ms: int) -> bool:
        """Whether it holds at a time."""
        if self.schedule is not None:
            return self.schedule.active(now_ms)
        return self.silence is not None and self.silence.starts_at_ms <= now_ms < self.silence.ends_at_ms


class Mutes:
    """All silences and maintenance windows."""

    def __init__(self) -> None:
        self._silences: dict[str, Mute] = {}
        self._windows: dict[str, Mute] = {}
        self._active: list[Mute] = []

    def __len__(self) -> int:
        return len(self._silences) + len(self._windows)

    def put_silence(self, silence: alert_pb2.Silence) -> None:
        """Takes a silence, or a newer form of one.

        Raises:
            InvalidArgument: Its matcher cannot be used.
        """
        self._silences[silence.silence_id] = Mute(
            silence.silence_id, Matcher.of(silence.matcher), silence=silence
        )

    def put_window(self, window: alert_pb2.MaintenanceWindow) -> None:
        """Takes a maintenance window, or a newer form of one.

        Raises:
            InvalidArgument: It cannot be used.
        """
        self._windows[window.window_id] = Mute(
            window.window_id, Matcher.of(window.matcher), window=window, schedule=Schedule.of(window)
        )

    def remove_window(self, window_id: str) -> None:
        """Forgets a maintenance window."""
        self._windows.pop(window_id, None)

    def silence(self, silence_id: str) -> alert_pb2.Silence | None:
        """A silence by its id."""
        mute = self._silences.get(silence_id)
        return mute.silence if mute else None

    def window(self, window_id: str) -> alert_pb2.MaintenanceWindow | None:
        """A maintenance window by its id."""
        mute = self._windows.get(window_id)
        return mute.window if mute else None

    def silences(self, now_ms: int, *, include_expired: bool) -> list[alert_pb2.Silence]:
        """Silences as they stand, the one that ends first first."""
        found = [
            standing(mute.silence, now_ms)
            for mute in self._silences.values()
            if mute.silence is not None and (include_expired or mute.silence.ends_at_ms > now_ms)
        ]
        return sorted(found, key=lambda one: (one.ends_at_ms, one.silence_id))

    def windows(self, now_ms: int) -> list[alert_pb2.MaintenanceWindow]:
        """Maintenance windows as they stand, the one that begins next first."""
        found = []
        for mute in self._windows.values():
            if mute.window is not None and mute.schedule is not None:
                copy = alert_pb2.MaintenanceWindow()
                copy.CopyFrom(mute.window)
                copy.active = mute.active(now_ms)
                copy.next_start_ms = mute.schedule.next_start_ms(now_ms)
                found.append(copy)
        return sorted(found, key=lambda one: (one.next_start_ms or 1 << 62, one.window_id))

    def forget_before(self, ended_ms: int) -> None:
        """Forgets silences that ended before a time."""
        for silence_id in [
            silence_id
            for silence_id, mute in self._silences.items()
            if mute.silence is not None and mute.silence.ends_at_ms < ended_ms
        ]:
            del self._silences[silence_id]

    def tick(self, now_ms: int) -> bool:
        """Notes which hold now; True when that has changed, or one of them was replaced."""
        active = [
            mute
            for mutes in (self._silences, self._windows)
            for mute in mutes.values()
            if mute.active(now_ms)
        ]
        changed = len(active) != len(self._active) or any(
            now is not before for now, before in zip(active, self._active, strict=True)
        )
        self._active = active
        return changed

    def of(self, server: str, subject: int, metric: int) -> tuple[str, str]:
        """Ids of the silence and of the maintenance window that keep an alert quiet; empty for none."""
        silence = window = ""
        for mute in self._active:
            taken = silence if mute.window is None else window
            if not taken and mute.matcher.matches(server, subject, metric):
                if mute.window is None:
                    silence = mute.identity
                else:
                    window = mute.identity
        return silence, window


def standing(silence: alert_pb2.Silence, now_ms: int) -> alert_pb2.Silence:
    """A copy of a silence that says whether it holds."""
    copy = alert_pb2.Silence()
    copy.CopyFrom(silence)
    copy.active = silence.starts_at_ms <= now_ms < silence.ends_at_ms
    return copy
