"""Which alerts silences and maintenance windows mean, and when they hold."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from argus.v1 import alert_pb2, metrics_pb2, snapshot_pb2
from argus_server.alerts.muting import Matcher, Schedule
from argus_server.errors import InvalidArgument

METRIC, RISK, SILENCE = (
    snapshot_pb2.ALERT_SUBJECT_METRIC,
    snapshot_pb2.ALERT_SUBJECT_RISK,
    snapshot_pb2.ALERT_SUBJECT_SILENCE,
)
DISK = metrics_pb2.METRIC_DISK_USAGE_PCT
MEMORY = metrics_pb2.METRIC_MEM_USED_PCT


@pytest.mark.parametrize(
    ("matcher", "server", "subject", "metric", "matches"),
    [
        ({}, "any", METRIC, DISK, True),
        ({"servers": ["web-*"]}, "web-1", RISK, 0, True),
        ({"servers": ["web-*"]}, "my-web-1", RISK, 0, False),
        ({"servers": ["db-1", "web-?"]}, "web-1", RISK, 0, True),
        ({"servers": ["web-?"]}, "web-10", RISK, 0, False),
        ({"servers": ["web-[12]"]}, "web-3", RISK, 0, False),
        ({"servers": ["WEB-1"]}, "web-1", RISK, 0, False),
        ({"metrics": [DISK]}, "any", METRIC, DISK, True),
        ({"metrics": [DISK]}, "any", METRIC, MEMORY, False),
        ({"metrics": [DISK]}, "any", RISK, 0, False),
        ({"metrics": [DISK], "subjects": [SILENCE]}, "any", SILENCE, 0, True),
        ({"subjects": [METRIC]}, "any", METRIC, MEMORY, True),
        ({"servers": ["web-*"], "metrics": [DISK]}, "db-1", METRIC, DISK, False),
    ],
)
def test_who_is_meant(
    matcher: dict[str, list[object]], server: str, subject: int, metric: int, matches: bool
) -> None:
    compiled = Matcher.of(alert_pb2.AlertMatcher(**matcher))  # type: ignore[arg-type]
    assert compiled.matches(server, subject, metric) is matches


def test_a_hostile_pattern_takes_no_time() -> None:
    compiled = Matcher.of(alert_pb2.AlertMatcher(servers=["*a" * 100 + "b"]))
    started = time.process_time()
    assert not compiled.matches("a" * 253, RISK, 0)
    assert time.process_time() - started < 1


def window(
    days: list[int], start: str, hours: float, zone: str = "Europe/Berlin", expires_ms: int = 0
) -> Schedule:
    return Schedule.of(
        alert_pb2.MaintenanceWindow(
            days=days,  # type: ignore[arg-type]
            start_time=start,
            time_zone=zone,
            duration=Duration(seconds=round(hours * 3600)),
            expires_at_ms=expires_ms,
            author="ada",
        )
    )


def at(text: str, zone: str = "Europe/Berlin") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("moment", "active"),
    [
        ("2026-03-01T01:59:59", False),  # a Sunday
        ("2026-03-01T02:00:00", True),
        ("2026-03-01T03:59:59", True),
        ("2026-03-01T04:00:00", False),
        ("2026-03-02T03:00:00", False),
        ("2026-06-07T02:30:00", True),  # the same in summer time
    ],
)
def test_a_window_keeps_to_the_wall_clock_of_its_zone(moment: str, active: bool) -> None:
    assert window([7], "02:00", 2).active(at(moment)) is active


def test_a_window_runs_past_midnight_and_for_days() -> None:
    long = window([5], "22:00", 58)  # Friday evening to Monday morning
    assert long.active(at("2026-03-08T12:00:00"))
    assert long.active(at("2026-03-09T07:59:59"))
    assert not long.active(at("2026-03-09T08:00:00"))


def test_a_start_that_summer_time_skips_is_an_hour_later_and_one_that_comes_twice_counts_once() -> None:
    skipped = window([7], "02:30", 1)
    assert not skipped.active(at("2026-03-29T01:59:00"))
    assert skipped.active(at("2026-03-29T03:30:00"))
    twice = window([7], "02:30", 1)
    first = at("2026-10-25T02:30:00")
    assert twice.active(first)
    assert not twice.active(first + 3_600_000)


def test_a_window_that_has_expired_is_over_for_good() -> None:
    expired = window([1, 2, 3, 4, 5, 6, 7], "00:00", 24, expires_ms=at("2026-03-10T12:00:00"))
    assert expired.active(at("2026-03-10T11:59:59"))
    assert not expired.active(at("2026-03-10T12:00:00"))
    assert expired.next_start_ms(at("2026-03-10T11:59:59")) == 0


@given(
    st.sets(st.integers(1, 7), min_size=1),
    st.integers(0, 23),
    st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.integers(1_600_000_000, 1_900_000_000),
    st.floats(0.1, 168),
)
def test_the_next_start_is_when_it_begins_to_hold(
    days: set[int], hour: int, zone: str, now: int, hours: float
) -> None:
    schedule = window(sorted(days), f"{hour:02d}:15", hours, zone)
    start = schedule.next_start_ms(now * 1000)
    assert now * 1000 < start <= (now + 8 * 86_400) * 1000
    assert schedule.active(start)
    assert datetime.fromtimestamp(start / 1000, ZoneInfo(zone)).isoweekday() in days


@pytest.mark.parametrize("seconds", [0, -5, 7 * 86_400 + 1])
def test_a_window_of_no_length_or_too_long_is_refused(seconds: int) -> None:
    with pytest.raises(InvalidArgument, match="at most 7 days"):
        window([1], "01:00", seconds / 3600)
