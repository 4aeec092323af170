"""A cursor on disk survives what may happen to it, and is never taken for another's."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from argus_client.adapters.core.cursor import (
    State,
    StateFile,
    default_directory,
    fingerprint,
    without_secrets,
)
from argus_client.adapters.core.errors import StateError

SOURCE = fingerprint("files", {"paths": ["a"]})


def state(number: int) -> State:
    return State({"at": number, "files": [{"offset": number}]}, 1, 2)


def test_what_was_saved_is_there_for_the_next_run(tmp_path: Path) -> None:
    with StateFile(tmp_path / "new" / "dir", "mine", SOURCE) as file:
        assert file.load() is None
        file.save(state(1))
        file.save(state(2))
    with StateFile(tmp_path / "new" / "dir", "mine", SOURCE) as file:
        assert file.load() == state(2)
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        file.forget()
        assert file.load() is None
        file.forget()


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_a_save_that_fails_anywhere_leaves_the_old_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    with StateFile(tmp_path, "mine", SOURCE) as file:
        file.save(state(1))

        def fail(*_: Any, **__: Any) -> Any:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, call, fail)
            with pytest.raises(OSError, match="No space left"):
                file.save(state(2))
        assert file.load() == state(1)
        file.save(state(3))
        assert file.load() == state(3)


def test_what_a_dying_process_has_begun_to_write_is_not_looked_at(tmp_path: Path) -> None:
    with StateFile(tmp_path, "mine", SOURCE) as file:
        file.save(state(1))
        (tmp_path / "mine.json.new").write_text('{"version": 1, "cur')
        assert file.load() == state(1)
        file.save(state(2))
        assert file.load() == state(2)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 1}', "\x00\xff", '{"version": 1, "source": "x", "cursor": 3}']
)
def test_a_damaged_file_is_refused_with_a_way_out(tmp_path: Path, content: str) -> None:
    (tmp_path / "mine.json").write_text(content, encoding="latin-1")
    with StateFile(tmp_path, "mine", SOURCE) as file, pytest.raises(StateError, match="--restart"):
        file.load()


def test_a_file_of_a_newer_argus_is_refused(tmp_path: Path) -> None:
    with StateFile(tmp_path, "mine", SOURCE) as file:
        file.save(state(1))
        file.path.write_text(file.path.read_text().replace('"version": 1', '"version": 2'))
        with pytest.raises(StateError, match="has version 2; this Argus knows 1"):
            file.load()


def test_a_state_of_another_source_is_refused(tmp_path: Path) -> None:
    with StateFile(tmp_path, "mine", SOURCE) as file:
        file.save(state(1))
    with (
        StateFile(tmp_path, "mine", fingerprint("files", {"paths": ["b"]})) as file,
        pytest.raises(StateError, match="another source"),
    ):
        file.load()


def test_a_second_process_is_refused_and_told_which_one_it_is(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from argus_client.adapters.core.cursor import StateFile
file = StateFile(Path({str(tmp_path)!r}), "mine", "x")
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StateError, match=rf"in use by another adapter \(pid {other.pid}\)"):
            StateFile(tmp_path, "mine", "x")
        StateFile(tmp_path, "another", "x").close()
        other.kill()
        other.wait()
        StateFile(tmp_path, "mine", "x").close()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="state_dir"):
        StateFile(tmp_path / "file" / "state", "mine", "x")


def test_the_default_directory_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "argus" / "adapters"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_directory() == Path("/home/somebody/.local/state/argus/adapters")


def test_a_fingerprint_tells_sources_apart_but_not_their_secrets() -> None:
    table = {"uri": "x", "password": "a", "tls": {"ca": "f", "key_file": "k"}}
    other = {"uri": "x", "password_file": "b", "tls": {"ca": "f"}}
    assert without_secrets(table) == {"uri": "x", "tls": {"ca": "f"}} == without_secrets(other)
    assert fingerprint("a", table) != fingerprint("b", table)
    assert fingerprint("a", without_secrets(table)) == fingerprint("a", without_secrets(other))
