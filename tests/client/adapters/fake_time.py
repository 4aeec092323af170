from __future__ import annotations


class FakeTime:
    """A clock, and a stop that moves it on instead of waiting; stops by itself after `waits` waits."""

    def __init__(self, waits: int = 1000) -> None:
        self.seconds = 100.0
        self.waited: list[float] = []
        self._waits = waits

    def monotonic(self) -> float:
        return self.seconds

    def now_ms(self) -> int:
        return 1_735_689_600_000 + round(self.seconds * 1000)

    def is_set(self) -> bool:
        return len(self.waited) >= self._waits

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        assert timeout > 0
        self.waited.append(timeout)
        if self.is_set():
            return True
        self.seconds += timeout
        return False
