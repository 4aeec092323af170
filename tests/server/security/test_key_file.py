"""`keys.json`: what is kept, who may read it, and that commands at the same time lose nothing."""

from __future__ import annotations

import json
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from argus_server.security.key_file import KEYS_FILE, ApiKey, KeyFile, KeyFileError
from argus_server.security.limits import KeyLimits
from argus_server.security.scopes import Scope

NOW = datetime(2030, 1, 1, tzinfo=UTC)
READ = frozenset({Scope.READ})


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "data" / KEYS_FILE)


def test_what_is_written_is_read_again(file: KeyFile) -> None:
    token = file.create("web", READ, NOW, NOW + timedelta(days=1), KeyLimits(streams=3))
    (key,) = file.read()
    assert key == ApiKey(
        token.key_id, "web", READ, token.digest(), NOW, NOW + timedelta(days=1), None, KeyLimits(streams=3)
    )
    assert token.secret not in file.path.read_text()
    assert token.digest() not in repr(key)


def test_only_the_owner_may_read_it(file: KeyFile) -> None:
    file.create("web", READ, NOW)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert {path.name for path in file.path.parent.iterdir()} == {KEYS_FILE, f"{KEYS_FILE}.lock"}


def test_no_file_means_no_keys(file: KeyFile) -> None:
    assert file.read() == ()


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "x" * 64, "caf\u00e9", "a\n"])
def test_names_are_plain(file: KeyFile, name: str) -> None:
    with pytest.raises(KeyFileError, match="is no name for a key"):
        file.create(name, READ, NOW)


def test_a_name_is_free_again_once_its_key_does_not_work(file: KeyFile) -> None:
    file.create("web", READ, NOW)
    with pytest.raises(KeyFileError, match="there is a key 'web'"):
        file.create("web", READ, NOW)
    file.revoke("web", NOW)
    file.create("web", READ, NOW, NOW + timedelta(days=1))
    file.create("web", READ, NOW + timedelta(days=1))
    assert [key.state(NOW + timedelta(days=1)) for key in file.read()] == ["revoked", "expired", "active"]


def test_a_rotated_key_keeps_all_but_its_secret(file: KeyFile) -> None:
    former = file.create("web", READ, NOW, NOW + timedelta(days=90), KeyLimits(streams=3))
    later = NOW + timedelta(days=80)
    latter = file.rotate("web", later, timedelta(days=1))
    old, new = file.read()
    assert (old.key_id, new.key_id) == (former.key_id, latter.key_id)
    assert (new.name, new.scopes, new.limits) == (old.name, old.scopes, old.limits)
    assert old.expires_at == later + timedelta(days=1)
    assert new.expires_at == later + timedelta(days=90)
    # A grace does not lengthen a life.
    file.rotate("web", later, timedelta(days=365))
    assert file.read()[0].expires_at == later + timedelta(days=1)


def test_one_of_two_keys_is_revoked_by_its_id(file: KeyFile) -> None:
    file.create("web", READ, NOW)
    latter = file.rotate("web", NOW, timedelta(days=1))
    assert [key.key_id for key in file.revoke(latter.key_id, NOW)] == [latter.key_id]
    assert [key.state(NOW) for key in file.read()] == ["active", "revoked"]


def test_commands_at_the_same_time_lose_nothing(file: KeyFile) -> None:
    def make(number: int) -> None:
        KeyFile(file.path).create(f"key-{number}", READ, NOW)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key.name for key in file.read()) == sorted(f"key-{number}" for number in range(20))


def test_a_change_that_fails_leaves_the_file_as_it_was(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.create("web", READ, NOW)
    before = file.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        file.create("other", READ, NOW)
    assert file.path.read_bytes() == before
    assert {path.name for path in file.path.parent.iterdir()} == {KEYS_FILE, f"{KEYS_FILE}.lock"}


def stored(file: KeyFile) -> dict[str, object]:
    file.create("web", READ, NOW)
    (key,) = json.loads(file.path.read_text())["keys"]
    return dict(key)


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        ({"scopes": ["root"]}, "'root' is not a valid Scope"),
        ({"sha256": "short"}, "malformed"),
        ({"id": "../.."}, "malformed"),
        ({"created_at": "2030-01-01"}, "no time zone"),
        ({"limits": {"streams": 0}}, "streams is 0"),
        ({"scopes": None}, "lacks"),
    ],
)
def test_a_damaged_record_is_refused_whole(file: KeyFile, damage: dict[str, object], fault: str) -> None:
    record = {**stored(file), **damage}
    file.path.write_text(json.dumps({"version": 1, "keys": [record]}))
    with pytest.raises(KeyFileError, match=fault) as refused:
        file.read()
    assert "restore it from a backup" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2, "keys": []}', '{"version": 1, "keys": [1]}', "\x00"]
)
def test_what_is_no_file_of_keys_is_refused(file: KeyFile, text: str) -> None:
    record = stored(file)
    file.path.write_text(text)
    with pytest.raises(KeyFileError, match="is damaged"):
        file.read()
    file.path.write_text(json.dumps({"version": 1, "keys": [record, record]}))
    with pytest.raises(KeyFileError, match="two keys have the same id"):
        file.read()


def test_a_file_that_others_may_change_is_refused(file: KeyFile) -> None:
    file.create("web", READ, NOW)
    file.path.chmod(0o620)
    with pytest.raises(KeyFileError, match=r"chmod 600 .*keys\.json"):
        file.read()
