"""What a doctor finds in a server, and in the rows of a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from argus_client import AsyncArgusClient
from argus_client.adapters.core.bounds import bounds
from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.finding import Finding, Level, worst
from argus_client.adapters.core.mapping import Mapper, Problem
from argus_client.adapters.core.mapping_checks import check_mapping
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.preview import Preview
from argus_client.adapters.core.server_checks import check_server
from argus_client.adapters.core.tally import Tally
from argus_client.samples import METRICS
from argus_client.testing import FakeServer
from argus_server.contract import batch_constraints

NOW_MS = 1_750_000_000_000


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as fake:
        yield fake


async def levels(server: FakeServer, now_ms: int = 0) -> dict[str, Finding]:
    async with AsyncArgusClient(server.target) as client:
        return {
            found.check: found
            for found in await check_server(client, server.target, "doctor", 5.0, lambda: now_ms)
        }


async def test_a_sound_server_has_nothing_wrong(server: FakeServer) -> None:
    assert worst(list((await levels(server)).values())) is Level.OK


@pytest.mark.parametrize(
    ("now_ms", "level", "says"),
    [
        (2_000, "ok", "2.0 s behind"),
        (60_000, "warning", "60 s behind"),
        (-400_000, "failure", "400 s ahead of"),
    ],
)
async def test_clocks_are_compared(server: FakeServer, now_ms: int, level: str, says: str) -> None:
    found = (await levels(server, now_ms))["clock"]
    assert (found.level, says in found.message) == (level, True), found


async def test_a_key_for_ingest_only_is_no_failure(server: FakeServer) -> None:
    server.fail_next("GetServerInfo", "PERMISSION_DENIED", "scope read is missing")
    found = await levels(server)
    assert (found["server"].level, found["ingest"].level) == ("note", "ok")


async def test_a_key_that_may_not_send_is_a_failure(server: FakeServer) -> None:
    server.fail_next("StreamMetrics", "PERMISSION_DENIED", "scope ingest is missing", times=50)
    found = (await levels(server))["ingest"]
    assert found.level == "failure"
    assert "scope ingest is missing" in found.message


async def test_a_server_that_does_not_serve_is_a_failure(server: FakeServer) -> None:
    server.serving = False
    assert (await levels(server))["server"].level == "failure"


def test_bounds_are_those_the_server_goes_by() -> None:
    rules = batch_constraints()
    assert bounds().lower.tolist() == [bound.lower for bound in rules.metric_bounds]
    assert bounds().upper.tolist() == [bound.upper for bound in rules.metric_bounds]
    assert bounds().name_length == rules.name_max_length
    for name in ("web-1", "", " web", "web ", "w" * 254, "wéb", "a b", "web\n"):
        fits = len(name) <= rules.name_max_length and rules.name_pattern.fullmatch(name) is not None
        assert bounds().allows_name(name) == fits, name


def previewed(
    documents: list[dict[str, Any]], mapping: MappingConfig, early: int = 0, is_last: bool = True
) -> Preview:
    return Preview(Mapper(mapping).apply(Documents(documents)), (), Tally(), early, is_last)


def checked(
    documents: list[dict[str, Any]],
    *,
    follows: bool = True,
    early: int = 0,
    newest: list[dict[str, Any]] | None = None,
    has_older: bool = False,
    columns: dict[str, Any] | None = None,
) -> dict[str, list[Finding]]:
    mapping = MappingConfig.from_table({"columns": columns or {}})
    first = previewed(documents, mapping, early, follows)
    last = None if newest is None else previewed(newest, mapping)
    found: dict[str, list[Finding]] = {}
    for finding in check_mapping(first, mapping, NOW_MS, newest=last, has_older=has_older):
        found.setdefault(finding.check, []).append(finding)
    return found


def rows(
    count: int = 40, every_ms: int = 60_000, end_ms: int = NOW_MS, **fields: Any
) -> list[dict[str, Any]]:
    whole = {metric: 5.0 for metric in METRICS} | fields
    return [
        {
            "timestamp": end_ms - (count - 1 - number) // 2 * every_ms,
            "server_name": f"web-{number % 2}",
            **{name: value[number] if isinstance(value, list) else value for name, value in whole.items()},
        }
        for number in range(count)
    ]


def test_sound_rows_have_nothing_wrong() -> None:
    found = checked(rows())
    assert worst([finding for each in found.values() for finding in each]) is Level.OK
    assert found["records"][0].message == "40 rows of 2 servers"


@pytest.mark.parametrize(
    ("fields", "check", "says"),
    [
        ({"mem_used_pct": 4500.0}, "range", "Then set scale = 0.01 for mem_used_pct"),
        ({"mem_used_pct": 101.0}, "range", "0 to 100 of all cores"),
        ({"net_in_mb_s": -1.0}, "range", "Set the scale"),
        (
            {"cpu_user_pct": [number / 50 for number in range(40)]},
            "scale",
            "set scale = 100 for cpu_user_pct",
        ),
        ({"mem_used_pct": None}, "coverage", "Map them"),
    ],
)
def test_wrong_values_come_with_advice(fields: dict[str, Any], check: str, says: str) -> None:
    (found,) = checked(rows(**fields))[check]
    assert says in found.advice, found


@pytest.mark.parametrize(
    ("column", "value", "check", "says"),
    [
        (
            {"field": "x", "scale": 100},
            45.0,
            "range",
            "the scale of mem_used_pct in [mapping.columns] is 100; remove",
        ),
        ({"field": "x", "scale": 100}, 5.0, "range", "is 100; remove it"),
        ({"field": "x", "scale": 10_000}, 0.45, "range", "is 10000; set 100"),
        ({"field": "x", "scale": 0.01}, 45.0, "scale", "is 0.01; remove it"),
        ({"field": "x", "scale": 0.1}, 9.0, "scale", "is 0.1; set 10"),
        (["x", {"field": "y", "scale": 100}], 4500.0, "range", "multiply each scale of mem_used_pct"),
    ],
)
def test_advice_on_a_scale_goes_by_the_one_there_is(column: Any, value: float, check: str, says: str) -> None:
    (found,) = checked(rows(x=value), columns={"mem_used_pct": column})[check]
    assert says in found.advice, found


def test_a_quiet_server_is_not_taken_for_a_ratio() -> None:
    assert "scale" not in checked(rows(java_cpu_pct=0.0, cpu_iowait_pct=0.01))


def test_times_are_looked_at() -> None:
    assert "180 minutes old" in checked(rows(end_ms=NOW_MS - 3 * 3_600_000))["lag"][0].message
    assert checked(rows(end_ms=NOW_MS - 3 * 3_600_000), follows=False)["lag"][0].level == "note"
    future = checked(rows(end_ms=NOW_MS + 2 * 3_600_000))["future"][0]
    assert "up to 2.0 h in the future" in future.message
    assert "local time" in future.message
    assert checked(rows(every_ms=600_000))["cadence"][0].level == "warning"
    assert checked(rows(2))["cadence"][0].level == "note"


def test_the_newest_rows_are_looked_at_beside_the_oldest() -> None:
    old = rows(end_ms=NOW_MS - 20 * 3_600_000)
    found = checked(old, follows=False, newest=rows(end_ms=NOW_MS - 4_000))
    assert (found["lag"][0].level, found["lag"][0].message) == ("ok", "the newest row is 4 s old")
    one_each = checked(rows(2, end_ms=NOW_MS - 20 * 3_600_000), follows=False, newest=rows(2))
    assert one_each["cadence"][0].level == "note", "the hours between are no gap of the source"
    assert "no row of the last 15 minutes" in checked(old, follows=False, newest=[])["lag"][0].message
    assert "future" in checked(old, follows=False, newest=rows(end_ms=NOW_MS + 7_200_000))
    typo = [{**row, "mem_used_pct": "n.a."} for row in rows()]
    assert "40 of 80 records: not a number" in checked(old, follows=False, newest=typo)["mapping"][0].message


def test_what_is_missing_is_told() -> None:
    nothing = checked([])["records"][0]
    assert "nor before it" in nothing.message
    assert "preset, match, index" in nothing.advice
    for older in (checked([], early=3), checked([], has_older=True)):
        assert "Look further back" in older["records"][0].advice
    assert "and 3 rows before it" in checked([], early=3)["records"][0].message
    found = checked([{"x": 1}] * 3)
    assert [finding.level for finding in found["mapping"]] == ["failure", "failure"]
    assert np.all([finding.advice for finding in found["mapping"]])
    assert "records" not in found


def test_a_source_that_says_what_is_wrong_is_quoted() -> None:
    first = replace(previewed([], MappingConfig()), problem="no query gives a series")
    (found,) = check_mapping(first, MappingConfig(), NOW_MS)
    assert (found.level, found.message) == ("failure", "no query gives a series")


def test_input_that_cannot_be_read_at_all_is_a_failure() -> None:
    first = previewed([], MappingConfig())
    first.tally.problem(Problem("not_json", "source", 4, "<xml>"))
    (found,) = check_mapping(first, MappingConfig(), NOW_MS)
    assert (found.check, found.level) == ("mapping", "failure")


def test_ports_in_names_are_noticed() -> None:
    documents = [{**row, "server_name": f"{row['server_name']}:9100"} for row in rows()]
    assert "in a port, such as web-0:9100" in checked(documents)["server_names"][0].message
