"""Everything that can go wrong between the adapter and a search server, and that nothing is lost by it."""

from __future__ import annotations

import base64
import datetime as dt
import socket
from collections.abc import AsyncIterator, Mapping
from email.utils import format_datetime
from typing import Any

import pytest

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.elasticsearch.failures import retry_after
from argus_client.adapters.pull import SourceUnavailable
from argus_client.adapters.source import SourceError
from tests.client.adapters.elasticsearch.reading import Harness
from tests.client.adapters.elasticsearch.search_server import EXPIRED, Failure, SearchServer, basic, error_of
from tests.client.adapters.elasticsearch.test_source import FLAVOURS, MAPPING, document, table
from tests.client.adapters.pulling import close_built, read_all

BUSY = error_of("es_rejected_execution_exception", "rejected execution of search")


@pytest.fixture(params=FLAVOURS, ids=lambda flavour: f"{flavour[0]}-{flavour[1]}")
async def server(request: pytest.FixtureRequest) -> AsyncIterator[SearchServer]:
    async with SearchServer(*request.param) as running:
        running.add("metrics-a", [document(n, n) for n in range(30)])
        yield running
        await close_built()


@pytest.mark.parametrize(
    ("failure", "kind", "message", "seconds"),
    [
        (
            Failure(429, BUSY, {"Retry-After": "7"}),
            SourceUnavailable,
            r"too busy \(429\): rejected execution",
            7,
        ),
        (Failure(429, BUSY), SourceUnavailable, r"too busy \(429\)", None),
        (Failure(503, error_of("x", "all shards failed")), SourceUnavailable, "all shards failed", None),
        (Failure(502, text="<html>bad gateway</html>"), SourceUnavailable, "502", None),
        (
            Failure(401, error_of("security_exception", "unable to authenticate")),
            SourceError,
            "credentials",
            None,
        ),
        (
            Failure(403, error_of("security_exception", "is unauthorized")),
            SourceError,
            "privileges read",
            None,
        ),
        (Failure(400, error_of("parsing_exception", "unknown query")), SourceError, "unknown query", None),
    ],
    ids=["429-after", "429", "503", "502-html", "401", "403", "400"],
)
async def test_what_the_server_says_becomes_an_error_and_the_page_is_read_again(
    server: SearchServer, failure: Failure, kind: type[Exception], message: str, seconds: float | None
) -> None:
    source = Harness().build(table(server), MAPPING)
    first = await source.fetch(source.begin(0), 10)
    server.fail("/_search", failure)
    with pytest.raises(kind, match=message) as error:
        await source.fetch(first.cursor, 10)
    assert type(error.value) is kind
    assert getattr(error.value, "retry_after_seconds", None) == seconds
    rest, _ = await read_all(source, first.cursor)
    assert rest == list(range(9, 30))
    assert server.open_points == 0


@pytest.mark.parametrize("fault", ["partial", "timed_out"])
async def test_an_answer_that_is_not_complete_is_never_taken_for_all(
    server: SearchServer, fault: str
) -> None:
    source = Harness().build(table(server), MAPPING)
    first = await source.fetch(source.begin(0), 10)
    if fault == "partial":
        server.partial = [1]
    else:
        server.timed_out = 1
    with pytest.raises(SourceUnavailable, match=r"1 of 3 shards .* Data too large|own time-out"):
        await source.fetch(first.cursor, 10)
    rest, _ = await read_all(source, first.cursor)
    assert rest == list(range(9, 30))


async def test_an_expiry_that_shows_in_the_shards_only_is_one_too(server: SearchServer) -> None:
    source = Harness().build(table(server), MAPPING)
    first = await source.fetch(source.begin(0), 10)
    shard = {"shard": 0, "reason": {"type": EXPIRED, "reason": "No search context found"}}
    partly = {
        "timed_out": False,
        "_shards": {"total": 3, "failed": 1, "failures": [shard]},
        "hits": {"hits": []},
    }
    server.fail("/_search", Failure(200, partly))
    rest, _ = await read_all(source, first.cursor)
    assert rest == list(range(9, 30))


async def test_a_server_that_forgets_at_once_is_unavailable_and_not_asked_for_ever(
    server: SearchServer,
) -> None:
    source = Harness().build(table(server), MAPPING)
    gone = Failure(404, error_of("search_phase_execution_exception", "gone", cause=EXPIRED))
    server.fail("/_search", gone, gone, gone)
    with pytest.raises(SourceUnavailable, match=r"raise .* keep_alive_seconds"):
        await source.fetch(source.begin(0), 10)
    assert len(server.bodies("/_search")) == 2


async def test_a_missing_index_is_an_error(server: SearchServer) -> None:
    for index, message in (("absent", "no index 'absent'"), ("absent-*", "matches 'absent-.'")):
        source = Harness().build(table(server, index=index), MAPPING)
        with pytest.raises(SourceError, match=message) as error:
            await source.fetch(source.begin(0), 10)
        assert not isinstance(error.value, SourceUnavailable)


