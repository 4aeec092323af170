"""Servers die and come back; programs on the client notice a gap, never an exception."""

from __future__ import annotations

import signal
import threading

import pytest

from argus_client import ArgusClient, ConnectionState, FleetSnapshot
from tests.processes import SECONDS, ServerProcess, until
from tests.system.feeding import QUICK, beside, load

pytestmark = pytest.mark.slow

NAMES = [f"web-{number}" for number in range(20)]


def test_a_publisher_outlives_a_server_that_is_killed_while_it_takes_rows() -> None:
    first = ServerProcess()
    with ArgusClient(first.target, stream_backoff=QUICK) as client, client.publisher("source") as publisher:
        with beside(load(publisher, NAMES, first=0)):
            with first:
                until(lambda: publisher.stats.rows_accepted >= 200)
                first.end(signal.SIGKILL)
            until(lambda: publisher.state is not ConnectionState.LIVE)
            killed = publisher.stats
            until(lambda: publisher.stats.rows_published >= killed.rows_published + 200)
            second = ServerProcess(listen=first.target)
            restarted = publisher.stats
            until(lambda: publisher.stats.rows_accepted >= restarted.rows_published + 200)
        with second:
            publisher.flush(timeout=SECONDS)
            now = client.get_status(timeout=SECONDS)
            stats = publisher.stats
    # Everything the first server has not acknowledged is with the second, the rows of the meantime among it.
    assert now.accepted_rows == stats.rows_published - killed.rows_accepted
    assert stats.rows_accepted == stats.rows_published > restarted.rows_published
    assert stats.rows_rejected == stats.rows_dropped == stats.rows_duplicate == stats.rows_unreported == 0
    assert now.rejected_rows == now.duplicate_rows == 0


def test_a_subscription_goes_on_through_a_rolling_restart() -> None:
    seen: list[FleetSnapshot] = []
    server = ServerProcess()
    target = server.target
    with ArgusClient(target, stream_backoff=QUICK) as client:
        subscription = client.subscribe()

        def read(stop: threading.Event) -> None:
            seen.extend(iter(subscription))

        def reaches(servers: int) -> None:
            until(lambda: bool(seen) and seen[-1].header.instance_id == instances[-1])
            until(lambda: len(seen[-1].servers) == servers)

        instances: list[str] = []
        with beside(read):
            for runs in range(2):
                with server:
                    instances.append(client.get_server_info(timeout=SECONDS).instance_id)
                    with (
                        client.publisher(f"run-{runs}") as publisher,
                        beside(load(publisher, NAMES, first=0)),
                    ):
                        reaches(len(NAMES))
                    assert server.end(signal.SIGTERM).code == 0
                if runs == 0:
                    server = ServerProcess(listen=target)
            subscription.close()
    assert len(set(instances)) == 2
    assert [one for one in dict.fromkeys(s.header.instance_id for s in seen)] == instances
    for instance in instances:
        revisions = [s.revision for s in seen if s.header.instance_id == instance]
        assert revisions == sorted(set(revisions))
