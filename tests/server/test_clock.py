from __future__ import annotations

import time

from argus_server.clock import EventClock, JumpGuard, ManualClock, WallClock


def test_wall_clock_is_the_system_s_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    assert before <= WallClock().now_ms() <= time.time_ns() // 1_000_000


def test_event_clock_is_the_newest_sample_and_never_goes_back() -> None:
    clock = EventClock()
    assert clock.now_ms() == 0
    clock.observe(5_000)
    clock.observe(4_000)
    assert clock.now_ms() == 5_000
    clock.observe(5_001)
    assert clock.now_ms() == 5_001


def test_manual_clock_stands_still_until_moved() -> None:
    clock = ManualClock(10)
    clock.advance(5)
    assert clock.now_ms() == 15
    clock.set(3)
    assert clock.now_ms() == 3


HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Passing:
    """Time that passes, and a wall clock that may be set."""

    def __init__(self) -> None:
        self.seconds = 500.0
        self.off_ms = 0
        self.guard = JumpGuard(lambda: self.seconds)

    def settled(self, hours: float = 0.0) -> int:
        """By how much the time to forget by is ahead of the true one, some hours later."""
        self.seconds += 3600 * hours
        true_ms = 1_700_000_000_000 + round(1000 * self.seconds)
        return self.guard.settled(true_ms + self.off_ms) - true_ms


def test_a_moment_ahead_is_not_forgotten_by() -> None:
    time = Passing()
    assert time.settled() == time.settled(0.5) == 0
    time.off_ms = 40 * DAY_MS
    assert time.settled(0.001) == time.settled(0.9) == 0
    time.off_ms = 0
    assert time.settled(0.001) == time.settled(2) == 0
    time.off_ms = 40 * DAY_MS
    assert time.settled(0.001) == time.settled(0.9) == 0, "an hour of its own, for a second jump"


def test_a_clock_that_stays_ahead_is_followed_after_an_hour() -> None:
    time = Passing()
    assert time.settled() == 0
    time.off_ms = 40 * DAY_MS
    assert time.settled(0.001) == 0
    assert time.settled(1) == 40 * DAY_MS
    time.off_ms += HOUR_MS
    assert time.settled() == time.off_ms, "a correction by an hour is none to wait for"


def test_a_clock_that_jumps_on_has_its_hour_begin_again() -> None:
    time = Passing()
    assert time.settled() == 0
    time.off_ms = 2 * HOUR_MS
    assert time.settled(0.1) == time.settled(0.9) == 0
    time.off_ms = 40 * DAY_MS
    assert time.settled(0.2) == 0, "an hour at 2 hours ahead is none at 40 days ahead"
    time.off_ms = 2 * HOUR_MS
    assert time.settled(0.1) == 0
    time.off_ms = 40 * DAY_MS
    assert time.settled(0.8) == time.settled(0.9) == 0, "nor has it stayed there while it was somewhere else"
    assert time.settled(0.1) == 40 * DAY_MS


def test_a_clock_that_goes_back_is_followed_at_once() -> None:
    time = Passing()
    assert time.settled() == 0
    time.off_ms = -40 * DAY_MS
    assert time.settled() == time.off_ms
    time.off_ms = 0
    assert time.settled() == -40 * DAY_MS, "coming back is a jump as well"
    assert time.settled(0.5) == -40 * DAY_MS
    assert time.settled(0.6) == 0
