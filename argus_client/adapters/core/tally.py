"""`Tally`: everything an adapter counts, in plain numbers; logs, metrics and reports read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from argus_client import PublisherStats, Rejection
from argus_client.adapters.core.mapping import Mapped, Problem
from argus_client.adapters.source import wall_ms

_MAX_EXAMPLES = 100
SOURCE_FIELD = "source"
"""Stands for a column where the source could not even make a record."""
# A clock that is ahead says nothing of how far an adapter has come; the server refuses such rows.
_SKEW_MS = 300_000


@dataclass(slots=True)
class Tally:
    """Counts since the start of the process.

    Attributes:
        now_ms: Clock, Unix milliseconds UTC.
        fetched: Records that came from the source.
        mapped: Rows made of them.
        unmapped: Records of which no row could be made.
        repeated: Rows that were left out because they had been delivered before.
        early: Rows that were left out because they lie before the beginning, `since`.
        published: Rows given to the publisher.
        accepted: Rows the server has taken.
        duplicate: Rows the server had already.
        rejected: Rows the server refused.
        unreported: Rows the server has, whose acknowledgement was lost.
        buffered: Rows on their way now.
        problems: Cells and rows that did not fit, by kind and field.
        rejections: Refused rows of which the server said why, by reason and field.
        examples: One case of each problem and rejection, by kind and field.
        source_errors: Fetches that failed, by kind.
        source_events: What the source counts of its own, by event.
        newest_ms: Time of the newest row that is not from the future; 0 before the first.
        last_success_ms: When the source last answered; 0 before.
        last_saved_ms: When the cursor was last saved; 0 before.
        pages: Pages fetched.
    """

    now_ms: Callable[[], int] = wall_ms
    fetched: int = 0
    mapped: int = 0
    unmapped: int = 0
    repeated: int = 0
    early: int = 0
    published: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    unreported: int = 0
    buffered: int = 0
    pages: int = 0
    newest_ms: int = 0
    last_success_ms: int = 0
    last_saved_ms: int = 0
    problems: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejections: Counter[tuple[str, str]] = field(default_factory=Counter)
    source_errors: Counter[str] = field(default_factory=Counter)
    source_events: Counter[str] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    _closed: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)

    @property
    def lag_seconds(self) -> float | None:
        """How far the newest row lies behind the clock; None before the first."""
        return (self.now_ms() - self.newest_ms) / 1000 if self.newest_ms else None

    @property
    def unreadable(self) -> int:
        """Rows the source itself could not make a record of."""
        return sum(rows for (_, name), rows in self.problems.items() if name == SOURCE_FIELD)

    @property
    def undelivered(self) -> int:
        """Rows that were made and are neither answered for nor on their way: they will be fetched or sent again."""
        answered = self.accepted + self.duplicate + self.rejected + self.unreported
        return self.mapped - self.early - self.repeated - answered - self.buffered

    def page(self, mapped: Mapped) -> list[Problem]:
        """Counts a mapped page; returns the problems that are met for the first time."""
        self.pages += 1
        self.fetched += mapped.records
        self.mapped += len(mapped.samples)
        self.unmapped += mapped.lost_rows
        times = mapped.samples.timestamp_ms
        times = times[times <= self.now_ms() + _SKEW_MS]
        if len(times):
            self.newest_ms = max(self.newest_ms, int(times.max()))
        return [problem for problem in mapped.problems if self.problem(problem)]

    def problem(self, problem: Problem) -> bool:
        """Counts what did not fit; returns whether it is met for the first time."""
        key = (problem.kind, problem.field)
        self.problems[key] += problem.rows
        return self._is_new(key, problem.example)

    def rejection(self, rejection: Rejection) -> bool:
        """Counts a refusal; returns whether its like is met for the first time."""
        key = (rejection.reason.lower(), rejection.field)
        self.rejections[key] += rejection.rows
        where = f"{rejection.server_name}: " if rejection.server_name else ""
        return self._is_new(key, f"{where}{rejection.message}")

    def _is_new(self, key: tuple[str, str], example: str) -> bool:
        if key in self.examples or len(self.examples) >= _MAX_EXAMPLES:
            return False
        self.examples[key] = example
        return True

    def follow(self, stats: PublisherStats) -> None:
        """Takes over the counters of the present publisher."""
        before = self._closed
        self.published = before[0] + stats.rows_published
        self.accepted = before[1] + stats.rows_accepted
        self.duplicate = before[2] + stats.rows_duplicate
        self.rejected = before[3] + stats.rows_rejected
        self.unreported = before[4] + stats.rows_unreported
        self.buffered = stats.rows_buffered

    def keep(self) -> None:
        """The present publisher is over: the next one counts from zero."""
        self._closed = (self.published, self.accepted, self.duplicate, self.rejected, self.unreported)
        self.buffered = 0

    def to_json_dict(self) -> dict[str, object]:
        """For scripts: all counters, problems and rejections with an example each."""
        return {
            "records": self.fetched,
            "rows_mapped": self.mapped,
            "rows_unmapped": self.unmapped,
            "rows_repeated": self.repeated,
            "rows_before_since": self.early,
            "rows_published": self.published,
            "rows_accepted": self.accepted,
            "rows_duplicate": self.duplicate,
            "rows_rejected": self.rejected,
            "rows_unreported": self.unreported,
            "rows_buffered": self.buffered,
            "rows_undelivered": self.undelivered,
            "rows_unreadable": self.unreadable,
            "source_errors": sum(self.source_errors.values()),
            "source_events": dict(self.source_events),
            "newest_ms": self.newest_ms,
            "problems": self._listed(self.problems),
            "rejections": self._listed(self.rejections),
        }

    def _listed(self, counts: Counter[tuple[str, str]]) -> list[dict[str, object]]:
        return [
            {"kind": kind, "field": name, "rows": rows, "example": self.examples.get((kind, name), "")}
            for (kind, name), rows in counts.most_common()
        ]
