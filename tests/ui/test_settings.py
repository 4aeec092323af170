"""What the dashboard can be told, and what keeps strangers out, without a process."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from argus_ui.__main__ import app
from argus_ui.access.attempts import OVERALL, PER_ADDRESS, SECONDS, Attempts
from argus_ui.access.proxy import believe, prefix_of
from argus_ui.access.sessions import Sessions
from argus_ui.actions import literal_pattern
from argus_ui.settings import SettingsError, UiSettings
from argus_ui.views import all_views
from tests.processes import SECONDS as PATIENCE
from tests.processes import environment


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"listen": "8080"}, "must be HOST:PORT"),
        ({"listen": "127.0.0.1:70000"}, "must be HOST:PORT"),
        ({"listen": "0.0.0.0:8080"}, "ARGUS_UI_PASSWORD"),
        ({"listen": "example.com:8080"}, "ARGUS_UI_PASSWORD"),
        ({"root_path": "argus"}, "must begin with /"),
        ({"root_path": "/argus/"}, "must begin with /"),
        ({"root_path": "/a<b"}, "must begin with /"),
        ({"allowed_origins": ("example.com",)}, "scheme and a host"),
        ({"allowed_origins": ("https://example.com/x",)}, "scheme and a host"),
        ({"trusted_proxies": ("proxy",)}, "IP address"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        UiSettings(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [
        {"listen": "[::1]:0"},
        {"listen": "localhost:8080"},
        {"listen": "0.0.0.0:8080", "password": "x"},
        {"listen": "0.0.0.0:8080", "user_header": "X-Forwarded-User"},
        {"listen": "0.0.0.0:8080", "insecure_listen": True},
        {"root_path": "/ops/argus-1"},
    ],
)
def test_what_fits_is_taken(given: dict[str, object]) -> None:
    UiSettings(**given)  # type: ignore[arg-type]


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(UiSettings(password="hunter2", storage_secret="hunter2"))


def test_wrong_usage_is_said_in_a_line() -> None:
    done = CliRunner().invoke(app, ["--listen", "0.0.0.0:1"], env={"COLUMNS": "400"})
    assert done.exit_code == 2
    assert "ARGUS_UI_PASSWORD" in done.output


def test_help_needs_the_base_install_only() -> None:
    code = (
        "import sys\n"
        "for name in ('nicegui', 'uvicorn', 'starlette', 'fastapi', 'pydantic_settings', 'playwright'):\n"
        "    sys.modules[name] = None\n"
        "from argus_ui.__main__ import app\n"
        "app(['--help'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--root-path" in done.stdout


def test_views_are_told_apart() -> None:
    views = all_views()
    assert views[0].path == "/"
    for attribute in ("name", "title", "path"):
        values = [getattr(view, attribute) for view in views]
        assert len(set(values)) == len(values)


def test_guesses_are_counted_for_a_minute() -> None:
    now = 0.0
    attempts = Attempts(lambda: now)
    for _ in range(PER_ADDRESS):
        assert attempts.seconds_to_wait("a") == 0
        attempts.failed("a")
        now += 1
    assert attempts.seconds_to_wait("a") == SECONDS - PER_ADDRESS
    assert attempts.seconds_to_wait("b") == 0
    now = SECONDS + 0.5
    assert attempts.seconds_to_wait("a") == 0
    attempts.failed("a")
    attempts.succeeded("a")
    assert attempts.seconds_to_wait("a") == 0
    for i in range(OVERALL):
        attempts.failed(str(i))
    assert attempts.seconds_to_wait("somebody new") > 0


def test_sessions_end_with_the_password_and_the_secret() -> None:
    sessions = Sessions("right", "secret")
    cookie = sessions.start()
    assert sessions.is_password("right")
    assert not sessions.is_password("wrong")
    assert Sessions("right", "secret").is_valid(cookie)
    assert not Sessions("other", "secret").is_valid(cookie)
    assert not Sessions("right", "other").is_valid(cookie)
    assert not Sessions("right").is_valid(Sessions("right").start())
    assert not sessions.is_valid(cookie[:-1])


@pytest.mark.parametrize(
    ("peer", "prefix", "expected"),
    [
        ("127.0.0.1", "/argus", "/argus"),
        ("127.0.0.1", "/argus/", "/argus"),
        ("127.0.0.1", "//evil.example", ""),
        ("127.0.0.1", '/"><script>', ""),
        ("192.0.2.9", "/argus", ""),
    ],
)
def test_only_a_trusted_proxy_puts_something_in_front(peer: str, prefix: str, expected: str) -> None:
    headers = [(b"x-forwarded-prefix", prefix.encode()), (b"X-User", b"Ada"), (b"accept", b"*/*")]
    scope = {"client": (peer, 1), "headers": headers, "path": "/"}
    believe(scope, {"127.0.0.1"}, "x-user", "")
    assert prefix_of({**scope, "type": "http"}) == expected
    assert ((b"X-User", b"Ada") in scope["headers"]) == (peer == "127.0.0.1")
    assert (b"accept", b"*/*") in scope["headers"]


def test_a_root_path_is_in_front_of_every_path() -> None:
    for path in ("/api/fleet", "/argus/api/fleet"):
        scope = {"client": ("127.0.0.1", 1), "headers": [], "path": path}
        believe(scope, (), "", "/argus")
        assert scope["path"] == "/argus/api/fleet"
    scope = {"client": ("127.0.0.1", 1), "headers": [], "path": "/argusx"}
    believe(scope, (), "", "/argus")
    assert scope["path"] == "/argus/argusx"


def test_a_name_silences_itself_only() -> None:
    assert literal_pattern("web-*[1]?") == "web-[*][[]1][?]"
