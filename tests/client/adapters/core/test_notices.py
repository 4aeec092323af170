"""What an adapter says, and how often."""

from __future__ import annotations

import json
import logging

import pytest

from argus_client.adapters.core.notices import REPEAT_SECONDS, Notices, log
from argus_client.adapters.core.progress import BEHIND_SECONDS, STEADY_SECONDS, Progress
from argus_client.adapters.core.spec import AdapterSpec
from argus_client.adapters.core.tally import Tally
from argus_client.cli.adapter_log import JsonFormatter, TextFormatter


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, log.name)


def test_a_trouble_is_told_once_then_every_few_minutes_with_how_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Hands()
    notices = Notices(monotonic=clock)
    for _ in range(10):
        notices.trouble("source", "no answer")
        clock.now += REPEAT_SECONDS / 5
    notices.trouble("other", "another\n trouble")
    assert caplog.messages == [
        "no answer",
        "no answer (and 4 times since it was last said)",
        "another trouble",
    ]
    caplog.clear()
    notices.over("source", "fine again")
    notices.over("source", "fine again")
    notices.trouble("source", "no answer")
    assert caplog.messages == ["fine again", "no answer"]


def test_progress_is_told_often_while_behind_and_seldom_after(caplog: pytest.LogCaptureFixture) -> None:
    clock = Hands()
    tally = Tally(lambda: 0)
    progress = Progress(tally, clock)

    def pages(count: int, seconds: float, is_last: bool) -> list[str]:
        caplog.clear()
        for _ in range(count):
            clock.now += seconds
            tally.mapped += 100
            tally.newest_ms = 1_750_000_000_000
            progress.page(is_last)
        return [message.partition(":")[0] for message in caplog.messages]

    assert pages(20, BEHIND_SECONDS / 5, False) == ["catching up"] * 4
    assert "at 2025-06-15 15:06:40Z; 50 rows/s" in caplog.messages[-1]
    assert pages(1, 1, True) == ["caught up"]
    assert pages(10, STEADY_SECONDS / 5, True) == ["steady"] * 2


def test_a_log_line_is_one_line_or_one_object() -> None:
    record = logging.LogRecord("argus.adapter", logging.WARNING, "", 0, "got %s", ("a\nb\x1b[31m",), None)
    record.created = 1_750_000_000.123
    assert TextFormatter().format(record) == "2025-06-15T15:06:40.123Z warning got a b [31m"
    record.trouble = "source"
    assert json.loads(JsonFormatter().format(record)) == {
        "time": "2025-06-15T15:06:40.123Z",
        "level": "warning",
        "message": "got a\nb\x1b[31m",
        "trouble": "source",
    }


def test_a_spec_is_asked_or_sent_to() -> None:
    with pytest.raises(ValueError, match="exactly one of build and serve"):
        AdapterSpec("a", "", "")
    with pytest.raises(ValueError, match="names the preset 'x', which it lacks"):
        AdapterSpec("a", "", "", build=lambda values, context: None, preset="x")  # type: ignore[arg-type,return-value]
