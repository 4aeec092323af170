"""What a dry run prints: nothing is cut, whatever the width, and an empty one says what to look at."""

from __future__ import annotations

import re
from typing import Any

import pytest

from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.mapping import Mapper, Problem
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.preview import Preview
from argus_client.adapters.core.tally import Tally
from argus_client.cli.adapter_preview import sample_lines, show
from argus_client.samples import METRICS, Samples


def samples(count: int, **fields: Any) -> Samples:
    rows = [
        {
            "timestamp": 1_750_000_000 + number,
            "server_name": f"database-{number}.rack-7.example.com",
            **dict.fromkeys(METRICS, number + 0.5),
            **fields,
        }
        for number in range(count)
    ]
    return Mapper(MappingConfig()).apply(Documents(rows)).samples


@pytest.mark.parametrize("width", [None, 200, 80, 20])
def test_every_metric_and_name_is_there_whatever_the_width(width: int | None) -> None:
    lines = sample_lines(samples(3), width)
    text = "\n".join(lines)
    assert set(METRICS) <= {line.split(" ")[0] for line in lines}
    for number in range(3):
        assert f"database-{number}.rack-7.example.com" in text
        assert len(re.findall(rf"\b{number}\.5\b", text)) == len(METRICS)
    if width in (200, 80):
        assert max(map(len, lines)) <= width


def test_as_many_samples_as_fit_stand_side_by_side() -> None:
    def blocks(width: int | None) -> int:
        return "\n".join(sample_lines(samples(9), width)).count("time (UTC)")

    assert [blocks(None), blocks(80), blocks(20)] == [1, 3, 5], "of the first five samples"


def test_a_metric_that_is_not_measured_takes_no_line() -> None:
    lines = sample_lines(samples(2, java_cpu_pct=None), None)
    assert not [line for line in lines if line.startswith("java_cpu_pct")]


def preview(documents: list[dict[str, Any]], early: int = 0, problem: str = "") -> Preview:
    mapped = Mapper(MappingConfig()).apply(Documents(documents))
    return Preview(mapped, (), Tally(), early, True, problem)


@pytest.mark.parametrize(
    ("documents", "early", "problem", "says"),
    [
        ([], 0, "", "the source gives no records; check its preset, match"),
        ([], 7, "", "all 7 lie before the beginning; look further back"),
        ([], 0, "No query gives a series.", "No query gives a series;"),
        ([{"x": 1}], 0, "", "none of 1 records can be mapped"),
    ],
)
def test_an_empty_one_is_one_line_that_says_what_to_look_at(
    documents: list[dict[str, Any]],
    early: int,
    problem: str,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(preview(documents, early, problem), as_json=False)
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith("no rows: ")
    assert says in first
    assert first.endswith("nothing was sent")
    assert not [line for line in others if not line.startswith("not mapped")]


def test_what_could_not_be_read_is_shown_without_what_a_terminal_would_obey(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = preview([])
    found.tally.problem(Problem("not_json", "source", 3, "\x1b[2Jx"))
    show(found, as_json=False)
    first, second = capsys.readouterr().out.splitlines()
    assert "nothing of what the source gave can be read" in first
    assert second == "not read: 3 x not json, such as  [2Jx"
