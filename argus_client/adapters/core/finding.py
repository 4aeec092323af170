"""`Finding`: one thing that was looked at, what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a check.

    Attributes:
        check: Name of the check: a word for scripts.
        level: How bad it is.
        message: What was found.
        advice: What to do; empty when there is nothing to do.
    """

    check: str
    level: Level
    message: str
    advice: str = ""


def worst(findings: Sequence[Finding]) -> Level:
    """The worst of all levels; `OK` without findings."""
    order = list(Level)
    return max((finding.level for finding in findings), key=order.index, default=Level.OK)
