from __future__ import annotations

import time

from argus_server.clock import EventClock, ManualClock, WallClock


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
