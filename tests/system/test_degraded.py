"""A model that cannot be used never stops a server, and is never hidden."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from argus_client import ArgusClient
from tests.processes import SECONDS, ServerProcess, run, strict_json, until
from tests.server.models import damage, untrained
from tests.system.feeding import QUICK, beside, feed, history, load

pytestmark = pytest.mark.slow

NAMES = [f"web-{number}" for number in range(8)]


def test_a_server_with_a_corrupt_model_says_so_and_falls_back(tmp_path: Path) -> None:
    untrained(tmp_path / "model")
    damage(tmp_path / "model")
    with ServerProcess("--model", tmp_path / "model") as server, ArgusClient(server.target) as client:
        feed(client, history(NAMES))
        status = run("status", "--target", server.target, "--json").json()
        made = run("snapshot", "--target", server.target, "--view", "full", "--json").json()
        server.err.until("DEGRADED: the model cannot be used: corrupt_weights")
        assert server.process.stdin is not None
        server.process.stdin.close()  # as happens when the parent dies, which --stop-on-eof is about
        assert server.end().code == 0
    assert (status["serving"], status["degraded"]) == (True, True)
    assert "corrupt_weights" in status["degraded_reason"]
    assert (status["model"]["kind"], status["model"]["revision"]) == ("FALLBACK", "")
    assert (made["header"]["degraded"], made["summary"]["tft_servers"]) == (True, 0)
    assert {server["source"] for server in made["servers"]} == {"FALLBACK"}
    assert all(len(server["forecast"]["cpu_user_pct"]["p50"]) == 96 for server in made["servers"])


def test_a_corrupt_reload_under_load_keeps_the_old_model(tmp_path: Path) -> None:
    first = untrained(tmp_path / "first", seed=1)
    second = untrained(tmp_path / "second", seed=2)
    sources: set[str] = set()
    revisions: list[str] = []

    with (
        ServerProcess("--model", tmp_path / "first") as server,
        ArgusClient(server.target, stream_backoff=QUICK) as client,
    ):
        feed(client, history(NAMES))
        subscription = client.subscribe()

        def read(stop: threading.Event) -> None:
            for snapshot in subscription:
                if snapshot.summary.warm_servers == len(NAMES):
                    sources.update(str(one.source) for one in snapshot.servers.values())
                    revisions.append(snapshot.header.model.revision)

        def model(*words: str) -> str:
            done = run("model", *words, "--target", server.target, "--json")
            return str(strict_json(done.out)["revision"]) if done.code == 0 else done.error()

        with client.publisher("load") as publisher:
            with beside(read), beside(load(publisher, NAMES)):
                until(lambda: len(revisions) >= 2)
                damage(tmp_path / "first")
                assert "corrupt_weights" in model("reload")
                assert model("info") == first
                count = len(revisions)
                until(lambda: len(revisions) >= count + 2)
                assert model("load", "second") == second
                until(lambda: revisions[-1] == second)
                assert "corrupt_weights" in model("load", "first")
                subscription.close()
            publisher.flush(timeout=SECONDS)
        status = client.get_status()
    assert list(dict.fromkeys(revisions)) == [first, second]
    assert sources == {"TFT"}
    assert (status.degraded, status.rejected_rows, status.model.revision) == (False, 0, second)
    assert publisher.stats.rows_accepted == publisher.stats.rows_published
