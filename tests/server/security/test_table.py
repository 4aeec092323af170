"""Every RPC with every kind of key, over the wire."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from argus_server.security.caller import ANONYMOUS
from argus_server.security.scopes import METHODS, Scope
from argus_server.security.token import Token
from tests.certificates import HOUR, Authority
from tests.server.running import open_channel, running
from tests.server.security.guarded import Guarded, Keys, bearer, call, guarded
from tests.server.security.rpcs import every_path

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
OK, UNAUTHENTICATED, DENIED = (
    grpc.StatusCode.OK,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
)
GUARDED = {path: scope for path, scope in METHODS.items() if scope is not None}
KINDS = {
    **dict.fromkeys(("none", "malformed", "unknown", "expired", "revoked"), UNAUTHENTICATED),
    "wrong scope": DENIED,
    "right": OK,
}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path)


class Ring:
    """One key of every kind."""

    def __init__(self, keys: Keys) -> None:
        self.by_scope = {scope: keys.make(f"only-{scope}", scope) for scope in Scope}
        self.all_but = {scope: keys.make(f"all-but-{scope}", *(set(Scope) - {scope})) for scope in Scope}
        self.expired = keys.make_expired("expired", *Scope)
        self.revoked = keys.make_revoked("revoked", *Scope)
        # A secret that is wrong in its last digit only.
        known = self.by_scope[Scope.READ]
        self.unknown = known[:-1] + ("0" if known[-1] != "0" else "1")

    def key(self, kind: str, scope: Scope) -> str | None:
        return {
            "none": None,
            "malformed": "letmein",
            "unknown": self.unknown,
            "expired": self.expired,
            "revoked": self.revoked,
            "wrong scope": self.all_but[scope],
            "right": self.by_scope[scope],
        }[kind]

    def secrets(self) -> list[str]:
        made = [*self.by_scope.values(), *self.all_but.values(), self.expired, self.revoked, self.unknown]
        return [token.secret for text in made if (token := Token.parse(text))] + ["letmein"]


@pytest.fixture
async def bare(tmp_path: Path, keys: Keys) -> AsyncIterator[tuple[Guarded, Ring]]:
    ring = Ring(keys)
    async with guarded(tmp_path) as server:
        yield server, ring


@pytest.mark.parametrize(("kind", "expected"), list(KINDS.items()), ids=list(KINDS))
async def test_every_rpc_with(kind: str, expected: grpc.StatusCode, bare: tuple[Guarded, Ring]) -> None:
    server, ring = bare
    assert len(GUARDED) >= 31
    for path, scope in GUARDED.items():
        made = await server.outcome(path, bearer(ring.key(kind, scope)))
        assert made.code is expected, (path, made)
        if kind == "wrong scope":
            assert f"needs the scope {scope}; key 'all-but-{scope}' has " in made.details
        if kind == "right":
            assert json.loads(made.answer) == ["key", f"only-{scope}"]


@pytest.fixture(scope="module")
def authorities() -> tuple[Authority, Authority]:
    """The server's, which is that of its clients too, and another one."""
    return Authority(), Authority("somebody else")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("right", OK), ("none", UNAVAILABLE), ("expired", UNAVAILABLE), ("wrong CA", UNAVAILABLE)],
)
async def test_every_rpc_with_the_right_key_and_a_certificate_that_is(
    kind: str,
    expected: grpc.StatusCode,
    tmp_path: Path,
    keys: Keys,
    authorities: tuple[Authority, Authority],
) -> None:
    ours, other = authorities
    certificate, private_key = ours.issue("argus").write(tmp_path, "server")
    (tmp_path / "ca.pem").write_bytes(ours.pem)
    shown = {
        "right": ours.issue("laptop"),
        "none": None,
        "expired": ours.issue("laptop", -HOUR),
        "wrong CA": other.issue("laptop"),
    }[kind]
    own = () if shown is None else (shown.private_key, shown.certificate)
    credentials = grpc.ssl_channel_credentials(ours.pem, *own)
    ring = Ring(keys)
    files = {"tls_cert": certificate, "tls_key": private_key, "tls_client_ca": tmp_path / "ca.pem"}
    async with guarded(tmp_path, **files) as server:
        for path in METHODS:
            scope = METHODS[path]
            metadata = bearer(ring.key("right", scope) if scope is not None else None)
            # A channel each: one whose handshake has failed refuses further calls by itself for a while.
            async with open_channel(server.address, credentials) as channel:
                made = await call(channel, path, metadata)
            assert made.code is expected, (path, made)


async def test_health_asks_for_nothing(bare: tuple[Guarded, Ring]) -> None:
    server, ring = bare
    for path in set(METHODS) - set(GUARDED):
        assert await server.call(path) is OK
        assert await server.call(path, bearer(ring.unknown)) is OK


