"""`argus alerts`."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from argus_client.testing import FakeServer, make_alert
from tests.cli.conftest import Command
from tests.processes import Process, strict_json

ID = "web-1-mem_used_pct"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as made:
        made.put_alerts(
            make_alert("web-1", level="critical"),
            make_alert("[red]web-2", state="pending"),
            make_alert("web-3", state="resolved"),
        )
        yield made


def test_alerts_as_a_table_and_as_json(argus: Command, server: FakeServer) -> None:
    out = argus("alerts", "list", "--target", server.target).out
    assert "[red]web-2" in out
    assert "memory 90 % → 98 %" in out
    listed = argus("alerts", "list", "--target", server.target, "--json").json()
    assert [(alert["server_name"], alert["state"], alert["level"]) for alert in listed] == [
        ("web-1", "firing", "critical"),
        ("[red]web-2", "pending", "warning"),
    ]
    assert listed[0]["minutes_to_breach"] == 42
    some = argus("alerts", "list", "--target", server.target, "--state", "resolved", "--json").json()
    assert [alert["server_name"] for alert in some] == ["web-3"]
    assert "No alerts." in argus("alerts", "list", "--target", server.target, "--server", "none").out


def test_an_alert_is_acknowledged_and_noted(argus: Command, server: FakeServer) -> None:
    words = ("--target", server.target, "--author", "ada", "--json")
    assert argus("alerts", "ack", ID, *words).json()["acknowledged_by"] == "ada"
    assert [n["text"] for n in argus("alerts", "note", ID, "on it", *words).json()["notes"]] == ["on it"]
    assert argus("alerts", "list", "--target", server.target, "--unacknowledged", "--json").json() != []
    assert "ada" in argus("alerts", "list", "--target", server.target).out


def test_the_author_is_who_calls_unless_told(argus: Command, server: FakeServer) -> None:
    done = argus("alerts", "ack", ID, "--target", server.target, "--json", ARGUS_AUTHOR="grace")
    assert done.json()["acknowledged_by"] == "grace"


def test_silences_are_made_listed_and_ended(argus: Command, server: FakeServer) -> None:
    target = ("--target", server.target)
    flags = ("--server", "web-*", "--about", "mem_used_pct", "--about", "silence", "--author", "ada")
    (made,) = argus("alerts", "silence", "1h30m", *flags, "--comment", "why", *target, "--json").json()
    assert made["ends_at_ms"] - made["starts_at_ms"] == 5_400_000
    assert made["matcher"] == {"servers": ["web-*"], "metrics": ["mem_used_pct"], "subjects": ["silence"]}
    assert "web-*: mem_used_pct, silence" in argus("alerts", "silences", *target).out
    (ended,) = argus("alerts", "expire", made["silence_id"], *target, "--json").json()
    assert ended["active"] is False
    assert argus("alerts", "silences", *target, "--json").json() == []
    assert len(argus("alerts", "silences", "--expired", *target, "--json").json()) == 1


def test_maintenance_windows(argus: Command, server: FakeServer) -> None:
    target = ("--target", server.target)
    flags = ("--days", "mon,thu", "--start", "02:00", "--duration", "90m", "--time-zone", "Europe/Berlin")
    (made,) = argus(
        "alerts", "maintenance", "put", "--id", "nightly", *flags, "--author", "ada", *target, "--json"
    ).json()
    assert (made["window_id"], made["days"], made["duration_seconds"]) == (
        "nightly",
        ["monday", "thursday"],
        5400,
    )
    assert "02:00 Europe/Berlin" in argus("alerts", "maintenance", "list", *target).out
    assert argus("alerts", "maintenance", "delete", "nightly", *target).code == 0
    assert argus("alerts", "maintenance", "list", *target, "--json").json() == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("ack", "none"), "'none'"),
        (("ack", "web-3-mem_used_pct"), "resolved"),
        (("expire", "none"), "'none'"),
        (("maintenance", "delete", "none"), "'none'"),
        (("silence", "1h", "--about", "cpu"), "There is no metric 'cpu'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    argus: Command, server: FakeServer, words: tuple[str, ...], fault: str
) -> None:
    assert fault in argus("alerts", *words, "--target", server.target).error()


@pytest.mark.parametrize(
    "words",
    [
        ("silence", "soon", "--all"),
        ("silence", "1h"),
        ("silence", "1h", "--all", "--server", "web-1"),
        ("maintenance", "put", "--days", "someday", "--start", "02:00", "--duration", "1h"),
        ("list", "--state", "smoking"),
    ],
)
def test_wrong_usage_is_told(argus: Command, server: FakeServer, words: tuple[str, ...]) -> None:
    assert argus("alerts", *words, "--target", server.target).code == 2


def test_a_watch_prints_changes_until_it_is_interrupted(server: FakeServer) -> None:
    with Process("alerts", "watch", "--json", "--target", server.target) as process:
        seen = {strict_json(process.out.next())["server_name"] for _ in range(2)}
        server.put_alerts(make_alert("web-9"))
        seen.add(strict_json(process.out.until("web-9"))["server_name"])
        assert process.end(signal.SIGINT).code == 0
    assert seen == {"web-1", "[red]web-2", "web-9"}


def test_all_is_kept_quiet_when_all_is_meant(argus: Command, server: FakeServer) -> None:
    (made,) = argus("alerts", "silence", "1h", "--all", "--target", server.target, "--json").json()
    assert made["matcher"] == {"servers": [], "metrics": [], "subjects": []}


def test_the_beginning_of_an_id_is_enough_if_no_other_begins_so(argus: Command, server: FakeServer) -> None:
    server.put_alerts(make_alert("web-10"))
    target = ("--target", server.target, "--author", "ada")
    ambiguous = argus("alerts", "ack", "web-1", *target)
    assert ambiguous.code == 2
    assert "beginning of 2 ids of alerts: web-1-mem_used_pct, web-10-mem_used_pct" in " ".join(
        ambiguous.err.replace("\u2502", " ").split()
    )
    assert argus("alerts", "ack", "web-10", *target, "--json").json()["alert_id"] == "web-10-mem_used_pct"
    noted = argus("alerts", "note", "web-3", "seen", *target, "--json").json()
    assert (noted["alert_id"], noted["state"]) == ("web-3-mem_used_pct", "resolved")
    (made,) = argus("alerts", "silence", "1h", "--all", *target, "--json").json()
    (ended,) = argus("alerts", "expire", made["silence_id"][:-1], *target, "--json").json()
    assert ended["silence_id"] == made["silence_id"]


def test_a_program_that_reads_a_table_gets_it_whole(argus: Command, server: FakeServer) -> None:
    long = "a-rack-in-the-cellar-of-the-old-building/" + "x" * 200
    server.put_alerts(make_alert(long))
    line = next(
        one for one in argus("alerts", "list", "--target", server.target).out.splitlines() if long in one
    )
    assert line.split()[0] == f"{long}-mem_used_pct"
    assert "memory 90 % → 98 %" in line
    argus("alerts", "silence", "1h", "--server", long, "--comment", "w" * 150, "--target", server.target)
    out = argus("alerts", "silences", "--target", server.target).out
    assert long in out
    assert "w" * 150 in out
