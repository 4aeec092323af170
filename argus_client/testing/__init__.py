"""A server for tests of programs that use this package: in-process, on a free port, real gRPC.

    def test_my_dashboard():
        with FakeServer() as server, ArgusClient(server.target) as client:
            server.publish(make_snapshot({"web-1": 91.0, "db-1": 12.5}))
            assert client.get_snapshot().summary.critical_count == 1

`FakeServer` follows the contract: welcomes, cumulative acknowledgements, duplicates, gaps, deltas, resuming. Its
faults are there to be injected: dropped connections, late acknowledgements, throttling, draining, refused rows.
It works for sync and async clients alike (`with` and `async with`).
"""

from argus_client.testing._builders import (
    make_alert,
    make_forecasts,
    make_outlook,
    make_samples,
    make_snapshot,
)
from argus_client.testing._history import FakeHistory
from argus_client.testing._ingest import Source
from argus_client.testing._server import FakeServer

__all__ = [
    "FakeHistory",
    "FakeServer",
    "Source",
    "make_alert",
    "make_forecasts",
    "make_outlook",
    "make_samples",
    "make_snapshot",
]