async def test_the_other_header_works_too(bare: tuple[Guarded, Ring]) -> None:
    server, ring = bare
    path = "/argus.v1.AdminService/GetStatus"
    assert await server.call(path, (("x-api-key", ring.by_scope[Scope.READ]),)) is OK
    assert await server.call(path, (("x-api-key", ring.unknown),)) is UNAUTHENTICATED


async def test_what_is_said_to_strangers_is_the_same_whether_the_id_exists(
    bare: tuple[Guarded, Ring], keys: Keys
) -> None:
    server, ring = bare
    path = "/argus.v1.AdminService/GetStatus"
    known_id = await server.outcome(path, bearer(ring.unknown))
    unknown_id = await server.outcome(path, bearer(keys.make_unknown()))
    assert known_id == unknown_id
    # Somebody who has the id of an expired key but not its secret learns nothing of the key.
    expired = Token.parse(ring.expired)
    assert expired is not None
    assert await server.outcome(path, bearer(f"argus_{expired.key_id}_{'0' * 64}")) == unknown_id


async def test_a_method_that_is_not_in_the_table_is_refused_to_everybody(tmp_path: Path, keys: Keys) -> None:
    everything = keys.make("root", *Scope)
    async with guarded(tmp_path, {"/argus.v1.AdminService/LaunchMissiles": None}) as server:
        made = server.channel.unary_unary("/argus.v1.AdminService/LaunchMissiles", None, None)(
            b"", metadata=bearer(everything)
        )
        assert await made.code() is DENIED
        assert "no scope is laid down for /argus.v1.AdminService/LaunchMissiles" in await made.details()


async def test_a_method_that_is_not_in_the_table_is_refused_without_keys_too() -> None:
    async with guarded(None, {"/argus.v1.AdminService/LaunchMissiles": None}) as server:
        made = server.channel.unary_unary("/argus.v1.AdminService/LaunchMissiles", None, None)(b"")
        assert await made.code() is DENIED


async def test_without_keys_everybody_may_do_everything(tmp_path: Path) -> None:
    async with guarded(tmp_path) as server:
        for path in every_path():
            made = await server.outcome(path)
            assert (made.code, json.loads(made.answer)) == (OK, [ANONYMOUS.kind, ANONYMOUS.name])


async def test_keys_can_be_asked_for_before_there_is_one(tmp_path: Path) -> None:
    async with guarded(tmp_path, require_keys=True) as server:
        assert await server.call("/argus.v1.AdminService/GetStatus") is UNAUTHENTICATED
        assert await server.call("/grpc.health.v1.Health/Check") is OK


async def test_a_real_server_refuses_everything_and_nothing_it_writes_has_a_key(
    tmp_path: Path,
    keys: Keys,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    ring = Ring(keys)
    said: list[object] = []
    with caplog.at_level(logging.DEBUG):
        async with running(data_dir=tmp_path, metrics_require_key=True) as argus:
            for kind, expected in list(KINDS.items())[:-1]:
                for path, scope in GUARDED.items():
                    made = await call(argus.channel, path, bearer(ring.key(kind, scope)))
                    unregistered = made.code is grpc.StatusCode.UNIMPLEMENTED
                    assert made.code is expected or (unregistered and "StreamMetrics" not in path), (
                        path,
                        made,
                    )
                    said.append(made)
            read = bearer(ring.by_scope[Scope.READ])
            for path in (
                "/argus.v1.AdminService/GetServerInfo",
                "/argus.v1.AdminService/GetStatus",
                "/argus.v1.PredictionService/GetSnapshot",
                "/argus.v1.PredictionService/Subscribe",
            ):
                assert (await call(argus.channel, path, read)).code is OK
            admin = bearer(ring.by_scope[Scope.ADMIN])
            failed = await call(argus.channel, "/argus.v1.AdminService/RollBackModel", admin)
            assert failed.code is grpc.StatusCode.FAILED_PRECONDITION
            said += [failed, await scrape(argus.metrics_address, ring.expired)]
            said.append(await scrape(argus.metrics_address, ring.by_scope[Scope.READ]))
            said += [repr(argus.server.__dict__), repr(argus.server._access.__dict__)]
            said.append(repr(argus.server._access.guard.__dict__))
            said.append(argus.server._settings.to_json())
    files = read_all(tmp_path)
    lines = files["audit.log"].splitlines()
    assert {json.loads(line)["event"] for line in lines} == {"call", "refused"}
    out, err = capfd.readouterr()
    everything = "\n".join([*files.values(), caplog.text, out, err, *map(str, said)])
    assert "argus_refused_calls_total" in everything
    assert [secret for secret in ring.secrets() if secret in everything] == []


def read_all(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text(errors="replace") for path in directory.rglob("*") if path.is_file()}


async def scrape(address: str, key: str) -> str:
    """What the metrics port answers, whatever that is."""

    def ask() -> str:
        import http.client

        connection = http.client.HTTPConnection(address, timeout=5)
        try:
            connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {key}"})
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    return await asyncio.to_thread(ask)
