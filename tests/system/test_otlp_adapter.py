"""From exporters to a server through `argus adapter run otlp`: nothing is lost or doubled, whoever is killed."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from argus_client import ArgusClient, ForecastSource
from tests.client.adapters.otlp_requests import T0, cpu_time, gauge, request
from tests.client.adapters.prometheus_servers import free_port
from tests.processes import Process, ServerProcess, run, until
from tests.server.store.rows import on_disk
from tests.system.feeding import beside

pytestmark = pytest.mark.slow

HOSTS = [f"web-{number}" for number in range(4)]
BUCKETS = 60


def config(directory: Path, target: str, **source: object) -> Path:
    """The configuration that `init` writes, with other settings of the source."""
    file = directory / "otlp.toml"
    assert run("adapter", "init", "otlp", "--out", file).code == 0
    lines = file.read_text().replace("127.0.0.1:50051", target).splitlines()
    for key, value in source.items():
        (at,) = (index for index, line in enumerate(lines) if line.startswith(f"{key} ="))
        lines[at] = f"{key} = {json.dumps(value)}"
    lines.insert(lines.index("[adapter]") + 1, f"state_dir = {json.dumps(str(directory / 'state'))}")
    file.write_text("\n".join(lines))
    return file


@contextmanager
def adapter(file: Path, port: int) -> Iterator[Process]:
    """The adapter, once it listens."""
    with Process("adapter", "run", "otlp", "--config", file) as process:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            grpc.channel_ready_future(channel).result(timeout=30)
        yield process


class Senders:
    """Exporters that send each bucket until they are told that it is in the server."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.answered = 0
        self.refused = 0
        self._lock = threading.Lock()

    def send(self, host: str, stop: threading.Event) -> None:
        """Sends the buckets of a host one after the other."""
        options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        with grpc.insecure_channel(self._target, options) as channel:
            export = MetricsServiceStub(channel).Export
            for bucket in range(BUCKETS):
                at = T0 + 10 * bucket + 3
                sent = request(
                    gauge("system.cpu.load_average.1m", float(bucket), at=at),
                    cpu_time(1000.0 + 10 * bucket, at=at),
                    host=host,
                )
                while not self._exported(export, sent):
                    if stop.wait(0.05):
                        return

    def _exported(self, export: Any, sent: object) -> bool:
        try:
            answer = export(sent, timeout=10, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            with self._lock:
                self.refused += 1
            return False
        assert not answer.HasField("partial_success")
        with self._lock:
            self.answered += 1
        return True


def test_what_was_answered_is_in_the_server_once_whoever_is_killed(tmp_path: Path) -> None:
    server_port, port = free_port(), free_port()
    target, data = f"127.0.0.1:{server_port}", tmp_path / "data"
    quick = {"grace_seconds": 0.01, "answer_seconds": 1}
    file = config(tmp_path, target, grpc_listen=f"127.0.0.1:{port}", http_listen="", **quick)
    senders = Senders(f"127.0.0.1:{port}")
    everything = len(HOSTS) * BUCKETS

    def reached(share: float) -> None:
        until(lambda: senders.answered >= share * everything)

    with ExitStack() as sending:
        for host in HOSTS:
            sending.enter_context(beside(partial(senders.send, host)))
        with adapter(file, port) as first:
            for share in (0.2, 0.4):
                with ServerProcess("--data-dir", data, listen=target) as server:
                    reached(share)
                    server.end(signal.SIGKILL)
                refused = senders.refused
                until(lambda refused=refused: senders.refused > refused)
            with ServerProcess("--data-dir", data, listen=target) as server:
                reached(0.7)
                first.end(signal.SIGKILL)
                with adapter(file, port):
                    reached(1.0)
                server.end(signal.SIGTERM)
    assert on_disk(data) == [(host, (T0 + 10 * bucket) * 1000) for host in HOSTS for bucket in range(BUCKETS)]


def test_the_sdk_on_this_machine_has_a_forecast(tmp_path: Path) -> None:
    port = free_port()
    with ServerProcess("--clock", "wall") as server, ArgusClient(server.target) as client:
        file = config(
            tmp_path, server.target, grpc_listen="", http_listen=f"127.0.0.1:{port}", resolution_seconds=1
        )
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(f"http://127.0.0.1:{port}/v1/metrics"), export_interval_millis=float("inf")
        )
        provider = MeterProvider([reader], Resource({"host.name": "this-machine"}))
        instrumentor = SystemMetricsInstrumentor()
        with Process("adapter", "run", "otlp", "--config", file):
            instrumentor.instrument(meter_provider=provider)
            try:
                until(lambda: provider.force_flush() and "cpu_idle_pct" in forecasts(client))
            finally:
                instrumentor.uninstrument()
                provider.shutdown()
        mine = client.get_snapshot(view="full").server("this-machine")
        status = client.get_status()
    assert mine.source is ForecastSource.FALLBACK
    assert {"cpu_user_pct", "mem_used_pct", "swap_used_pct"} <= set(mine.forecasts)
    assert status.rejected_rows == 0


def forecasts(client: ArgusClient) -> Collection[str]:
    """The metrics of this machine that are forecast."""
    found = client.get_snapshot(view="full").servers.get("this-machine")
    return found.forecasts if found is not None else ()
