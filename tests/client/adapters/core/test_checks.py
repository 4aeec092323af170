"""What a doctor finds in a server, and in the rows of a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from argus_client import AsyncArgusClient
from argus_client.adapters.core.bounds import bounds
from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.finding import Finding, Level, worst
from argus_client.adapters.core.mapping import Mapper
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
        return {found.check: found for found in await check_server(client, "doctor", 5.0, lambda: now_ms)}


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


def checked(
    documents: list[dict[str, Any]], *, follows: bool = True, early: int = 0
) -> dict[str, list[Finding]]:
    mapped = Mapper(MappingConfig()).apply(Documents(documents))
    found: dict[str, list[Finding]] = {}
    for finding in check_mapping(Preview(mapped, (), Tally(), early, follows), NOW_MS, follows=follows):
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
        ({"mem_used_pct": 4500.0}, "range", "scale = 0.01"),
        ({"mem_used_pct": 101.0}, "range", "0 to 100 of all cores"),
        ({"net_in_mb_s": -1.0}, "range", "Set the scale"),
        ({"cpu_user_pct": [number / 50 for number in range(40)]}, "scale", "scale = 100 for cpu_user_pct"),
        ({"mem_used_pct": None}, "coverage", "Map them"),
    ],
)
def test_wrong_values_come_with_advice(fields: dict[str, Any], check: str, says: str) -> None:
    (found,) = checked(rows(**fields))[check]
    assert says in found.advice, found


def test_a_quiet_server_is_not_taken_for_a_ratio() -> None:
    assert "scale" not in checked(rows(java_cpu_pct=0.0, cpu_iowait_pct=0.01))


def test_times_are_looked_at() -> None:
    assert "180 minutes old" in checked(rows(end_ms=NOW_MS - 3 * 3_600_000))["lag"][0].message
    assert checked(rows(end_ms=NOW_MS - 3 * 3_600_000), follows=False)["lag"][0].level == "ok"
    future = checked(rows(end_ms=NOW_MS + 2 * 3_600_000))["future"][0]
    assert "up to 2.0 h in the future" in future.message
    assert "local time" in future.message
    assert checked(rows(every_ms=600_000))["cadence"][0].level == "warning"
    assert checked(rows(2))["cadence"][0].level == "note"


def test_what_is_missing_is_told() -> None:
    assert "no records" in checked([])["records"][0].message
    assert "and 3 before it" in checked([], early=3)["records"][0].message
    found = checked([{"x": 1}] * 3)
    assert [finding.level for finding in found["mapping"]] == ["failure", "failure"]
    assert np.all([finding.advice for finding in found["mapping"]])
    assert "records" not in found


def test_ports_in_names_are_noticed() -> None:
    documents = [{**row, "server_name": f"{row['server_name']}:9100"} for row in rows()]
    assert "in a port, such as web-0:9100" in checked(documents)["server_names"][0].message
