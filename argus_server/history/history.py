"""History as a whole: what the composition root starts and stops."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from argus_server.history.counters import HistoryCounters
from argus_server.history.recorder import Recorder
from argus_server.history.store import HistoryStore
from argus_server.history.summary import Judge
from argus_server.services.history import HistoryServicer


class History:
    """The recorder and the service over one store.

    Args:
        store: Where rows go to and come from.
        registry: Where to export counters.
        judge: Tells incidents from what is none.
        now_ms: The server's clock.
        in_fleet: Whether the fleet has a server now.

    Attributes:
        recorder: Takes ticks and alert events.
        servicer: Answers questions.
    """

    def __init__(
        self,
        store: HistoryStore,
        registry: CollectorRegistry,
        judge: Callable[[], Judge],
        now_ms: Callable[[], int],
        in_fleet: Callable[[str], bool],
    ) -> None:
        counters = HistoryCounters(registry)
        self.recorder = Recorder(store, counters)
        self.servicer = HistoryServicer(store, judge, now_ms, in_fleet, counters)

    def close(self) -> None:
        """Records what is waiting and ends all threads. The store must still be open."""
        self.recorder.close()
        self.servicer.close()
