from __future__ import annotations

from argus_client import Backoff, ConnectionLost, InvalidArgument, Throttled
from argus_client._retry import RetryBudget


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def budget(clock: Clock, timeout: float | None, attempts: int | None = None) -> RetryBudget:
    backoff = Backoff(initial_seconds=1.0, maximum_seconds=4.0, attempts=attempts)
    return RetryBudget(backoff, timeout, clock, uniform=lambda low, high: high)


def test_waits_grow_while_the_deadline_allows_another_attempt() -> None:
    clock = Clock()
    call = budget(clock, timeout=10.0)
    waits = []
    while (wait := call.delay_after(ConnectionLost("away"))) is not None:
        waits.append(wait)
        clock.now += wait

    assert waits == [1.0, 2.0, 4.0]
    assert call.remaining() == 3.0


def test_one_deadline_covers_every_attempt() -> None:
    clock = Clock()
    call = budget(clock, timeout=10.0)
    assert call.remaining() == 10.0

    clock.now += 9.5

    assert call.remaining() == 0.5
    assert call.delay_after(ConnectionLost("away")) is None
    clock.now += 5.0
    assert call.remaining() == 0.0


def test_without_a_deadline_only_attempts_count() -> None:
    call = budget(Clock(), timeout=None, attempts=3)

    assert call.remaining() is None
    assert [call.delay_after(ConnectionLost("away")) for _ in range(3)] == [1.0, 2.0, None]


def test_the_server_may_ask_for_longer_than_the_backoff() -> None:
    clock = Clock()

    assert budget(clock, timeout=60.0).delay_after(Throttled("slow", retry_delay=30.0)) == 30.0
    assert budget(clock, timeout=20.0).delay_after(Throttled("slow", retry_delay=30.0)) is None


def test_what_cannot_succeed_is_not_tried_again() -> None:
    assert budget(Clock(), timeout=60.0).delay_after(InvalidArgument("wrong")) is None


def test_the_outcome_speaks_for_every_attempt() -> None:
    clock = Clock()
    call, unreachable = budget(clock, timeout=60.0), ConnectionLost("nobody there")
    unreachable.maybe_done = False
    call.delay_after(unreachable)
    assert not unreachable.maybe_done

    call.delay_after(ConnectionLost("broke under way"))
    refused = InvalidArgument("wrong")
    call.delay_after(refused)
    assert refused.maybe_done
