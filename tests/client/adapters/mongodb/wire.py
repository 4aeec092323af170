"""`MongoServer`: a server of MongoDB's wire protocol over plain lists, for what a real driver says to it.

It answers the handshake, SCRAM-SHA-256, listCollections, listIndexes, find, getMore and killCursors, and what a test
needs to prepare a database: insert, createIndexes and dropDatabase. Every query is
evaluated as it was sent, by `evaluation`, and cursors live from one batch to the next as they do in a real server.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import ssl
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

from tests.client.adapters.mongodb.evaluation import matches, ordered, projected

_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_HEADER = struct.Struct("<iiii")
_FIRST_BATCH = 101
_SALT, _ROUNDS = b"sixteen bytes it", 4096
_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_MS
)


@dataclass
class Failure:
    """What a command is answered with instead of its result."""

    code: int = 0
    message: str = "injected"
    labels: tuple[str, ...] = ()
    hang_up: bool = False
    silence: bool = False


class CommandError(Exception):
    """A command the server refuses."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code, message)


@dataclass
class _Session:
    """What a connection knows of its user."""

    user: str | None = None
    first: str = ""
    server_first: str = ""
    nonce: str = ""
    speculative: dict[str, Any] = field(default_factory=dict)


class MongoServer:
    """A server on a port of its own.

    Args:
        users: Passwords by user; without any, nobody is asked.
        batch: Documents of an answer when the client names no number.
        tls: Certificate to speak TLS with.

    Attributes:
        commands: Every command but handshake and ping, as it was sent.
        indexes: Keys of each index by collection, beside that on `_id`.
        kinds: `view` or `timeseries`, by collection that is not an ordinary one.
        forget_cursors: Answer the next getMore with "cursor not found".
    """

    def __init__(
        self,
        users: Mapping[str, str] | None = None,
        *,
        batch: int = _FIRST_BATCH,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.commands: list[dict[str, Any]] = []
        self.indexes: dict[str, list[dict[str, int]]] = defaultdict(list)
        self.kinds: dict[str, str] = {}
        self.forget_cursors = False
        self.port = 0
        self._users = dict(users or {})
        self._batch = batch
        self._documents: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._failures: dict[str, list[Failure]] = defaultdict(list)
        self._cursors: dict[int, tuple[str, list[Mapping[str, Any]]]] = {}
        self._ids = itertools.count(7)
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def uri(self) -> str:
        """Connection string without credentials."""
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    @property
    def open_cursors(self) -> int:
        """Cursors nobody has read to their end or closed."""
        return len(self._cursors)

    def sent(self, name: str) -> list[dict[str, Any]]:
        """The commands of a name."""
        return [command for command in self.commands if next(iter(command)) == name]

    def insert(self, database: str, collection: str, documents: Iterable[Mapping[str, Any]]) -> None:
        """Adds documents; a collection without any exists too."""
        stored = self._documents.setdefault((database, collection), [])
        # Through the codec: what a client gets is what BSON can hold.
        stored += [bson.decode(bson.encode({"_id": bson.ObjectId(), **d}), _CODEC) for d in documents]

    def fail(self, command: str, *failures: Failure) -> None:
        """Answers the next calls of a command so."""
        self._failures[command] += failures

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        connections = dict(self._connections)
        for writer in connections.values():
            writer.close()
        await asyncio.gather(*connections)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        session = _Session()
        try:
            while True:
                length, request, _, opcode = _HEADER.unpack(await reader.readexactly(_HEADER.size))
                body = await reader.readexactly(length - _HEADER.size)
                command = _parsed(opcode, body)
                answer = self._answer(command, session)
                if answer is None:
                    break
                if not answer:
                    continue
                payload = bson.encode(answer)
                if opcode == _OP_QUERY:
                    payload = struct.pack("<iqii", 8, 0, 0, 1) + payload
                    kind = _OP_REPLY
                else:
                    payload, kind = struct.pack("<IB", 0, 0) + payload, _OP_MSG
                writer.write(_HEADER.pack(_HEADER.size + len(payload), 0, request, kind) + payload)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del self._connections[task]
            writer.close()

    def _answer(self, command: dict[str, Any], session: _Session) -> dict[str, Any] | None:
        name = next(iter(command))
        if name.lower() in ("hello", "ismaster"):
            return self._hello(command, session)
        if name == "ping":
            return {"ok": 1.0}
        self.commands.append(command)
        if self._failures[name]:
            failure = self._failures[name].pop(0)
            if failure.silence:
                return {}
            return None if failure.hang_up else _failed(failure)
        try:
            if name in ("saslStart", "saslContinue"):
                return self._sasl(command, session)
            if self._users and session.user is None and name != "endSessions":
                raise CommandError(13, f"command {name} requires authentication")
            handler = getattr(self, f"_{name}", None)
            if handler is None:
                raise CommandError(59, f"no such command: '{name}'")
            result: dict[str, Any] = handler(command)
            return result | {"ok": 1.0}
        except CommandError as error:
            return _failed(error.failure)

    def _hello(self, command: dict[str, Any], session: _Session) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "helloOk": True,
            "isWritablePrimary": True,
            "ismaster": True,
            "maxBsonObjectSize": 16_777_216,
            "maxMessageSizeBytes": 48_000_000,
            "maxWriteBatchSize": 100_000,
            "logicalSessionTimeoutMinutes": 30,
            "minWireVersion": 0,
            "maxWireVersion": 21,
            "readOnly": False,
            "ok": 1.0,
        }
        if "saslSupportedMechs" in command:
            answer["saslSupportedMechs"] = ["SCRAM-SHA-256"]
        return answer

    def _sasl(self, command: dict[str, Any], session: _Session) -> dict[str, Any]:
        """Both steps of RFC 7677."""
        text = bytes(command["payload"]).decode()
        if "saslStart" in command:
            session.first = text.removeprefix("n,,")
            parts = dict(item.split("=", 1) for item in session.first.split(","))
            session.nonce = parts["r"] + "server"
            session.server_first = f"r={session.nonce},s={base64.b64encode(_SALT).decode()},i={_ROUNDS}"
            return {"conversationId": 1, "done": False, "payload": session.server_first.encode(), "ok": 1.0}
        user = dict(item.split("=", 1) for item in session.first.split(","))["n"]
        without_proof, _, proof = text.rpartition(",p=")
        salted = hashlib.pbkdf2_hmac("sha256", self._users.get(user, "\0").encode(), _SALT, _ROUNDS)
        said = f"{session.first},{session.server_first},{without_proof}".encode()
        key = _mac(salted, b"Client Key")
        signature = _mac(hashlib.sha256(key).digest(), said)
        expected = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        if user not in self._users or base64.b64decode(proof) != expected:
            raise CommandError(18, "Authentication failed.")
        session.user = user
        verifier = base64.b64encode(_mac(_mac(salted, b"Server Key"), said)).decode()
        return {"conversationId": 1, "done": True, "payload": f"v={verifier}".encode(), "ok": 1.0}

    def _listCollections(self, command: dict[str, Any]) -> dict[str, Any]:
        wanted = command.get("filter", {}).get("name")
        found = [
            {"name": name, "type": self.kinds.get(name, "collection")}
            for database, name in self._documents
            if database == command["$db"] and wanted in (None, name)
        ]
        return {"cursor": {"id": 0, "ns": f"{command['$db']}.$cmd.listCollections", "firstBatch": found}}

    def _listIndexes(self, command: dict[str, Any]) -> dict[str, Any]:
        name = command["listIndexes"]
        if self.kinds.get(name) == "view":
            raise CommandError(166, f"Namespace {name} is a view, not a collection")
        keys = [{"_id": 1}, *self.indexes[name]]
        found = [{"v": 2, "key": key, "name": "_".join(key)} for key in keys]
        return {"cursor": {"id": 0, "ns": f"{command['$db']}.{name}", "firstBatch": found}}

    def _find(self, command: dict[str, Any]) -> dict[str, Any]:
        stored = self._documents.get((command["$db"], command["find"]), [])
        found = [document for document in stored if matches(document, command.get("filter", {}))]
        found = list(ordered(found, command.get("sort", {})))
        if limit := command.get("limit"):
            found = found[:limit]
        try:
            rows = [projected(document, command.get("projection", {})) for document in found]
        except ValueError as error:
            raise CommandError(31249, str(error)) from error
        size = command.get("batchSize", self._batch)
        cursor = 0
        if len(rows) > size and not command.get("singleBatch"):
            cursor = next(self._ids)
            self._cursors[cursor] = (f"{command['$db']}.{command['find']}", rows[size:])
        namespace = f"{command['$db']}.{command['find']}"
        return {"cursor": {"id": bson.int64.Int64(cursor), "ns": namespace, "firstBatch": rows[:size]}}

    def _getMore(self, command: dict[str, Any]) -> dict[str, Any]:
        cursor = int(command["getMore"])
        if self.forget_cursors:
            self._cursors.clear()
            self.forget_cursors = False
        if cursor not in self._cursors:
            raise CommandError(43, f"cursor id {cursor} not found")
        namespace, rows = self._cursors.pop(cursor)
        size = command.get("batchSize", self._batch)
        if len(rows) > size:
            self._cursors[cursor] = (namespace, rows[size:])
        left = cursor if cursor in self._cursors else 0
        return {"cursor": {"id": bson.int64.Int64(left), "ns": namespace, "nextBatch": rows[:size]}}

    def _insert(self, command: dict[str, Any]) -> dict[str, Any]:
        self.insert(command["$db"], command["insert"], command["documents"])
        return {"n": len(command["documents"])}

    def _createIndexes(self, command: dict[str, Any]) -> dict[str, Any]:
        self.indexes[command["createIndexes"]] += [dict(index["key"]) for index in command["indexes"]]
        return {}

    def _dropDatabase(self, command: dict[str, Any]) -> dict[str, Any]:
        for key in [key for key in self._documents if key[0] == command["$db"]]:
            del self._documents[key]
        return {}

    def _killCursors(self, command: dict[str, Any]) -> dict[str, Any]:
        for cursor in command["cursors"]:
            self._cursors.pop(int(cursor), None)
        return {"cursorsKilled": command["cursors"]}

    def _endSessions(self, command: dict[str, Any]) -> dict[str, Any]:
        return {}


def _parsed(opcode: int, body: bytes) -> dict[str, Any]:
    if opcode == _OP_QUERY:
        start = body.index(b"\0", 4) + 1 + 8
        return dict(bson.decode(body[start:], _CODEC))
    assert opcode == _OP_MSG, f"unknown opcode {opcode}"
    command: dict[str, Any] = {}
    at = 4
    while at < len(body):
        kind, at = body[at], at + 1
        (length,) = struct.unpack_from("<i", body, at)
        section, at = body[at : at + length], at + length
        if kind == 0:
            command |= bson.decode(section, _CODEC)
        else:  # a sequence of documents, with the name of the field they belong to
            end = section.index(b"\0", 4)
            command[section[4:end].decode()] = list(bson.decode_iter(section[end + 1 :], _CODEC))
    return command


def _failed(failure: Failure) -> dict[str, Any]:
    answer: dict[str, Any] = {"ok": 0.0, "errmsg": failure.message, "code": failure.code}
    return answer | ({"errorLabels": list(failure.labels)} if failure.labels else {})


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, "sha256").digest()
