"""The fuzzer sends what it says, and sees it when something gives way."""

from __future__ import annotations

from typing import Any

import pytest

from argus.v1 import ingest_pb2
from argus_server.app import ArgusServer
from argus_server.bench import fuzz, guided
from argus_server.bench.hostile import HostileMessages
from argus_server.ingest.session import IngestSession


def test_the_same_seed_sends_the_same_messages() -> None:
    one, other, another = (HostileMessages(seed, 1_700_000_000_000) for seed in (1, 1, 2))
    sent = [one.next() for _ in range(500)]
    assert sent == [other.next() for _ in range(500)]
    assert sent != [another.next() for _ in range(500)]


def test_the_messages_are_of_many_kinds() -> None:
    hostile = HostileMessages(0, 1_700_000_000_000)
    readable = 0
    for _ in range(2_000):
        try:
            readable += bool(ingest_pb2.StreamMetricsRequest.FromString(hostile.next()).ByteSize())
        except Exception:
            continue
    assert 400 < readable < 1_600


@pytest.mark.slow
def test_nothing_gives_way() -> None:
    figures = fuzz.run(messages=20_000, wire_messages=300, seed=7)
    assert figures["messages"] == sum(figures["answers"].values()) == 20_000
    assert figures["wire_answers"] == 300
    assert {"ack", "malformed_message", "column_length_mismatch", "sequence_gap"} <= set(figures["answers"])
    assert figures["largest_answer_bytes"] < 1 << 16
    assert figures["other_methods"] >= 24
    assert figures["memory_growth_mb"] < fuzz.MAX_GROWTH_MB + 0.5 * figures["new_servers"]


def test_memory_that_grows_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bytes] = []
    receive = IngestSession.receive

    def leak(self: IngestSession, data: bytes) -> Any:
        held.append(b"x" * (1 << 20))
        return receive(self, data)

    monkeypatch.setattr(IngestSession, "receive", leak)
    with pytest.raises(fuzz.FuzzError, match=r"memory has grown by .* MB over the last 150 messages"):
        fuzz.run(messages=300, wire_messages=1)


def test_every_method_that_takes_one_request_gets_some() -> None:
    figures = fuzz.run(messages=10, wire_messages=60)
    assert figures["other_methods"] >= 24
    assert sum(figures["other_methods_statuses"].values()) == 60


def test_an_exception_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: IngestSession, batch: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(IngestSession, "_hello", fail)
    with pytest.raises(ZeroDivisionError):
        fuzz.run(messages=10, wire_messages=1)
    monkeypatch.undo()

    async def feed_nothing(server: ArgusServer) -> None:
        pass

    monkeypatch.setattr(fuzz, "_feed", feed_nothing)
    monkeypatch.setattr(IngestSession, "_batch", fail)
    with pytest.raises(fuzz.FuzzError, match="ZeroDivisionError came out of a session"):
        fuzz.run(messages=1_000, wire_messages=1)


def test_a_changed_server_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz.HostileMessages, "__init__", _aims_at_the_good)
    with pytest.raises(fuzz.FuzzError, match="the state of another server has changed"):
        fuzz.run(messages=2_000, wire_messages=1)


@pytest.mark.slow
def test_fuzzing_that_follows_coverage_finds_nothing() -> None:
    pytest.importorskip("atheris")
    figures = guided.run(runs=3_000, seed=0)
    assert figures["guided_messages"] >= 3_000
    assert figures["guided_new_paths"] > 0  # else nothing was followed


def _aims_at_the_good(self: HostileMessages, seed: int, now_ms: int) -> None:
    import random

    self.sequence = 1
    self._random = random.Random(seed)
    self._now_ms = now_ms
    self._prefix = ""
    self._kinds = (lambda: _good_row(self),)


def _good_row(self: HostileMessages) -> bytes:
    message = self._batch()
    message.batch.metrics.server_name[:] = ["ppdb0000"] * len(message.batch.metrics.server_name)
    return message.SerializeToString()
