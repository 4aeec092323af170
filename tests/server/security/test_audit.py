"""The audit log: one line each, whatever is in it; bounded, whoever knocks."""

from __future__ import annotations

import json
import logging
import stat
import threading
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_server.security.audit import AUDIT_FILE, AuditLog, append, entry
from argus_server.security.scopes import Scope
from tests.processes import until
from tests.server.running import running
from tests.server.security.guarded import Keys, bearer, call
from tests.server.security.test_limits import Hands


def refuse(log: AuditLog, peer: str = "ipv4:10.0.0.1:4711", reason: str = "no_key") -> None:
    log.refused(method="/x/Y", caller="", key_id="", peer=peer, outcome="UNAUTHENTICATED", reason=reason)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@given(st.text(max_size=600))
def test_a_line_is_one_line_of_printable_ascii(text: str) -> None:
    line = entry("call", method=text, caller=text)
    assert all(" " <= character <= "~" for character in line)
    assert json.loads(line)["caller"] == text[:256]


async def test_admin_calls_and_refusals_are_written_and_reads_are_not(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    admin, reader = keys.make("admin", Scope.ADMIN), keys.make("reader", Scope.READ)
    async with running(data_dir=tmp_path) as argus:
        for path, key in (
            ("/argus.v1.AdminService/GetStatus", reader),
            ("/argus.v1.AdminService/RollBackModel", admin),
            ("/argus.v1.AdminService/RollBackModel", reader),
            ("/argus.v1.AdminService/GetStatus", None),
        ):
            await call(argus.channel, path, bearer(key))
    served, denied, stranger = lines(tmp_path / AUDIT_FILE)
    assert served.pop("time")
    assert str(served.pop("peer")).startswith("ipv4:127.0.0.1:")
    assert served == {
        "event": "call",
        "method": "/argus.v1.AdminService/RollBackModel",
        "caller": "admin",
        "key_id": admin.split("_")[1],
        "outcome": "FAILED_PRECONDITION",
    }
    assert (denied["caller"], denied["outcome"], denied["reason"]) == (
        "reader",
        "PERMISSION_DENIED",
        "wrong_scope",
    )
    assert (stranger["caller"], stranger["outcome"], stranger["reason"]) == ("", "UNAUTHENTICATED", "no_key")
    assert stat.S_IMODE((tmp_path / AUDIT_FILE).stat().st_mode) == 0o600


async def test_a_call_that_is_broken_off_is_written_too(tmp_path: Path) -> None:
    key = Keys(tmp_path).make("admin", Scope.ADMIN)
    async with running(data_dir=tmp_path) as argus:
        invoke = argus.channel.unary_unary("/argus.v1.AdminService/LoadModel", None, None)
        made = invoke(b"\x0a\x03abc", metadata=bearer(key))
        assert await made.code() is grpc.StatusCode.NOT_FOUND
    assert [line["outcome"] for line in lines(tmp_path / AUDIT_FILE)] == ["NOT_FOUND"]


def test_knocking_without_end_does_not_fill_the_disk(tmp_path: Path) -> None:
    hands = Hands()
    log = AuditLog(tmp_path / AUDIT_FILE, hands)
    for _ in range(1_000):
        refuse(log)
    refuse(log, peer="ipv4:10.0.0.2:1")
    until(lambda: len(lines(tmp_path / AUDIT_FILE)) == 21)
    assert [line["peer"] for line in lines(tmp_path / AUDIT_FILE)].count("ipv4:10.0.0.1:4711") == 20
    hands.now += 2
    refuse(log, peer="ipv4:10.0.0.1:9999")
    until(lambda: len(lines(tmp_path / AUDIT_FILE)) == 22)
    written = lines(tmp_path / AUDIT_FILE)
    assert written[-1]["suppressed"] == 980
    for number in range(5_000):
        refuse(log, peer=f"ipv4:10.0.{number // 256}.{number % 256}:1")
    assert len(log._peers) == 1_000
    log.close()


def test_the_file_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argus_server.security.audit._MAX_BYTES", 2_000)
    log = AuditLog(tmp_path / AUDIT_FILE)
    for number in range(200):
        log.call(method="/x/Y", caller="a", key_id="", peer=f"p{number}", outcome="OK")
    log.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [AUDIT_FILE, *(f"{AUDIT_FILE}.{number}" for number in range(1, 6))]
    assert all(path.stat().st_size <= 2_000 for path in tmp_path.iterdir())
    assert lines(tmp_path / AUDIT_FILE)[-1]["peer"] == "p199"


def test_commands_write_beside_a_server(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / AUDIT_FILE)
    log.call(method="/x/Y", caller="a", key_id="", peer="p", outcome="OK")
    until(lambda: len(lines(tmp_path / AUDIT_FILE)) == 1)
    append(tmp_path / AUDIT_FILE, entry("key_created", key="web"))
    log.call(method="/x/Y", caller="a", key_id="", peer="p", outcome="OK")
    log.close()
    assert [line["event"] for line in lines(tmp_path / AUDIT_FILE)] == ["call", "key_created", "call"]


def test_a_disk_that_cannot_take_a_line_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = AuditLog(tmp_path / AUDIT_FILE)
    assert log._file is not None
    log._file.stream.close()
    refuse(log)
    log.close()
    assert "a line of the audit log is lost" in caplog.text


def test_a_disk_that_does_not_answer_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argus_server.security.audit._MOST_WAITING", 3)
    answers = threading.Event()
    log = AuditLog(tmp_path / AUDIT_FILE)
    assert log._file is not None
    monkeypatch.setattr(
        log._file, "emit", lambda record, emit=log._file.emit: answers.wait(30) and emit(record)
    )
    for number in range(5):
        refuse(log, peer=f"ipv4:10.0.0.{number}:1")
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "10.0.0.4" in caplog.text
    answers.set()
    log.close()
    assert [line["peer"] for line in lines(tmp_path / AUDIT_FILE)] == [f"ipv4:10.0.0.{n}:1" for n in range(3)]


def test_without_a_data_directory_it_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        refuse(AuditLog(None))
    assert json.loads(caplog.messages[-1])["reason"] == "no_key"
