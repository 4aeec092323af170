"""The loop of an adapter against a server that can be told to misbehave."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from argus_client import Superseded, Unauthenticated
from argus_client.adapters.core import fetching, runner
from argus_client.adapters.core.errors import ConfigError, StateError
from argus_client.adapters.core.guarded import Guarded
from argus_client.adapters.core.mapping import Problem
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.runner import Runner, RunOptions
from argus_client.adapters.core.tally import Tally
from argus_client.adapters.pull import SourceUnavailable
from argus_client.adapters.source import SourceError
from argus_client.testing import FakeServer
from tests.waiting import eventually

from .listed import START_MS, Bench, ListedSource, document, loads


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as fake:
        yield fake


@pytest.fixture
def bench(tmp_path: Path, server: FakeServer) -> Bench:
    return Bench(tmp_path, server)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from argus_client import Backoff

    quick = Backoff(initial_seconds=0.001, maximum_seconds=0.002)
    monkeypatch.setattr(fetching.Fetcher.__init__, "__defaults__", (quick, lambda low, high: high))
    monkeypatch.setattr(runner, "SERVER_BACKOFF", quick)
    caplog.set_level(logging.INFO, "argus.adapter")


def documents(count: int) -> list[dict[str, object]]:
    return [document(number) for number in range(count)]


async def test_every_row_arrives_once_and_the_next_run_goes_on(bench: Bench, server: FakeServer) -> None:
    source = ListedSource(documents(25))
    first = await bench.run(source)
    assert loads(server) == list(range(25))
    assert bench.kept() == 25
    assert (first.tally.accepted, first.tally.buffered, first.tally.unmapped) == (25, 0, 0)
    assert source.closed == 1

    source.documents += [document(number) for number in range(25, 30)]
    await bench.run(source)
    assert loads(server) == list(range(30))
    assert source.asked[-1] == 25


async def test_a_cursor_is_kept_only_behind_rows_that_are_answered_for(
    bench: Bench, server: FakeServer
) -> None:
    server.hold_acks()
    running = asyncio.create_task(bench.run(ListedSource(documents(35))))

    async def all_sent() -> bool:
        return "mine" in server.sources and len(loads(server)) == 35

    await eventually(all_sent)
    path = bench.config.state_dir / "mine.json"
    assert not path.exists(), "no row was answered for"
    server.release_acks()
    await running
    assert json.loads(path.read_text())["cursor"] == {"at": 35}


async def test_who_stops_waits_for_answers_and_leaves_the_rest_for_next_time(
    bench: Bench, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.run(ListedSource(documents(10)))
    server.hold_acks()
    running = asyncio.create_task(bench.run(ListedSource(documents(30)), once=False))

    async def sent() -> bool:
        return len(loads(server)) == 30

    await eventually(sent)
    bench.stop.set()
    await running
    assert bench.kept() == 10
    assert "20 rows are not answered for" in caplog.text

    server.release_acks()
    bench.stop.clear()
    after = await bench.run(ListedSource(documents(30)))
    assert bench.kept() == 30
    assert sorted(set(loads(server))) == list(range(30)), "a real server drops what it has already"
    assert after.tally.published == 20


async def test_a_source_that_is_away_is_asked_again_with_the_same_cursor(
    bench: Bench, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    away = SourceUnavailable("no primary", retry_after_seconds=0.003)
    source = ListedSource(documents(20), [None, away, away, away])
    done = await bench.run(source)
    assert source.asked == [0, 10, 10, 10, 10]
    assert loads(server) == list(range(20))
    assert done.tally.source_errors == {"unavailable": 3}
    said = [record.getMessage() for record in caplog.records if "no primary" in record.getMessage()]
    assert len(said) == 1, "said once, then counted"
    assert "The source delivers again." in caplog.text


async def test_a_server_that_is_reached_is_not_taken_for_a_source_that_answers(
    bench: Bench, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    source = ListedSource(documents(3))

    def away_until_the_server_is_reached() -> None:
        if "reached" not in caplog.text:
            raise SourceUnavailable("no primary")

    source.before = away_until_the_server_is_reached
    await bench.run(source)
    assert f"Argus server {server.target} reached as mine; asking the source" in caplog.text
    assert "the source answers: 3 records to begin with" in caplog.text


async def test_a_source_that_can_never_deliver_ends_the_run(bench: Bench, server: FakeServer) -> None:
    with pytest.raises(SourceError, match="no such index"):
        await bench.run(ListedSource(documents(5), [SourceError("no such index")]), once=False)
    assert bench.kept() is None


async def test_an_empty_answer_is_no_sign_that_a_source_works(bench: Bench, server: FakeServer) -> None:
    with pytest.raises(SourceError, match="no such index"):
        await bench.run(ListedSource([], [None, SourceError("no such index")]), once=False)


async def test_a_source_that_has_given_records_is_asked_again(bench: Bench, server: FakeServer) -> None:
    source = ListedSource(documents(15), [None, SourceError("no such index")])
    source.before = lambda: bench.stop.set() if len(source.asked) == 4 else None
    done = await bench.run(source, once=False)
    assert done.tally.source_errors == {"failed": 1}
    assert loads(server) == list(range(15))


async def test_a_single_look_ends_with_a_lasting_error_and_keeps_what_it_had(
    bench: Bench, server: FakeServer
) -> None:
    with pytest.raises(SourceError, match="no such index"):
        await bench.run(ListedSource(documents(15), [None, SourceError("no such index")]))
    assert (loads(server), bench.kept()) == (list(range(10)), 10)


async def test_what_a_source_should_never_raise_ends_the_run_with_one_line(
    bench: Bench, server: FakeServer
) -> None:
    broken = Guarded(ListedSource([], [ZeroDivisionError("by\nzero")]), "mine")
    with bench.state() as state:
        runner = Runner(bench.config, broken, state, bench.stop, RunOptions(once=True))
        with pytest.raises(SourceError, match=r"the adapter mine has met .*: ZeroDivisionError: by zero\."):
            await runner.run()


async def test_late_rows_are_found_and_repeated_ones_left_out(bench: Bench, server: FakeServer) -> None:
    source = ListedSource(documents(12))
    source.overlap = 6
    rounds = 0

    def next_round() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 4:
            source.documents.insert(9, document(40))
        if rounds == 6:
            bench.stop.set()

    source.before = next_round
    done = await bench.run(source, once=False)
    assert sorted(loads(server)) == [*range(12), 40]
    assert done.tally.duplicate == 0
    assert done.tally.repeated > 0


async def test_what_lies_before_the_beginning_is_left_out(bench: Bench, server: FakeServer) -> None:
    done = await bench.run(ListedSource(documents(12)), since="2025-06-15T15:06:42Z")
    assert loads(server) == list(range(6, 12))
    assert (done.tally.early, bench.kept()) == (6, 12)
    # The beginning is kept too: the next run has the same.
    again = await bench.run(ListedSource([*documents(12), document(0), document(90)]))
    assert loads(server) == [*range(6, 12), 90]
    assert again.tally.early == 1


async def test_since_is_for_the_first_run_and_restart_begins_anew(
    bench: Bench, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    source = ListedSource(documents(6))
    await bench.run(source)
    await bench.run(source, since="1h")
    assert "add --restart" in caplog.text
    assert source.asked == [0, 6]
    await bench.run(source, since="2025-06-15T15:06:40Z", restart=True)
    assert source.asked == [0, 6, 0]
    assert source.began_ms == START_MS


async def test_an_end_that_is_final_ends_the_run(bench: Bench, server: FakeServer) -> None:
    source = ListedSource(documents(12))
    source.ends = True
    await bench.run(source, once=False)
    assert loads(server) == list(range(12))


async def test_a_first_page_that_cannot_be_mapped_ends_the_run_and_skips_nothing(
    tmp_path: Path, server: FakeServer
) -> None:
    mapping = MappingConfig.from_table({"timestamp": "@timestamp"})
    bench = Bench(tmp_path, server, mapping=mapping)
    with pytest.raises(
        ConfigError, match=r"no timestamp .*@timestamp.*fields load_average, server_name, timestamp; name"
    ):
        await bench.run(ListedSource(documents(5)))
    assert bench.kept() is None
    assert "mine" not in server.sources or not loads(server)


async def test_a_first_page_with_a_problem_ends_the_run_and_keeps_nothing(
    bench: Bench, server: FakeServer
) -> None:
    source = ListedSource([])
    source.problem = "no query gives any series; check [source] match"
    with pytest.raises(
        ConfigError, match=r"check \[source\] match\. Nothing was sent and nothing was skipped"
    ):
        await bench.run(source)
    assert bench.kept() is None


async def test_a_problem_of_a_later_page_is_said_once_and_when_it_is_over(
    bench: Bench, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    source = ListedSource(documents(10))

    def next_page() -> None:
        source.problem = "no series at all" if len(source.asked) in (1, 2) else ""
        if len(source.asked) == 3:
            source.documents += [document(10)]
        if len(source.asked) == 5:
            bench.stop.set()

    source.before = next_page
    await bench.run(source, once=False)
    assert caplog.text.count("no series at all") == 1
    assert "The source gives rows again." in caplog.text
    assert bench.kept() == 11


async def test_a_first_page_of_rows_that_cannot_be_read_ends_the_run_and_keeps_nothing(
    bench: Bench, server: FakeServer
) -> None:
    source, tally = ListedSource([]), Tally()

    def refuse() -> None:
        tally.problem(Problem("not_json", "source", 7, "<xml>"))

    source.before = refuse
    with bench.state() as state:
        runner = Runner(bench.config, source, state, bench.stop, RunOptions(once=True), tally)
        with pytest.raises(ConfigError, match=r"7 rows: not json, such as <xml>.*nothing was skipped"):
            await runner.run()
    assert bench.kept() is None


async def test_an_empty_source_is_no_problem(bench: Bench, server: FakeServer) -> None:
    await bench.run(ListedSource([]))


async def test_the_problem_of_most_records_is_named(bench: Bench, server: FakeServer) -> None:
    several = [document(0, timestamp=None), *(document(number, server_name=None) for number in range(1, 5))]
    with pytest.raises(ConfigError, match=r"None of the first 5 records could be mapped: no server name"):
        await bench.run(ListedSource(several))


async def test_a_later_page_that_cannot_be_mapped_is_counted_and_passed(
    bench: Bench, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    junk = [{"message": "x"}] * 10
    done = await bench.run(ListedSource([*documents(10), *junk, document(10)]))
    assert loads(server) == list(range(11))
    assert done.tally.problems == {("no_timestamp", "timestamp"): 10, ("no_server_name", "server_name"): 10}
    assert caplog.text.count("not mapped: no timestamp") == 1


async def test_rows_the_server_refuses_are_told_with_a_hint_and_passed(
    bench: Bench, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuse_servers(["web-1"])
    done = await bench.run(ListedSource(documents(30)))
    assert (done.tally.accepted, done.tally.rejected) == (20, 10)
    assert bench.kept() == 30
    assert sum(done.tally.rejections.values()) == 10
    assert caplog.text.count("refused by the server") == 1


@pytest.mark.parametrize("once", [True, False])
async def test_a_server_that_refuses_every_row_ends_a_first_run_and_nothing_is_kept(
    tmp_path: Path, server: FakeServer, once: bool
) -> None:
    bench = Bench(tmp_path, server, interval_seconds=3600)  # nobody is to wait for the next look
    server.refuse_servers(["web-0", "web-1", "web-2"])
    source = ListedSource(documents(30))
    with pytest.raises(
        ConfigError,
        match=r"refused all \d+ rows .*: out of range in server_name, such as web-0: web-0 is refused",
    ):
        await bench.run(source, once=once)
    assert bench.kept() is None


async def test_a_server_that_once_took_a_row_may_refuse_all_others(bench: Bench, server: FakeServer) -> None:
    await bench.run(ListedSource(documents(3)))
    server.refuse_servers(["web-0", "web-1", "web-2"])
    await bench.run(ListedSource(documents(30)))
    assert bench.kept() == 30


async def test_rows_that_are_too_old_are_passed_as_long_as_others_may_follow(
    bench: Bench, server: FakeServer
) -> None:
    server.refuse_servers(["old"], "TOO_OLD")
    old = [document(number, server_name="old", timestamp=START_MS + number * 1000) for number in range(20)]
    done = await bench.run(ListedSource([*old, document(30)]))
    assert (done.tally.rejected, bench.kept()) == (20, 21)

    nothing = Bench(bench.config.state_dir / "other", server)
    with pytest.raises(ConfigError, match=r"refused all 20 rows .*: too old .*Begin later"):
        await nothing.run(ListedSource(old))
    assert nothing.kept() is None


async def test_no_cursor_is_kept_before_the_server_has_taken_a_row(bench: Bench, server: FakeServer) -> None:
    early = [document(number) for number in range(12)]
    await bench.run(ListedSource(early), since="2030-01-01T00:00:00Z")
    assert bench.kept() is None


async def test_the_last_line_adds_up(
    bench: Bench, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuse_servers(["web-2"])
    source = ListedSource([*documents(12), document(4), {"load_average": 1.0}])
    tally = (await bench.run(source, since="2025-06-15T15:06:41Z")).tally
    parts = "14 records: 6 accepted, 3 rejected, 1 repeated by the overlap, 3 before since, 1 not mapped; at"
    assert f"ending: {parts}" in caplog.text, caplog.text
    assert tally.undelivered == 0


async def test_a_server_that_is_away_is_waited_for(
    bench: Bench, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    running = asyncio.create_task(bench.run(ListedSource(documents(12))))

    async def told() -> bool:
        return "is away; rows wait for it" in caplog.text

    await eventually(told)
    server.restart()
    await running
    assert loads(server) == list(range(12))


async def test_who_stops_does_not_wait_for_a_server_that_is_away(
    bench: Bench, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    source = ListedSource(documents(12))
    running = asyncio.create_task(bench.run(source, grace_seconds=1e6))

    async def told() -> bool:
        return "is away; rows wait for it" in caplog.text and len(source.asked) == 2

    await eventually(told)
    bench.stop.set()
    await running
    assert "rows are not answered for by the server; the cursor stays before them" in caplog.text
    assert bench.kept() is None


async def test_a_key_the_server_does_not_know_ends_a_run_that_never_connected(
    bench: Bench, server: FakeServer
) -> None:
    server.fail_next("StreamMetrics", "UNAUTHENTICATED", "no such key", times=50)
    with pytest.raises(Unauthenticated, match="no such key"):
        await bench.run(ListedSource(documents(12)))
    assert bench.kept() is None


async def test_a_key_that_is_refused_later_is_tried_again_and_loses_nothing(
    bench: Bench, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    source = ListedSource(documents(10))

    def break_it() -> None:
        if len(source.asked) == 2:
            server.fail_next("StreamMetrics", "UNAUTHENTICATED", "revoked", times=2)
            server.drop_connections()
        if len(source.asked) == 3:
            source.documents += [document(number) for number in range(10, 20)]
        if len(loads(server)) == 20:
            bench.stop.set()

    source.before = break_it
    await bench.run(source, once=False)
    assert sorted(set(loads(server))) == list(range(20))
    assert "Rows cannot be delivered; trying again" in caplog.text


async def test_a_second_adapter_of_the_same_name_ends_the_first(tmp_path: Path, server: FakeServer) -> None:
    one, two = Bench(tmp_path / "one", server), Bench(tmp_path / "two", server)
    first = asyncio.create_task(one.run(ListedSource(documents(3)), once=False))

    async def first_is_there() -> bool:
        return len(loads(server)) == 3

    await eventually(first_is_there)
    await two.run(ListedSource(documents(3)))
    with pytest.raises(Superseded, match="Another process feeds this server as 'mine'"):
        await first


async def test_a_disk_that_is_full_is_waited_for(
    bench: Bench, server: FakeServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from argus_client.adapters.core.cursor import StateFile

    save, failures = StateFile.save, 0

    def full(file: StateFile, state: object) -> None:
        nonlocal failures
        failures += 1
        if failures <= 2:
            raise OSError(28, "No space left on device")
        save(file, state)  # type: ignore[arg-type]

    monkeypatch.setattr(StateFile, "save", full)
    await bench.run(ListedSource(documents(12)))
    assert bench.kept() == 12
    assert "No space left on device" in caplog.text


async def test_a_state_of_another_source_ends_the_run(bench: Bench, server: FakeServer) -> None:
    bench.config.state_dir.mkdir(exist_ok=True)
    (bench.config.state_dir / "mine.json").write_text(
        '{"version": 1, "source": "x", "cursor": {}, "since_ms": 0, "saved_at_ms": 0}'
    )
    with pytest.raises(StateError, match="another source"):
        await bench.run(ListedSource(documents(3)))
