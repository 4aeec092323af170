"""OTLP/gRPC and OTLP/HTTP as real exporters speak them, and what the protocol asks of a receiver in trouble."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.otlp import SPEC
from argus_client.adapters.otlp.access import Addresses
from argus_client.adapters.otlp.source import OtlpSource
from argus_client.adapters.source import SourceError
from tests.certificates import Authority
from tests.client.adapters.otlp_requests import gauge, request
from tests.client.adapters.test_otlp_intake import FakeSink
from tests.processes import until

LOAD = request(gauge("system.cpu.load_average.1m", 1.5))
NAMELESS = request(gauge("system.cpu.load_average.1m", {("a",): 1.0, ("b",): 2.0}, "x"), host=None)
PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


def build(base_dir: Path = Path(), **source: Any) -> OtlpSource:
    assert SPEC.serve is not None
    made = SPEC.serve(source, SourceContext(base_dir=base_dir))
    assert isinstance(made, OtlpSource)
    return made


@asynccontextmanager
async def receiving(sink: FakeSink, base_dir: Path = Path(), **source: Any) -> AsyncIterator[Addresses]:
    """A receiver on free ports."""
    listen = {"grpc_listen": "127.0.0.1:0", "http_listen": "127.0.0.1:0"}
    made = build(base_dir, **{**listen, "grace_seconds": 0.01, **source})
    serving = asyncio.create_task(made.serve(sink))
    try:
        started = asyncio.create_task(made.started.wait())
        await asyncio.wait([serving, started], return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if serving.done():
            serving.result()
        yield made.addresses
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@contextmanager
def exporting(exporter: MetricExporter, **resource: str) -> Iterator[MeterProvider]:
    """A meter provider of the SDK that exports when it is flushed."""
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
    provider = MeterProvider([reader], Resource({"host.name": "sdk-1", **resource}))
    try:
        yield provider
    finally:
        provider.shutdown(timeout_millis=2000)


def observe(provider: MeterProvider) -> None:
    """The load, as an asynchronous gauge."""

    def load(_: CallbackOptions) -> list[Observation]:
        return [Observation(1.5)]

    provider.get_meter("test").create_observable_gauge("system.cpu.load_average.1m", [load])


def make_grpc(addresses: Addresses, **more: Any) -> GrpcExporter:
    return GrpcExporter(f"http://{addresses.grpc}", insecure=True, **more)


def make_http(addresses: Addresses, **more: Any) -> HttpExporter:
    return HttpExporter(f"http://{addresses.http}/v1/metrics", **more)


EXPORTERS = [
    pytest.param(make_grpc, {}, id="grpc"),
    pytest.param(make_grpc, {"compression": grpc.Compression.Gzip}, id="grpc gzip"),
    pytest.param(make_http, {}, id="http"),
    pytest.param(make_http, {"compression": Compression.Gzip}, id="http gzip"),
]


@pytest.mark.parametrize(("exporter", "settings"), EXPORTERS)
async def test_the_sdk_s_exporters_are_understood(
    exporter: Callable[..., MetricExporter], settings: dict[str, Any]
) -> None:
    sink = FakeSink()
    async with receiving(sink) as addresses:

        def export() -> bool:
            with exporting(exporter(addresses, **settings)) as provider:
                observe(provider)
                return provider.force_flush()

        assert await asyncio.to_thread(export)
    names = [(name, row) for name, _, row in sink.rows]
    assert names
    assert all(each == ("sdk-1", {"load_average": 1.5}) for each in names)


async def test_the_sdk_s_system_metrics_are_understood() -> None:
    sink = FakeSink()

    def measured() -> dict[str, float]:
        return {column: value for _, _, row in sink.rows for column, value in row.items()}

    async with receiving(sink, resolution_seconds=1) as addresses:

        def export() -> None:
            with exporting(make_grpc(addresses)) as provider:
                instrumentor = SystemMetricsInstrumentor()
                instrumentor.instrument(meter_provider=provider)
                try:
                    until(lambda: provider.force_flush() and "cpu_idle_pct" in measured())
                finally:
                    instrumentor.uninstrument()

        await asyncio.to_thread(export)
    percentages = {column: value for column, value in measured().items() if column.endswith("_pct")}
    assert {"cpu_user_pct", "cpu_sys_pct", "cpu_idle_pct", "mem_used_pct", "swap_used_pct"} <= set(
        percentages
    )
    assert all(0 <= value <= 100 for value in percentages.values())
    assert {name for name, _, _ in sink.rows} == {"sdk-1"}


async def test_an_exporter_with_the_token_is_let_in(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("open sesame\n")
    sink = FakeSink()
    async with receiving(sink, tmp_path, token_file="token") as addresses:
        async with httpx.AsyncClient() as client:
            url = f"http://{addresses.http}/v1/metrics"
            for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic open sesame"}):
                refused = await client.post(
                    url, content=LOAD.SerializeToString(), headers={**PROTOBUF, **given}
                )
                assert refused.status_code == 401
                assert "bearer token" in status_pb2.Status.FromString(refused.content).message
            right = {"Authorization": "Bearer open sesame"}
            taken = await client.post(url, content=LOAD.SerializeToString(), headers={**PROTOBUF, **right})
            assert taken.status_code == 200
        async with grpc.aio.insecure_channel(addresses.grpc) as channel:
            export = MetricsServiceStub(channel).Export
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await export(LOAD, metadata=(("authorization", "Bearer wrong"),))
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert "sesame" not in str(caught.value)
            await export(LOAD, metadata=(("authorization", "Bearer open sesame"),))
    assert {row[1:][1]["load_average"] for row in sink.rows} == {1.5}


async def test_certificates_guard_both_endpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # they win over what the exporter is told
        monkeypatch.delenv(variable, raising=False)
    authority = Authority()
    authority.issue("server").write(tmp_path, "server")
    me = authority.issue("agent")
    me.write(tmp_path, "me")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    sink = FakeSink()
    tls = {"cert_file": "server.pem", "key_file": "server.key", "client_ca_file": "ca.pem"}
    async with receiving(sink, tmp_path, tls=tls) as addresses:
        known = {"certificate_file": str(tmp_path / "ca.pem")}
        mine = {
            "client_key_file": str(tmp_path / "me.key"),
            "client_certificate_file": str(tmp_path / "me.pem"),
        }
        url = f"https://localhost:{addresses.http.rpartition(':')[2]}/v1/metrics"
        credentials = grpc.ssl_channel_credentials(authority.pem, me.private_key, me.certificate)

        def export(host: str, exporter: MetricExporter) -> bool:
            with exporting(exporter, **{"host.name": host}) as provider:
                observe(provider)
                return provider.force_flush()

        assert await asyncio.to_thread(export, "by-http", HttpExporter(url, timeout=5, **known, **mine))
        port = addresses.grpc.rpartition(":")[2]
        over_grpc = GrpcExporter(f"https://localhost:{port}", credentials=credentials, timeout=5)
        assert await asyncio.to_thread(export, "by-grpc", over_grpc)
        assert {name for name, _, _ in sink.rows} == {"by-http", "by-grpc"}
        with pytest.raises(httpx.TransportError):
            async with httpx.AsyncClient(
                verify=ssl.create_default_context(cafile=tmp_path / "ca.pem")
            ) as nobody:
                await nobody.post(url, content=b"", headers=PROTOBUF)


async def test_points_that_cannot_be_used_are_told_in_a_partial_success() -> None:
    async with receiving(FakeSink()) as addresses:
        async with grpc.aio.insecure_channel(addresses.grpc) as channel:
            answer = await MetricsServiceStub(channel).Export(NAMELESS)
        assert answer.partial_success.rejected_data_points == 2
        assert "names no server" in answer.partial_success.error_message
        async with httpx.AsyncClient() as client:
            url = f"http://{addresses.http}/v1/metrics"
            plain = await client.post(url, content=NAMELESS.SerializeToString(), headers=PROTOBUF)
            as_json = await client.post(url, content=json_format.MessageToJson(NAMELESS), headers=JSON)
    assert plain.headers["content-type"] == "application/x-protobuf"
    assert ExportMetricsServiceResponse.FromString(plain.content) == answer
    assert as_json.headers["content-type"].startswith("application/json")
    assert as_json.json()["partialSuccess"]["rejectedDataPoints"] == "2"


async def test_rows_the_server_refuses_are_told_in_a_partial_success() -> None:
    sink = FakeSink()
    sink.refuses = {"web-1"}
    async with receiving(sink) as addresses, grpc.aio.insecure_channel(addresses.grpc) as channel:
        answer = await MetricsServiceStub(channel).Export(LOAD)
    assert answer.partial_success.rejected_data_points == 1
    assert answer.partial_success.error_message == "The Argus server refused web-1 is bad"


async def test_full_success_is_an_empty_answer() -> None:
    async with receiving(FakeSink()) as addresses, grpc.aio.insecure_channel(addresses.grpc) as channel:
        answer = await MetricsServiceStub(channel).Export(LOAD)
        assert not answer.HasField("partial_success")


async def test_a_server_that_is_away_is_unavailable_with_the_time_to_come_again() -> None:
    sink = FakeSink()
    sink.retry_after_seconds = 2.5
    async with receiving(sink) as addresses:
        async with grpc.aio.insecure_channel(addresses.grpc) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await MetricsServiceStub(channel).Export(LOAD)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        trailers = dict(caught.value.trailing_metadata() or ())
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        info = error_details_pb2.RetryInfo()
        assert status.details[0].Unpack(info)
        assert info.retry_delay.ToTimedelta().total_seconds() == 2.5
        async with httpx.AsyncClient() as client:
            url = f"http://{addresses.http}/v1/metrics"
            answer = await client.post(url, content=LOAD.SerializeToString(), headers=PROTOBUF)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert status_pb2.Status.FromString(answer.content).message.startswith("The Argus server cannot take")
    assert sink.tried == []


async def test_the_sdk_sends_again_what_was_not_taken() -> None:
    sink = FakeSink()
    sink.fail = 1
    async with receiving(sink) as addresses:

        def export() -> bool:
            with exporting(make_http(addresses)) as provider:
                observe(provider)
                return provider.force_flush(timeout_millis=20_000)

        # Failures ask for 7 s; the sink's own wait is shortened so that the exporter comes back within the test.
        fails = sink.deliver

        async def soon(*arguments: Any, **more: Any) -> Any:
            from argus_client.adapters.pull import SourceUnavailable

            try:
                return await fails(*arguments, **more)
            except SourceUnavailable as error:
                error.retry_after_seconds = 0.1
                raise

        sink.deliver = soon  # type: ignore[method-assign]
        assert await asyncio.to_thread(export)
    assert sink.tried[0] == sink.tried[1] == sink.rows[0]


async def test_json_is_read_as_the_protocol_has_it() -> None:
    sink = FakeSink()
    body = {
        "resourceMetrics": [
            {
                "resource": {"attributes": [{"key": "host.name", "value": {"stringValue": "js-1"}}]},
                "scopeMetrics": [
                    {
                        "metrics": [
                            {
                                "name": "system.memory.utilization",
                                "unit": "1",
                                "gauge": {
                                    "dataPoints": [
                                        {
                                            "attributes": [
                                                {"key": "state", "value": {"stringValue": "used"}}
                                            ],
                                            "timeUnixNano": "1700000100000000000",
                                            "asDouble": 0.25,
                                            "exemplars": [{"traceId": "5b8efff798038103d269b633813fc60c"}],
                                        }
                                    ]
                                },
                                "fieldOfTheFuture": 1,
                            }
                        ]
                    }
                ],
            }
        ]
    }
    async with receiving(sink) as addresses, httpx.AsyncClient() as client:
        url = f"http://{addresses.http}/v1/metrics"
        packed = gzip.compress(json.dumps(body).encode())
        answer = await client.post(url, content=packed, headers={**JSON, "content-encoding": "gzip"})
        assert (answer.status_code, answer.json()) == (200, {})
    assert sink.rows == [("js-1", 1_700_000_100, {"mem_used_pct": 25.0})]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"\xff\xff", PROTOBUF, 400),
        (b"{", JSON, 400),
        (b"\xff", JSON, 400),
        (b"x", {"content-type": "text/plain"}, 415),
        (b"not packed", {**PROTOBUF, "content-encoding": "gzip"}, 400),
        (gzip.compress(b"1234")[:-9], {**PROTOBUF, "content-encoding": "gzip"}, 400),
        (b"x", {**PROTOBUF, "content-encoding": "br"}, 415),
        (b"\0" * (1 << 20) + b"\0", PROTOBUF, 413),
        (gzip.compress(b"\0" * (64 << 20)), {**PROTOBUF, "content-encoding": "gzip"}, 413),
    ],
    ids=[
        "protobuf",
        "json",
        "text",
        "type",
        "gzip",
        "cut gzip",
        "encoding",
        "too large",
        "too large unpacked",
    ],
)
async def test_what_is_no_export_is_refused_for_good(
    content: bytes, headers: dict[str, str], status: int
) -> None:
    async with receiving(FakeSink(), max_request_mb=1) as addresses, httpx.AsyncClient() as client:
        answer = await client.post(f"http://{addresses.http}/v1/metrics", content=content, headers=headers)
    assert answer.status_code == status, answer.text


async def test_a_call_that_is_too_large_is_refused() -> None:
    large = request(gauge("x" * (2 << 20), 1.0))
    async with (
        receiving(FakeSink(), max_request_mb=1) as addresses,
        grpc.aio.insecure_channel(addresses.grpc) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await MetricsServiceStub(channel).Export(large)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("key", ["grpc_listen", "http_listen"])
async def test_a_port_that_is_taken_is_an_error(key: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SourceError, match=f"cannot listen on 127.0.0.1:{port}.*set \\[source\\] {key}"):
            async with receiving(FakeSink(), **{key: f"127.0.0.1:{port}"}):
                raise AssertionError("it listens")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"grpc_listen": "", "http_listen": ""}, "[source] grpc_listen is empty, and so is http_listen"),
        ({"grpc_listen": "4317"}, "[source] grpc_listen is '4317'; it must be HOST:PORT"),
        ({"http_listen": "0.0.0.0:4318"}, "everybody who reaches this machine could send. Set token_file"),
        ({"server_name": []}, "[source] server_name names no attribute"),
        ({"excluded_devices": "("}, "[source] excluded_devices is no regular expression"),
        ({"grace_second": 1}, "did you mean 'grace_seconds'?"),
        ({"tls": {"cert_file": "no-such"}}, "[source.tls] cert_file names no-such, which cannot be read"),
        ({"tls": {"client_ca_file": __file__}}, "[source.tls] needs both cert_file and key_file"),
    ],
)
def test_a_wrong_configuration_is_named(source: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(**source)
    assert complaint in str(caught.value)


def test_beyond_this_machine_takes_a_token_or_a_word() -> None:
    assert build(http_listen="0.0.0.0:4318", token="secret")
    assert build(http_listen="0.0.0.0:4318", insecure=True)
    assert "secret" not in repr(build(http_listen="0.0.0.0:4318", token="secret")._http)


def test_the_exported_message_is_the_protocol_s() -> None:
    assert ExportMetricsServiceRequest.FromString(LOAD.SerializeToString()) == LOAD