@pytest.mark.parametrize(
    ("values", "header"),
    [
        ({"username": "argus", "password": "p@ss"}, basic("argus", "p@ss")),
        ({"api_key": "id:secret"}, f"ApiKey {base64.b64encode(b'id:secret').decode()}"),
        ({"api_key": "aWQ6c2VjcmV0"}, "ApiKey aWQ6c2VjcmV0"),
        ({"bearer_token": "t0ken"}, "Bearer t0ken"),
    ],
    ids=["basic", "api-key", "api-key-encoded", "bearer"],
)
@pytest.mark.parametrize("flavour", [FLAVOURS[0], FLAVOURS[2]], ids=["elasticsearch", "opensearch"])
async def test_credentials_are_sent_and_wrong_ones_are_one_clear_line(
    flavour: tuple[str, str], values: Mapping[str, Any], header: str
) -> None:
    async with SearchServer(*flavour, authorization=header) as server:
        server.add("metrics-a", [document(1, 0)])
        source = Harness().build(table(server, **values), MAPPING)
        assert (await read_all(source, source.begin(0)))[0] == [1]
        last = list(values)[-1]
        wrong = Harness().build(table(server, **values | {last: "wr0ng"}), MAPPING)
        with pytest.raises(SourceError, match="refused the credentials") as error:
            await wrong.fetch(wrong.begin(0), 10)
        await close_built()
    assert not isinstance(error.value, SourceUnavailable)
    assert "wr0ng" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__context__ is None or error.value.__suppress_context__
    for secret in ("p@ss", "secret", "t0ken", header):
        assert secret not in repr(vars(source))


async def test_credentials_in_a_url_are_used_and_never_shown() -> None:
    async with SearchServer(authorization=basic("argus", "p@ss")) as server:
        server.add("metrics-a", [document(1, 0)])
        url = server.url.replace("://", "://argus:p%40ss@")
        source = Harness().build({**table(server), "hosts": [url]}, MAPPING)
        assert (await read_all(source, source.begin(0)))[0] == [1]
        server.fail("/_search", Failure(400, error_of("x", f"bad {url} {basic('argus', 'p@ss')} p@ss")))
        with pytest.raises(SourceError) as error:
            await source.fetch(source.begin(0), 10)
        await close_built()
    for secret in ("p@ss", "p%40ss", basic("argus", "p@ss").split()[1]):
        assert secret not in str(error.value)


@pytest.mark.parametrize("flavour", ["elasticsearch", "opensearch"])
async def test_an_unreachable_host_is_asked_again_and_another_one_answers(flavour: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}"
        source = Harness().build({"hosts": dead, "index": "metrics-*", "flavour": flavour}, MAPPING)
        with pytest.raises(SourceUnavailable, match=rf"{dead} cannot be reached"):
            await source.fetch(source.begin(0), 10)
        async with SearchServer(flavour, "3.3.0" if flavour == "opensearch" else "8.19.3") as server:
            server.add("metrics-a", [document(n, n) for n in range(30)])
            source = Harness().build({**table(server), "hosts": [dead, server.url]}, MAPPING)
            values, _ = await read_all(source, source.begin(0))
            await close_built()
        assert values == list(range(30))


async def test_opensearch_taken_for_elasticsearch_is_told_so() -> None:
    async with SearchServer("opensearch", "3.3.0") as server:
        server.add("metrics-a", [document(1, 0)])
        source = Harness().build({"hosts": server.url, "index": "metrics-*"}, MAPPING)
        # A real OpenSearch refuses the media type before the product is looked at; both must end in one hint.
        with pytest.raises(SourceError, match="flavour"):
            await source.fetch(source.begin(0), 10)
        server.fail("/_field_caps", Failure(200, {"indices": ["metrics-a"], "fields": {}}))
        with pytest.raises(ConfigError, match=r'flavour = "opensearch"'):
            await source.fetch(source.begin(0), 10)
        await close_built()


async def test_a_server_older_than_the_client_is_told_so() -> None:
    async with SearchServer(version="7.17.0") as server:
        server.add("metrics-a", [document(1, 0)])
        source = Harness().build(table(server), MAPPING)
        with pytest.raises(ConfigError, match="it is older than the client"):
            await source.fetch(source.begin(0), 10)
        await close_built()


async def test_documents_without_source_are_an_error(server: SearchServer) -> None:
    hit = {"_index": "metrics-a", "_id": "1", "sort": [1, 1]}
    answer = {"timed_out": False, "_shards": {"total": 1, "failed": 0}, "hits": {"hits": [hit]}}
    server.fail("/_search", Failure(200, answer))
    source = Harness().build(table(server), MAPPING)
    with pytest.raises(SourceError, match="come without _source"):
        await source.fetch(source.begin(0), 10)


def test_retry_after_is_a_number_or_a_date() -> None:
    assert retry_after({"retry-after": "2.5"}) == 2.5
    assert retry_after({"retry-after": "-1"}) == 0.0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None
    later = retry_after(
        {"retry-after": format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1), usegmt=True)}
    )
    assert later is not None
    assert 3_500 < later <= 3_600
