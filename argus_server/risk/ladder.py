"""The one alert ladder: what a risk score is called, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder.

    Attributes:
        minimum_score: Least score that stands on it, 0 to 100.
        level: `argus.v1.AlertLevel` number.
        priority: `argus.v1.AlertPriority` number.
        label: Name for people.
        color: As #RRGGBB.
        emoji: One emoji.
        sla_seconds: Time within which somebody should act; 0 means best effort.
    """

    minimum_score: float
    level: int
    priority: int
    label: str
    color: str
    emoji: str
    sla_seconds: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs from the lowest, which starts at 0, up; every priority has one."""

    rungs: tuple[Rung, ...]

    def levels(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """`AlertLevel` numbers of risk scores, same shape."""
        return np.array([rung.level for rung in self.rungs], dtype=np.uint8)[self._standing(scores)]

    def priorities(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """`AlertPriority` numbers of risk scores, same shape."""
        return np.array([rung.priority for rung in self.rungs], dtype=np.uint8)[self._standing(scores)]

    def rung(self, priority: int) -> Rung:
        """How to show a priority.

        Raises:
            KeyError: No rung has that priority.
        """
        for rung in self.rungs:
            if rung.priority == priority:
                return rung
        raise KeyError(f"no rung of the alert ladder has priority {priority}")

    def _standing(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
        floors = np.array([rung.minimum_score for rung in self.rungs], dtype=np.float32)
        return np.searchsorted(floors, scores, side="right") - 1
