"""A gRPC server that has every RPC there is and does nothing, behind a real guard; and keys for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc

from argus_server.security.access import Access
from argus_server.security.caller import current_caller
from argus_server.security.key_file import KEYS_FILE, KeyFile
from argus_server.security.limits import KeyLimits
from argus_server.security.scopes import Scope
from argus_server.security.token import Token
from argus_server.settings import ServerSettings
from tests.server.running import open_channel
from tests.server.security.rpcs import every_rpc

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


class Keys:
    """Makes keys in a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.file = KeyFile(data_dir / KEYS_FILE)

    def make(self, name: str, *scopes: Scope, limits: KeyLimits | None = None) -> str:
        return self.file.create(name, frozenset(scopes), now(), limits=limits).reveal()

    def make_expired(self, name: str, *scopes: Scope) -> str:
        token = self.file.create(name, frozenset(scopes), LONG_AGO, LONG_AGO + timedelta(days=1))
        return token.reveal()

    def make_revoked(self, name: str, *scopes: Scope) -> str:
        key = self.make(name, *scopes)
        self.file.revoke(name, now())
        return key

    def make_unknown(self) -> str:
        return Token.new().reveal()


def bearer(key: str | None) -> tuple[tuple[str, str], ...]:
    return () if key is None else (("authorization", f"Bearer {key}"),)


@dataclass
class Guarded:
    """The server, and how to call it."""

    access: Access
    channel: grpc.aio.Channel
    address: str

    async def call(self, path: str, metadata: tuple[tuple[str, str], ...] = ()) -> grpc.StatusCode:
        """Calls a method with an empty request; returns the status. An open stream is left after its answer."""
        return (await self.outcome(path, metadata)).code

    async def outcome(self, path: str, metadata: tuple[tuple[str, str], ...] = ()) -> Outcome:
        return await call(self.channel, path, metadata)


@dataclass(frozen=True)
class Outcome:
    """How a call ended."""

    code: grpc.StatusCode
    details: str
    answer: bytes
    trailers: tuple[tuple[str, Any], ...]


async def call(channel: grpc.aio.Channel, path: str, metadata: tuple[tuple[str, str], ...]) -> Outcome:
    """Calls once. A refusal that comes while the request is being written is hidden by grpc.aio: asks again then."""
    for _ in range(20):
        made = await _call(channel, path, metadata)
        if (made.code, made.details) != (grpc.StatusCode.INTERNAL, "Internal error from Core"):
            break
    return made


async def _call(channel: grpc.aio.Channel, path: str, metadata: tuple[tuple[str, str], ...]) -> Outcome:
    method = every_rpc()[path]
    make = getattr(
        channel,
        f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}",
    )(path, None, None)
    given: Any = iter([b""]) if method.client_streaming else b""
    made = make(given, metadata=metadata, timeout=20)
    answer = b""
    try:
        if method.server_streaming:
            async for message in made:
                answer = message
                break
            if answer:
                made.cancel()
                return Outcome(grpc.StatusCode.OK, "", answer, ())
        else:
            answer = await made
    except grpc.aio.AioRpcError as error:
        trailers = tuple(error.trailing_metadata() or ())
        return Outcome(error.code(), error.details() or "", b"", trailers)
    return Outcome(await made.code(), await made.details(), answer, ())


@asynccontextmanager
async def guarded(
    data_dir: Path | None,
    methods: Mapping[str, Any] | None = None,
    fleet: frozenset[str] = frozenset(),
    handlers: Mapping[str, Any] | None = None,
    credentials: grpc.ChannelCredentials | None = None,
    **settings: Any,
) -> AsyncIterator[Guarded]:
    """Starts it on a free port, in the clear unless the settings name a certificate. `handlers` replace those that do
    nothing."""
    access = Access(ServerSettings.load({"data_dir": data_dir, **settings}), lambda: fleet)
    server = grpc.aio.server(interceptors=(access.guard,))
    for path in methods or every_rpc():
        service, _, name = path[1:].partition("/")
        handler = (handlers or {}).get(path) or _handler(path)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {name: handler}),))
    secure = access.credentials
    port = (
        server.add_insecure_port("127.0.0.1:0")
        if secure is None
        else server.add_secure_port("127.0.0.1:0", secure)
    )
    await server.start()
    following = asyncio.create_task(access.run())
    try:
        address = f"127.0.0.1:{port}"
        async with open_channel(address, credentials) as channel:
            yield Guarded(access, channel, address)
    finally:
        following.cancel()
        await server.stop(0)
        access.close()


def _handler(path: str) -> Any:
    method = every_rpc().get(path)
    if method is None or not method.server_streaming:
        return grpc.unary_unary_rpc_method_handler(_answer)
    if method.client_streaming:
        return grpc.stream_stream_rpc_method_handler(_echo)
    return grpc.unary_stream_rpc_method_handler(_stream)


def _who() -> bytes:
    caller = current_caller()
    return json.dumps([caller.kind, caller.name]).encode()


async def _answer(request: bytes, context: Any) -> bytes:
    return _who()


async def _stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
    yield _who()


async def _echo(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for _ in requests:
        yield _who()
