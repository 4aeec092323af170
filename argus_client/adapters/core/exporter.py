"""An adapter's own metrics for Prometheus, in a registry of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.tally import Tally
from argus_client.extras import require


class TallyCollector:
    """Reads a tally whenever Prometheus asks, from another thread. Made on the adapter's event loop.

    Args:
        name: Name of the adapter; a label of everything.
        kind: Kind of the adapter; a label too.
        tally: What to read.
        follow: Called first, to bring it up to date.
    """

    def __init__(self, name: str, kind: str, tally: Tally, follow: Callable[[], None]) -> None:
        self._labels = (name, kind)
        self._tally = tally
        self._follow = follow
        self._loop = asyncio.get_running_loop()
        self._core = require("prometheus_client.core", "adapters")

    def collect(self) -> Iterator[Any]:
        """The metric families."""
        with suppress(TimeoutError, RuntimeError):  # busy or ending: then as it was
            asyncio.run_coroutine_threadsafe(self._brought_up(), self._loop).result(timeout=1.0)
        tally = self._tally
        yield self._counter("records", "Records fetched from the source.", {(): tally.fetched})
        outcomes = {
            ("mapped",): tally.mapped,
            ("repeated",): tally.repeated,
            ("before_since",): tally.early,
            ("accepted",): tally.accepted,
            ("duplicate",): tally.duplicate,
            ("rejected",): tally.rejected,
            ("unreported",): tally.unreported,
        }
        yield self._counter("rows", "Rows, by what became of them.", outcomes, ["outcome"])
        yield self._counter(
            "unmapped", "Rows and cells that could not be mapped.", tally.problems, ["reason", "field"]
        )
        yield self._counter(
            "rejections", "Rows the server said why it refused.", tally.rejections, ["reason", "field"]
        )
        errors = {(kind,): count for kind, count in tally.source_errors.items()}
        yield self._counter("source_errors", "Fetches that failed.", errors, ["reason"])
        yield self._gauge("buffered_rows", "Rows without an answer of the server.", tally.buffered)
        if (lag := tally.lag_seconds) is not None:
            yield self._gauge("lag_seconds", "Now minus the time of the newest row.", lag)
        for what, time_ms in (
            ("last_success", tally.last_success_ms),
            ("last_saved", tally.last_saved_ms),
        ):
            if time_ms:
                yield self._gauge(f"{what}_timestamp_seconds", _TIMES[what], time_ms / 1000)

    async def _brought_up(self) -> None:
        self._follow()

    def _counter(self, name: str, text: str, values: Any, labels: list[str] | None = None) -> Any:
        family = self._core.CounterMetricFamily(
            f"argus_adapter_{name}", text, labels=["adapter", "kind", *(labels or [])]
        )
        for key, value in dict(values).items():
            family.add_metric([*self._labels, *key], value)
        return family

    def _gauge(self, name: str, text: str, value: float) -> Any:
        family = self._core.GaugeMetricFamily(f"argus_adapter_{name}", text, labels=["adapter", "kind"])
        family.add_metric(self._labels, value)
        return family


_TIMES = {
    "last_success": "When the source last answered.",
    "last_saved": "When the cursor was last kept.",
}


@contextmanager
def serving_metrics(
    listen: str, name: str, kind: str, tally: Tally, follow: Callable[[], None]
) -> Iterator[str]:
    """Serves an adapter's metrics on HOST:PORT for as long as the block lasts; yields the address.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    if not listen:
        yield ""
        return
    prometheus = require("prometheus_client", "adapters")
    registry = prometheus.CollectorRegistry()
    registry.register(TallyCollector(name, kind, tally, follow))
    host, _, port = listen.rpartition(":")
    try:
        server, thread = prometheus.start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"[adapter] metrics_listen is {listen!r}, which cannot be used: {error}.") from None
    try:
        yield f"{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
