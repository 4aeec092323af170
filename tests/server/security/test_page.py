"""docs/security.md says what is so: its commands work, its tables are those the server goes by."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

import grpc

from argus_server.security.limits import KeyLimits
from argus_server.security.scopes import METHODS
from tests.server.running import open_channel, running
from tests.server.security.guarded import call

PAGE = Path(__file__).parents[3].joinpath("docs/security.md").read_text()


def test_the_table_of_scopes_is_the_one_in_force() -> None:
    stated: dict[str, set[str]] = {}
    for scope, methods in re.findall(r"^\| (`\w+`|none) \| (`[A-Z].*) \|$", PAGE, re.MULTILINE):
        for service, names in re.findall(r"`(\w+)`: ((?:`\w+`(?:, )?)+)", methods):
            stated.setdefault(scope.strip("`"), set()).update(
                f"{service}/{name}" for name in re.findall(r"`(\w+)`", names)
            )
    in_force: dict[str, set[str]] = {}
    for path, scope in METHODS.items():
        service, method = path[1:].split("/")
        in_force.setdefault(scope or "none", set()).add(f"{service.rpartition('.')[2]}/{method}")
    assert stated == in_force


def test_the_table_of_limits_has_the_defaults() -> None:
    defaults = KeyLimits()
    for name in KeyLimits.__dataclass_fields__:
        found = re.search(rf"^\| `{name}` \| ([\d,]+|none) \|", PAGE, re.MULTILINE)
        assert found, name
        value = None if found[1] == "none" else float(found[1].replace(",", ""))
        assert value == getattr(defaults, name), name


async def test_the_commands_make_certificates_that_work(tmp_path: Path) -> None:
    (script,) = [block for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) if "openssl" in block]
    await asyncio.to_thread(
        subprocess.run, ["bash", "-euc", script], cwd=tmp_path, check=True, capture_output=True
    )
    ca, certificate, key = ((tmp_path / name).read_bytes() for name in ("ca.pem", "client.pem", "client.key"))
    settings = {
        "tls_cert": tmp_path / "server.pem",
        "tls_key": tmp_path / "server.key",
        "tls_client_ca": tmp_path / "ca.pem",
        "tls_identities": {"client": ["read"]},
    }
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    async with (
        running(credentials=credentials, **settings) as argus,
        open_channel(argus.server.addresses.grpc, credentials) as channel,
    ):
        answer = await call(channel, "/argus.v1.AdminService/GetStatus", ())
        assert answer.code is grpc.StatusCode.OK, answer
