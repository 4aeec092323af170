"""Everything that can go wrong between the adapter and MongoDB: which error, what it says, and that nothing is lost."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest

from argus_client.adapters.pull import SourceUnavailable
from argus_client.adapters.source import SourceError
from tests.client.adapters.mongodb.reading import Harness
from tests.client.adapters.mongodb.test_source import MAPPING, TABLE, document
from tests.client.adapters.mongodb.wire import Failure, MongoServer
from tests.client.adapters.pulling import read_all
from tests.waiting import eventually

PASSWORD = "s3cr:t/p@ss"


@pytest.fixture
async def server() -> AsyncIterator[MongoServer]:
    async with MongoServer() as running:
        running.indexes["server_metrics"].append({"timestamp": 1})
        running.insert("linborg", "server_metrics", [document(n, n) for n in range(30)])
        yield running


async def test_the_right_password_opens_and_a_wrong_one_is_one_clear_line() -> None:
    async with MongoServer({"argus": PASSWORD}) as server:
        server.insert("linborg", "server_metrics", [document(1, 0)])
        harness = Harness()
        values = {"uri": server.uri, "username": "argus", "password": PASSWORD, **TABLE}
        source = harness.build(values, MAPPING)
        assert (await read_all(source, source.begin(0)))[0] == [1]
        await source.close()
        source = harness.build({**values, "password": "wr0ng"}, MAPPING)
        with pytest.raises(SourceError, match=r"refused the credentials: check username, password") as error:
            await source.fetch(source.begin(0), 10)
        await source.close()
    assert not isinstance(error.value, SourceUnavailable)
    assert "wr0ng" not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


async def test_a_password_in_the_uri_is_used_and_never_shown() -> None:
    async with MongoServer({"argus": PASSWORD}) as server:
        server.insert("linborg", "server_metrics", [document(1, 0)])
        uri = server.uri.replace("://", "://argus:s3cr%3At%2Fp%40ss@")
        source = Harness().build({"uri": uri, **TABLE}, MAPPING)
        assert (await read_all(source, source.begin(0)))[0] == [1]
        server.fail("find", Failure(2, f"bad {uri} {PASSWORD} s3cr%3At%2Fp%40ss"))
        with pytest.raises(SourceError) as error:
            await source.fetch(source.begin(0), 10)
        await source.close()
    assert "s3cr" not in str(error.value)
    assert "s3cr" not in repr(vars(source))
    assert "***" in str(error.value)


@pytest.mark.usefixtures("_forgotten_sockets")
async def test_an_unreachable_host_is_asked_again_and_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        values = {"uri": f"mongodb://127.0.0.1:{port}", "timeout_seconds": 0.3, **TABLE}
        source = Harness().build(values, MAPPING)
        with pytest.raises(
            SourceUnavailable, match=rf"127.0.0.1:{port} can be reached; the connection is refused"
        ):
            await source.fetch(source.begin(0), 10)
        await source.close()


@pytest.mark.usefixtures("_forgotten_sockets")
async def test_it_comes_back_when_the_server_does() -> None:
    server = MongoServer()
    server.insert("linborg", "server_metrics", [document(n, n) for n in range(30)])
    async with server:
        source = Harness().build({"uri": server.uri, "timeout_seconds": 1, **TABLE}, MAPPING)
        page = await source.fetch(source.begin(0), 10)
    with pytest.raises(SourceUnavailable):
        await source.fetch(page.cursor, 10)
    values: list[int] = []

    async def read() -> bool:
        try:
            values[:], _ = await read_all(source, page.cursor)
        except SourceUnavailable:
            return False
        return True

    async with server:
        await eventually(read)
        await source.close()
    assert values == list(range(len(page.records), 30))


async def test_a_missing_collection_is_an_error_that_lists_those_there_are(server: MongoServer) -> None:
    source = Harness().build({"uri": server.uri, "database": "linborg", "collection": "metrics"}, MAPPING)
    with pytest.raises(
        SourceError, match="'linborg' has no collection 'metrics'; it has server_metrics"
    ) as error:
        await source.fetch(source.begin(0), 10)
    await source.close()
    assert not isinstance(error.value, SourceUnavailable)


async def test_a_missing_database_is_an_error(server: MongoServer) -> None:
    source = Harness().build({"uri": server.uri, "database": "linbrog", "collection": "metrics"}, MAPPING)
    with pytest.raises(SourceError, match="'linbrog' has no collection 'metrics'; it has none at all"):
        await source.fetch(source.begin(0), 10)
    await source.close()


async def test_a_user_who_may_only_find_is_enough(server: MongoServer) -> None:
    server.fail("listCollections", Failure(13, "not authorized"))
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    values, _ = await read_all(source, source.begin(0))
    await source.close()
    assert values == list(range(30))


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (Failure(13, "not authorized on linborg"), SourceError, "grant the role read on 'linborg'"),
        (Failure(18, "Authentication failed."), SourceError, "refused the credentials"),
        (Failure(50, "operation exceeded time limit"), SourceUnavailable, "create an index on 'timestamp'"),
        (Failure(292, "Sort exceeded memory limit"), SourceError, "create an index on 'timestamp'"),
        (Failure(10107, "not primary"), SourceUnavailable, "electing a primary"),
        (Failure(11600, "interrupted at shutdown"), SourceUnavailable, "electing a primary"),
        (Failure(16500, "Request rate is large"), SourceUnavailable, "code 16500"),
        (Failure(134, "Read concern majority not available yet"), SourceUnavailable, "code 134"),
        (
            Failure(2, "unknown operator: $expr"),
            SourceError,
            r"refused the query \(code 2\): unknown operator",
        ),
        (Failure(hang_up=True), SourceUnavailable, "lost the connection"),
    ],
    ids=lambda value: str(value.code) if isinstance(value, Failure) else None,
)
async def test_what_the_server_says_becomes_an_error_and_the_page_is_read_again(
    server: MongoServer, failure: Failure, kind: type[Exception], message: str
) -> None:
    source = Harness().build({"uri": server.uri, **TABLE}, MAPPING)
    first = await source.fetch(source.begin(0), 10)
    server.fail("find", failure, failure)  # the driver tries once more by itself
    with pytest.raises(kind, match=message) as error:
        await source.fetch(first.cursor, 10)
    assert type(error.value) is kind
    server.fail("find")
    while True:  # a failure the driver did not use up
        try:
            values, _ = await read_all(source, first.cursor)
            break
        except SourceError:
            continue
    await source.close()
    assert [*first.records.column("n"), *values] == list(range(30))  # type: ignore[misc]


async def test_a_forgotten_cursor_loses_nothing(server: MongoServer) -> None:
    values = {"uri": server.uri, "batch_documents": 4, **TABLE}
    source = Harness().build(values, MAPPING)
    first = await source.fetch(source.begin(0), 10)
    server.forget_cursors = True
    with pytest.raises(SourceUnavailable, match="forgot a cursor"):
        await source.fetch(first.cursor, 10)
    rest, _ = await read_all(source, first.cursor)
    await source.close()
    assert [*first.records.column("n"), *rest] == list(range(30))  # type: ignore[misc]
    assert server.open_cursors == 0


async def test_a_server_that_does_not_answer_is_unavailable(server: MongoServer) -> None:
    source = Harness().build({"uri": server.uri, "timeout_seconds": 0.1, **TABLE}, MAPPING)
    server.fail("find", Failure(silence=True), Failure(silence=True))
    with pytest.raises(SourceUnavailable, match=r"did not answer within 0\.1 s"):
        await source.fetch(source.begin(0), 10)
