"""What browsers fetch, without a browser."""

from __future__ import annotations

import gzip
import json
import math

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from argus_client import FleetSnapshot, MetricThreshold
from argus_client.testing import make_outlook, make_snapshot
from argus_ui.assets import AssetCache
from argus_ui.columns import METERS, fleet_document, minutes_left
from argus_ui.feed import EMBEDDED_SERVERS, Document, Fleet, html_json
from argus_ui.spark import ALPHABET, LEVELS, encode
from argus_ui.subscription import by_metric, short_names
from tests.ui.fleets import HOSTILE, fleet


def browser(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://dashboard")


def snapshot(**arguments: object) -> FleetSnapshot:
    return FleetSnapshot.from_proto(fleet(**arguments))  # type: ignore[arg-type]


def test_every_column_has_an_item_per_server() -> None:
    columns = fleet_document(snapshot())["servers"]
    assert {len(column) for column in columns.values()} == {12}
    assert {*METERS, "name", "risk", "level", "breach", "alerts", "history", "p10", "p50", "p90"} <= set(
        columns
    )
    assert columns["risk"] == sorted(columns["risk"], reverse=True)
    assert [found and found[0] for found in columns["breach"][:4]] == [24.0, 12.0, 0.0, None]
    assert columns["breach"][1] == [12.0, 5, 98.0, 0.83]
    assert columns["alerts"][0] == [["dat-0000-mem_used_pct", True, "", False]]
    assert columns["alerts"][5] is None


@pytest.mark.parametrize(
    ("minutes", "told"), [(0.0, 0.0), (1e-6, 0.01), (0.04, 0.04), (12.345, 12.35), (math.nan, None)]
)
def test_only_what_is_crossed_has_no_time_left(minutes: float, told: float | None) -> None:
    assert minutes_left(minutes) == told


def test_a_fleet_has_the_clock_that_its_minutes_count_from() -> None:
    found = fleet_document(snapshot())
    assert found["clock_ms"] - found["origin_ms"] == 300_000


def test_what_is_not_known_is_null() -> None:
    message = make_snapshot({"a": 5.0})
    message.servers[0].display_metrics.cpu.current = math.nan
    message.servers[0].data_age_seconds = math.inf
    document = fleet_document(FleetSnapshot.from_proto(message))
    columns = json.loads(Document.of(document).plain)["servers"]
    assert columns["cpu"] == [None]
    assert columns["memory"] == [None]
    assert columns["age"] == [None]
    assert columns["outlook_metric"] == [None]
    assert columns["p50"] == [""]


def test_the_page_has_the_riskiest_servers_and_cannot_be_broken_out_of() -> None:
    risks = {f"server-{i}": 90.0 - i / 10 for i in range(2 * EMBEDDED_SERVERS)} | {HOSTILE[1]: 99.0}
    made = Fleet.of(FleetSnapshot.from_proto(make_snapshot(risks)))
    assert "<" not in made.embedded
    embedded = json.loads(made.embedded)
    assert embedded["partial"] is True
    assert embedded["servers"]["name"][0] == HOSTILE[1]
    assert len(embedded["servers"]["name"]) == EMBEDDED_SERVERS
    whole = json.loads(made.document.plain)
    assert whole["partial"] is False
    assert len(whole["servers"]["name"]) == 2 * EMBEDDED_SERVERS + 1
    assert embedded["tag"] == whole["tag"] == made.document.tag


async def test_a_document_is_sent_once() -> None:
    document = Document.of({"numbers": list(range(2_000))})

    async def answer(request: Request) -> Response:
        return document.response(request)

    client = browser(Starlette(routes=[Route("/", answer)]))
    first = await client.get("/")
    assert first.headers["content-encoding"] == "gzip"
    assert first.json() == {"numbers": list(range(2_000))}
    assert gzip.decompress(document.packed) == document.plain
    tag = first.headers["etag"]
    for held in (tag, f"W/{tag}", f'"other", {tag}'):
        again = await client.get("/", headers={"If-None-Match": held})
        assert (again.status_code, again.content) == (304, b"")
    other = await client.get("/", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200
    plain = await client.get("/", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == document.plain


def test_html_json_is_json() -> None:
    value = {"name": HOSTILE[1], "nan": math.nan}
    assert json.loads(html_json(value)) == {"name": HOSTILE[1], "nan": None}


@given(st.lists(st.one_of(st.just(math.nan), st.floats(-50, 250, width=32)), max_size=50))
def test_sparklines_keep_values_to_a_step(values: list[float]) -> None:
    text = encode(np.array(values, np.float32), 0.0, 100.0)
    assert len(text) == len(values)
    assert json.dumps(text) == f'"{text}"'
    for value, letter in zip(values, text, strict=True):
        if math.isnan(value):
            assert letter == " "
        else:
            read = ALPHABET.index(letter) / (LEVELS - 1) * 100.0
            assert read == pytest.approx(min(max(value, 0.0), 100.0), abs=50.0 / (LEVELS - 1) + 1e-3)


def test_a_sparkline_has_room_for_its_threshold() -> None:
    def high(metric: str, value: float, critical: float | None) -> float:
        outlook = make_outlook(metric, value=value, band=0.0, critical=critical)
        document = fleet_document(FleetSnapshot.from_proto(make_snapshot({"a": 1.0}, outlook=outlook)))
        found: float = document["servers"]["outlook_high"][0]
        return found

    assert high("cpu_iowait_pct", 5.0, 30.0) == 45.0
    assert high("mem_used_pct", 60.0, 98.0) == 100.0
    assert high("load_average", 40.0, None) == pytest.approx(44.0)
    assert high("net_in_mb_s", 0.0, None) > 0


def test_what_a_server_offers_is_told_shortly() -> None:
    assert short_names(("argus.v1.AlertService", "argus.v1.HistoryService")) == ("Alert", "History")
    thresholds = [
        MetricThreshold("mem_used_pct", "", 90.0, 98.0, "%", False, False),
        MetricThreshold("mem_used_pct", "database", 98.0, 99.0, "%", False, False),
        MetricThreshold("load_average", "", 1.5, 4.0, "", False, True),
    ]
    assert by_metric(thresholds) == {"mem_used_pct": {"": (90.0, 98.0), "database": (98.0, 99.0)}}


async def test_files_that_last_are_compressed_once() -> None:
    asked: list[str] = []

    async def file(request: Request) -> Response:
        asked.append(request.url.path)
        headers = {"Cache-Control": "public, immutable"} if "lasts" in request.url.path else {}
        return PlainTextResponse("x" * 5_000, headers=headers)

    client = browser(AssetCache(Starlette(routes=[Route("/{path:path}", file)])))
    for path in ("/_nicegui/1/lasts.js", "/_nicegui/1/changes.js", "/lasts.js"):
        for _ in range(2):
            assert (await client.get(path)).text == "x" * 5_000
    assert asked.count("/_nicegui/1/lasts.js") == 1
    assert asked.count("/_nicegui/1/changes.js") == 2
    assert asked.count("/lasts.js") == 2
    packed = await client.get("/_nicegui/1/lasts.js")
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < 500
    plain = await client.get("/_nicegui/1/lasts.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == "x" * 5_000
