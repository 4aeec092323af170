"""What happens to a running server's callers when keys are revoked, rotated, expire, or the file breaks."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from argus.v1 import prediction_pb2
from argus_server.security.key_file import KEYS_FILE, KeyFile
from argus_server.security.keyring import USED_FILE, Keyring, has_been_used
from argus_server.security.scopes import Scope
from tests.server.running import Running, hello, history, numbered, running
from tests.server.security.guarded import Keys, bearer, call, guarded, now
from tests.waiting import eventually

STATUS = "/argus.v1.AdminService/GetStatus"
OK, UNAUTHENTICATED = grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


@pytest.fixture
async def argus(tmp_path: Path, keys: Keys) -> AsyncIterator[Running]:
    keys.make("operator", Scope.READ)
    async with running(data_dir=tmp_path) as argus:
        yield argus


async def code(argus: Running, key: str | None) -> grpc.StatusCode:
    return (await call(argus.channel, STATUS, bearer(key))).code


async def follows(argus: Running, key: str, expected: grpc.StatusCode) -> None:
    async def so() -> bool:
        return await code(argus, key) is expected

    await eventually(so)


async def subscribe(argus: Running, key: str) -> Any:
    stream = argus.prediction.Subscribe(prediction_pb2.SubscribeRequest(), metadata=bearer(key))
    assert await stream.read() is not grpc.aio.EOF
    return stream


async def publish(argus: Running, key: str, source: str) -> Any:
    stream = argus.ingest.StreamMetrics(metadata=bearer(key))
    await stream.write(hello(source))
    assert (await stream.read()).WhichOneof("message") == "welcome"
    return stream


async def drained(stream: Any) -> grpc.StatusCode:
    """Reads a stream to its end."""
    try:
        while await stream.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        return error.code()
    return await stream.code()


async def test_a_revoked_key_s_streams_end_and_others_stay(argus: Running, keys: Keys) -> None:
    doomed, kept = keys.make("doomed", Scope.READ, Scope.INGEST), keys.make("kept", Scope.READ, Scope.INGEST)
    await follows(argus, kept, OK)
    streams = [await subscribe(argus, doomed), await publish(argus, doomed, "doomed")]
    others = [await subscribe(argus, kept), await publish(argus, kept, "kept")]
    # One that is never read: its writer may be waiting for room when the end comes.
    stalled = argus.prediction.Subscribe(prediction_pb2.SubscribeRequest(), metadata=bearer(doomed))

    keys.file.revoke("doomed", now())

    for stream in (*streams, stalled):
        assert await drained(stream) is UNAUTHENTICATED
        assert "'doomed' does not work any more" in await stream.details()
    assert await code(argus, doomed) is UNAUTHENTICATED
    assert await others[0].read() is not grpc.aio.EOF
    await others[1].write(numbered(1, history(["web-1"], 2)))
    assert (await others[1].read()).ack.accepted_rows == 2


async def test_a_revoked_key_s_stream_ends_though_its_reader_stands_still(tmp_path: Path, keys: Keys) -> None:
    """Its task waits in the transport for room, where no handler of ours is to be reached."""
    path = "/argus.v1.PredictionService/Subscribe"
    sent = ended = 0

    async def flood(request: bytes, context: Any) -> AsyncIterator[bytes]:
        nonlocal sent, ended
        try:
            while True:
                sent += 1
                yield bytes(1 << 20)
        finally:
            ended += 1

    key = keys.make("doomed", Scope.READ)
    handlers = {path: grpc.unary_stream_rpc_method_handler(flood)}
    async with guarded(tmp_path, handlers=handlers) as server:
        stream = server.channel.unary_stream(path, None, None)(b"", metadata=bearer(key))
        seen = [-1, -2]

        async def stands_still() -> bool:
            seen.append(sent)
            return sent > 0 and len(seen) > 10 and len(set(seen[-10:])) == 1

        await eventually(stands_still)
        keys.file.revoke("doomed", now())

        async def gone() -> bool:
            return bool(ended)

        await eventually(gone)
        assert await drained(stream) is UNAUTHENTICATED


async def test_an_expired_key_s_streams_end(argus: Running, keys: Keys) -> None:
    short = keys.file.create("short", frozenset({Scope.READ}), now(), now() + timedelta(seconds=4)).reveal()
    await follows(argus, short, OK)
    stream = await subscribe(argus, short)
    assert await drained(stream) is UNAUTHENTICATED
    assert "expired at" in (await call(argus.channel, STATUS, bearer(short))).details


async def test_after_a_rotation_both_keys_work_and_then_one(argus: Running, keys: Keys) -> None:
    former = keys.make("web", Scope.READ)
    latter = keys.file.rotate("web", now(), timedelta(hours=1)).reveal()
    await follows(argus, latter, OK)
    assert await code(argus, former) is OK
    latest = keys.file.rotate("web", now(), timedelta(0)).reveal()
    await follows(argus, latest, OK)
    assert await code(argus, former) is UNAUTHENTICATED
    assert await code(argus, latter) is UNAUTHENTICATED


async def test_the_first_key_closes_the_door_for_everybody_else(tmp_path: Path) -> None:
    async with running(data_dir=tmp_path) as argus:
        assert await code(argus, None) is OK
        stream = argus.prediction.Subscribe(prediction_pb2.SubscribeRequest())
        assert await stream.read()
        key = Keys(tmp_path).make("first", Scope.READ)
        assert await drained(stream) is UNAUTHENTICATED
        assert await code(argus, None) is UNAUTHENTICATED
        assert await code(argus, key) is OK


@pytest.mark.parametrize("damage", ["rubbish", "empty list", "gone", "writable by others"])
async def test_a_broken_file_opens_nothing(damage: str, tmp_path: Path, argus: Running, keys: Keys) -> None:
    key = keys.make("reader", Scope.READ)
    await follows(argus, key, OK)
    path = tmp_path / KEYS_FILE
    if damage == "rubbish":
        path.write_text("{")
    elif damage == "empty list":
        path.write_text(json.dumps({"version": 1, "keys": []}))
    elif damage == "gone":
        path.unlink()
    else:
        os.chmod(path, 0o666)

    async def reported() -> bool:
        status = argus.server.status()
        return status.degraded and "the former API keys stay in force" in status.degraded_reason

    await eventually(reported)
    assert await code(argus, key) is OK
    assert await code(argus, None) is UNAUTHENTICATED


async def test_nothing_stops_keys_from_being_revoked(
    argus: Running, keys: Keys, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = keys.make("reader", Scope.READ)
    await follows(argus, key, OK)
    failures = iter([RecursionError("too deep")])

    def fail_once(path: Path) -> object:
        for failure in failures:
            raise failure
        return os.stat(path)

    monkeypatch.setattr("argus_server.security.keyring.os", type("Os", (), {"stat": staticmethod(fail_once)}))
    keys.file.revoke("reader", now())
    await follows(argus, key, UNAUTHENTICATED)
    assert "keys and certificates could not be followed; trying again" in caplog.text


async def test_a_server_does_not_start_with_a_broken_file(tmp_path: Path) -> None:
    (tmp_path / KEYS_FILE).write_text("{")
    with pytest.raises(ValueError, match=r"keys\.json is damaged"):
        async with running(data_dir=tmp_path):
            pass


async def test_when_a_key_was_last_used_is_kept(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    used, unused = keys.make("used", Scope.READ), keys.make("unused", Scope.READ)
    async with running(data_dir=tmp_path) as argus:
        assert await code(argus, used) is OK
    stored = json.loads((tmp_path / USED_FILE).read_text())
    assert set(stored) == {used.split("_")[1], unused.split("_")[1]}
    assert stored[unused.split("_")[1]] is None


async def test_a_server_that_asked_for_keys_does_not_start_without_them(tmp_path: Path) -> None:
    async with running(data_dir=tmp_path) as argus:
        assert await code(argus, None) is OK
    async with running(data_dir=tmp_path) as argus:
        assert await code(argus, None) is OK, "there never was a key"
        Keys(tmp_path).make("operator", Scope.READ)

        async def noted() -> bool:
            return "null" in (tmp_path / USED_FILE).read_text()

        await eventually(noted)  # at once: the process may be killed any time
    before = (tmp_path / KEYS_FILE).read_bytes()
    (tmp_path / KEYS_FILE).unlink()
    with pytest.raises(ValueError, match=r"keys\.json is gone.*argus keys create.*remove .*keys-used\.json"):
        async with running(data_dir=tmp_path):
            pass
    (tmp_path / KEYS_FILE).write_bytes(before)
    (tmp_path / KEYS_FILE).chmod(0o600)
    async with running(data_dir=tmp_path) as argus:
        assert await code(argus, None) is UNAUTHENTICATED
    (tmp_path / KEYS_FILE).unlink()
    (tmp_path / USED_FILE).unlink()
    async with running(data_dir=tmp_path) as argus:
        assert await code(argus, None) is OK


def without_keys(path: Path) -> None:
    path.write_text(json.dumps({"version": 1, "keys": []}))


@pytest.mark.parametrize("lose", [without_keys, Path.unlink])
async def test_keys_that_are_lost_while_a_server_runs_open_no_door_after_it(
    tmp_path: Path, keys: Keys, lose: Callable[[Path], None]
) -> None:
    keys.make("operator", Scope.READ)
    async with running(data_dir=tmp_path) as argus:
        lose(tmp_path / KEYS_FILE)

        async def reported() -> bool:
            return argus.server.status().degraded

        await eventually(reported)
    assert "null" in (tmp_path / USED_FILE).read_text(), (
        "the end of a server leaves what says that there were keys"
    )
    with pytest.raises(ValueError, match=r"keys\.json (has no keys|is gone).*remove .*keys-used\.json"):
        async with running(data_dir=tmp_path):
            pass


async def test_a_file_that_vanishes_between_two_looks_is_no_file_without_keys(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keys.make("operator", Scope.READ)
    ring = Keyring(keys.file, tmp_path / USED_FILE)
    path, aside = tmp_path / KEYS_FILE, tmp_path / "aside.json"
    os.utime(path)

    def stat_and_move(place: Path) -> object:
        found = os.stat(place)
        path.rename(aside)
        return found

    with monkeypatch.context() as patch:
        fake = type("Os", (), {"stat": staticmethod(stat_and_move)})
        patch.setattr("argus_server.security.keyring.os", fake)
        ring.refresh()
    assert len(ring) == 1
    assert ring.problem == f"the former API keys stay in force: {path} is gone"
    aside.rename(path)
    ring.refresh()
    assert ring.problem == ""
    path.rename(aside)
    ring.refresh()
    assert ring.problem
    aside.rename(path)
    ring.refresh()
    assert ring.problem == "", "the same file again is as good as before"
    assert ring.authenticate(key).name == "operator"


def test_a_file_that_cannot_be_read_for_a_moment_is_read_again(
    keys: Keys, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keys.make("operator", Scope.READ)
    ring = Keyring(keys.file)
    keys.file.revoke("operator", now())
    (key_id,) = ring._keys

    def fail(_: KeyFile) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(KeyFile, "read", fail)
        for _ in range(3):
            ring.refresh()
            assert ring.valid(key_id)
    assert len(caplog.records) == 1
    ring.refresh()
    assert not ring.valid(key_id)
    assert ring.problem == ""


def test_that_there_are_keys_is_noted_again_until_it_is_on_disk(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    keys.make("operator", Scope.READ)
    ring = Keyring(keys.file, tmp_path / USED_FILE)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("argus_server.security.keyring.write_private", full)
        for _ in range(3):
            ring.save(ring.due() or b"it is not due")
    assert len(caplog.records) == 1
    ring.save(ring.due() or b"{}")
    assert has_been_used(tmp_path / USED_FILE)
    assert ring.due() is None


async def test_drain_still_ends_streams_well(tmp_path: Path, keys: Keys) -> None:
    key = keys.make("both", Scope.READ, Scope.INGEST)
    async with running(data_dir=tmp_path) as argus:
        reader, source = await subscribe(argus, key), await publish(argus, key, "a")
        draining = asyncio.create_task(argus.server.drain())
        assert (await source.read()).WhichOneof("message") == "draining"
        assert await drained(source) is OK
        assert await drained(reader) is OK
        await draining


async def test_a_request_that_is_no_message_is_a_plain_error(argus: Running, keys: Keys) -> None:
    key = keys.make("reader", Scope.READ)
    await follows(argus, key, OK)
    invoke = argus.channel.unary_unary("/argus.v1.PredictionService/GetSnapshot", None, None)
    made = invoke(b"\xff\xff\xff", metadata=bearer(key))
    assert await made.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert await made.details() == "the request is not the message this method takes"
    # A stranger's request is not even read.
    assert await invoke(b"\xff\xff\xff").code() is UNAUTHENTICATED
