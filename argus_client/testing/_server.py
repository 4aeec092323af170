"""An Argus server without a model: scripted snapshots, a contract-true ingest, faults on request."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Final, Self

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2

from argus.v1 import admin_pb2, alert_pb2, ingest_pb2, prediction_pb2, scenario_pb2, snapshot_pb2
from argus_client._calls import method_path
from argus_client._config import MAX_MESSAGE_BYTES
from argus_client._status import DETAILS_KEY
from argus_client.testing import _ingest
from argus_client.testing._alerts import FakeAlerts
from argus_client.testing._builders import THRESHOLDS
from argus_client.testing._history import FakeHistory
from argus_client.testing._ingest import FakeIngest, Source
from argus_client.testing._prediction import FakePredictions

_THREADS: Final = 64
_SERVICES: Final = ("Ingest", "Prediction", "Admin", "Alert", "History")


class FakeServer:
    """Serves the contract in this process. Use as a context manager, sync or async.

    Args:
        max_batch_rows: Limit told to publishers, and enforced.
        max_batch_bytes: The same.
        max_in_flight_batches: The same, told only.
        heartbeat_seconds: Time between heartbeats of a subscription.
        servers_per_part: Servers in one part of a snapshot.
        port: Port to listen on; 0 picks a free one.

    Attributes:
        serving: What health and status say.
        api_key: When set, every call needs it.
        calls: Names of the methods called, in order, those that were let fail included.
        metadata: Metadata of the newest call of any kind.
        history: What it answers questions about history with.
        services: Short names of the services it says it has.
    """

    def __init__(
        self,
        *,
        max_batch_rows: int = 10_000,
        max_batch_bytes: int = 4 << 20,
        max_in_flight_batches: int = 64,
        heartbeat_seconds: float = 1.0,
        servers_per_part: int = 100,
        port: int = 0,
    ) -> None:
        self.serving = True
        self.api_key: str | None = None
        self.calls: list[str] = []
        self.metadata: dict[str, str | bytes] = {}
        self.history = FakeHistory()
        self.services = list(_SERVICES)
        limits = ingest_pb2.IngestLimits(
            max_batch_rows=max_batch_rows,
            max_batch_bytes=max_batch_bytes,
            max_in_flight_batches=max_in_flight_batches,
            max_servers=10_000,
        )
        self._ingest = FakeIngest(limits, step_seconds=300)
        self._predictions = FakePredictions(heartbeat_seconds, servers_per_part)
        self._alerts = FakeAlerts(heartbeat_seconds)
        self._scenario = scenario_pb2.ScenarioStatus(scenario=scenario_pb2.SCENARIO_HEALTHY, total_servers=20)
        self._models = ["default"]
        self._failures: dict[str, deque[_Failure]] = {}
        self._port = port
        self._server: grpc.Server | None = None
        self._runs = 1

    @property
    def target(self) -> str:
        """HOST:PORT to connect to."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Starts to listen."""
        server = grpc.server(
            ThreadPoolExecutor(_THREADS, thread_name_prefix="argus-fake"),
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ],
        )
        server.add_generic_rpc_handlers((_Handlers(self._methods(), self._before),))
        bound = server.add_insecure_port(self.target)
        if not bound:
            raise OSError(f"cannot listen on {self.target}")
        self._port = bound
        server.start()
        self._server = server
        return self

    def stop(self) -> None:
        """Stops at once; open calls end with an error. May be called again."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(None).wait()

    def restart(self, *, forget: bool = False) -> None:
        """Stops and starts on the same port, as another run of the server.

        Args:
            forget: Lose what was committed, as a server without durable state would.
        """
        self.stop()
        self._runs += 1
        self._predictions.restart(f"fake-{self._runs}")
        if forget:
            self._ingest.forget()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # What came in.

    @property
    def sources(self) -> dict[str, Source]:
        """What was committed, by source_id."""
        return self._ingest.sources

    @property
    def subscriptions(self) -> list[prediction_pb2.SubscribeRequest]:
        """Every Subscribe request so far."""
        return self._predictions.requests

    def wait_for(self, condition: Callable[[], bool], timeout: float = 10.0) -> bool:
        """Waits until something about ingest or subscriptions holds; False when it does not in time."""
        done = threading.Event()
        changed = self._ingest.changed
        with changed:
            for _ in range(max(1, int(timeout / 0.02))):
                if condition():
                    done.set()
                    break
                changed.wait(0.02)
        return done.is_set()

    # What goes out.

    def publish(self, snapshot: snapshot_pb2.Snapshot, *, revision: int | None = None) -> int:
        """Publishes a snapshot to all subscriptions; returns its revision, one more than the last if not given."""
        return self._predictions.publish(snapshot, revision)

    def put_alerts(self, *alerts: alert_pb2.AlertRecord) -> None:
        """Alerts that are new or have changed, such as those of `make_alert`."""
        self._alerts.put(alerts)

    def withdraw_alert(self, alert_id: str) -> None:
        """Takes a pending alert back, as one whose condition goes away."""
        self._alerts.withdraw(alert_id)

    def send(self, response: prediction_pb2.SubscribeResponse) -> None:
        """Sends every subscription a message, whether it fits the contract or not."""
        self._predictions.script(response)

    # Faults.

    def drop_connections(self) -> None:
        """Ends every stream as a lost connection does."""
        self._ingest.command(_ingest.DROP)
        self._predictions.drop()
        self._alerts.end_streams(goodbye=False)

    def drain(self, reconnect_after: float = 0.0) -> None:
        """Ends every stream as a server does that is stopped with grace. New streams are served as ever."""
        self._ingest.reconnect_after = self._predictions.reconnect_after = reconnect_after
        self._ingest.command(_ingest.DRAIN)
        self._predictions.drain()
        self._alerts.end_streams(goodbye=True)

    def hold_acks(self) -> None:
        """Commits batches without answering, until `release_acks`."""
        self._ingest.hold_acks = True

    def release_acks(self) -> None:
        """Sends the answers held back, and answers at once from now on."""
        self._ingest.hold_acks = False
        self._ingest.command(_ingest.RELEASE)

    def throttle(self, retry_delay: float) -> None:
        """Asks for a pause, in seconds, with the next ack."""
        self._ingest.throttle.append(retry_delay)

    def reject_next_batch(self, reason: str, *, readable: bool = True) -> None:
        """Refuses the next batch as a whole.

        Args:
            reason: Such as `"COLUMN_LENGTH_MISMATCH"`.
            readable: Whether its sequence could be read, and so is consumed; STORAGE_UNAVAILABLE never consumes it.
        """
        number = ingest_pb2.BatchRejectionReason.Value(f"BATCH_REJECTION_REASON_{reason}")
        self._ingest.rejections.append((number, readable))

    def refuse_servers(self, names: Sequence[str], reason: str = "OUT_OF_RANGE") -> None:
        """Refuses all rows of these servers from now on."""
        number = ingest_pb2.RowRejectionReason.Value(f"ROW_REJECTION_REASON_{reason}")
        self._ingest.refused_servers.update(dict.fromkeys(names, number))

    def go_silent(self, silent: bool = True) -> None:
        """Sends nothing on subscriptions, not even heartbeats, while the connection stays up."""
        self._predictions.silent = silent

    def fail_next(
        self,
        method: str,
        code: str,
        message: str = "as the test wants it",
        *,
        times: int = 1,
        retry_delay: float | None = None,
        violations: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Lets the next calls of a method fail.

        Args:
            method: Such as `"GetStatus"`.
            code: Name of a gRPC status, such as `"UNAVAILABLE"`.
            message: Its message.
            times: How many calls.
            retry_delay: Seconds, for a RetryInfo detail.
            violations: Pairs of field and description, for a BadRequest detail.
        """
        failure = _Failure(grpc.StatusCode[code], message, retry_delay, tuple(violations))
        self._failures.setdefault(method, deque()).extend([failure] * times)

    # Inside.

    def _before(self, method: str, context: grpc.ServicerContext) -> None:
        self.calls.append(method)
        self.metadata = {key: value for key, value in context.invocation_metadata()}
        if self.api_key is not None and self.metadata.get("authorization") != f"Bearer {self.api_key}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the API key is not known")
        if failures := self._failures.get(method):
            failures.popleft().abort(context)

    def _methods(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        predictions = self._predictions
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            method_path(ingest_pb2, "IngestService", "StreamMetrics"): grpc.stream_stream_rpc_method_handler(
                self._ingest.stream_metrics
            ),
            method_path(
                prediction_pb2, "PredictionService", "Subscribe"
            ): grpc.unary_stream_rpc_method_handler(
                predictions.subscribe,
                prediction_pb2.SubscribeRequest.FromString,
                lambda response: response.SerializeToString(),
            ),
            method_path(alert_pb2, "AlertService", "WatchAlerts"): grpc.unary_stream_rpc_method_handler(
                self._alerts.watch,
                alert_pb2.WatchAlertsRequest.FromString,
                lambda response: response.SerializeToString(),
            ),
        }
        unary: list[tuple[str, Any, Callable[[Any, grpc.ServicerContext], Any]]] = [
            (
                method_path(prediction_pb2, "PredictionService", "GetSnapshot"),
                prediction_pb2.GetSnapshotRequest,
                lambda request, _: predictions.get_snapshot(request),
            ),
            (
                method_path(prediction_pb2, "PredictionService", "GetForecast"),
                prediction_pb2.GetForecastRequest,
                predictions.get_forecast,
            ),
            (_admin("GetServerInfo"), admin_pb2.GetServerInfoRequest, self._get_server_info),
            (_admin("GetStatus"), admin_pb2.GetStatusRequest, self._get_status),
            (_admin("ListModels"), admin_pb2.ListModelsRequest, self._list_models),
            (_admin("LoadModel"), admin_pb2.LoadModelRequest, self._load_model),
            (_admin("ReloadModel"), admin_pb2.ReloadModelRequest, self._reload_model),
            (_admin("RollBackModel"), admin_pb2.RollBackModelRequest, self._roll_back_model),
            (
                method_path(scenario_pb2, "ScenarioService", "GetScenario"),
                scenario_pb2.GetScenarioRequest,
                lambda *_: scenario_pb2.GetScenarioResponse(status=self._scenario),
            ),
            (
                method_path(scenario_pb2, "ScenarioService", "SetScenario"),
                scenario_pb2.SetScenarioRequest,
                self._set_scenario,
            ),
            *self._alerts.methods(),
            ("/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest, self._check_health),
        ]
        for path, request, answer in unary:
            methods[path] = grpc.unary_unary_rpc_method_handler(
                answer, request.FromString, lambda response: response.SerializeToString()
            )
        methods.update(self.history.methods())
        return methods

    def _model(self) -> snapshot_pb2.ModelInfo:
        name = self._models[-1]
        return snapshot_pb2.ModelInfo(name=name, revision=f"{name}@0", kind="TFT", device="cpu")

    def _get_server_info(self, *_: Any) -> admin_pb2.GetServerInfoResponse:
        return admin_pb2.GetServerInfoResponse(
            version="fake",
            contract_version="1",
            instance_id=self._predictions.instance_id,
            capabilities=[f"argus.v1.{name}Service" for name in self.services],
            limits=self._ingest.limits,
            max_message_bytes=MAX_MESSAGE_BYTES,
            clock="wall",
            thresholds=THRESHOLDS,
        )

    def _get_status(self, *_: Any) -> admin_pb2.GetStatusResponse:
        newest = self._predictions.newest()
        return admin_pb2.GetStatusResponse(
            serving=self.serving,
            model=self._model(),
            servers=len(newest.servers),
            warm_servers=len(newest.servers),
            required_steps=24,
            revision=newest.header.revision,
            subscribers=self._predictions.open_streams,
            ingest_streams=self._ingest.open_streams,
            accepted_rows=sum(len(source.samples) for source in self.sources.values()),
        )

    def _list_models(self, *_: Any) -> admin_pb2.ListModelsResponse:
        running = self._models[-1]
        return admin_pb2.ListModelsResponse(
            models=[
                admin_pb2.ModelArtifact(name=name, revision=f"{name}@0", running=name == running)
                for name in dict.fromkeys(reversed(self._models))
            ]
        )

    def _load_model(self, request: admin_pb2.LoadModelRequest, _: Any) -> admin_pb2.LoadModelResponse:
        self._models.append(request.name)
        return admin_pb2.LoadModelResponse(model=self._model())

    def _reload_model(self, *_: Any) -> admin_pb2.ReloadModelResponse:
        return admin_pb2.ReloadModelResponse(model=self._model())

    def _roll_back_model(self, _: Any, context: grpc.ServicerContext) -> admin_pb2.RollBackModelResponse:
        if len(self._models) == 1:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no model ran before this one")
        self._models.pop()
        return admin_pb2.RollBackModelResponse(model=self._model())

    def _set_scenario(
        self, request: scenario_pb2.SetScenarioRequest, context: grpc.ServicerContext
    ) -> scenario_pb2.SetScenarioResponse:
        if request.scenario == scenario_pb2.SCENARIO_UNSPECIFIED:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "scenario is not set")
        self._scenario.scenario = request.scenario
        return scenario_pb2.SetScenarioResponse(status=self._scenario)

    def _check_health(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.service and not request.service.startswith("argus.v1."):
            context.abort(grpc.StatusCode.NOT_FOUND, f"unknown service {request.service!r}")
        kind = health_pb2.HealthCheckResponse
        return kind(status=kind.SERVING if self.serving else kind.NOT_SERVING)


class _Failure:
    """A status with details to end a call with."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        retry_delay: float | None,
        violations: Sequence[tuple[str, str]],
    ) -> None:
        self._code = code
        self._message = message
        self._retry_delay = retry_delay
        self._violations = violations

    def abort(self, context: grpc.ServicerContext) -> None:
        status = status_pb2.Status(code=code_pb2.Code.Value(self._code.name), message=self._message)
        if self._retry_delay is not None:
            delay = Duration()
            delay.FromNanoseconds(int(self._retry_delay * 1e9))
            status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        if self._violations:
            bad_request = error_details_pb2.BadRequest()
            for field, description in self._violations:
                bad_request.field_violations.add(field=field, description=description)
            status.details.add().Pack(bad_request)
        context.set_trailing_metadata(((DETAILS_KEY, status.SerializeToString()),))
        context.abort(self._code, self._message)


class _Handlers(grpc.GenericRpcHandler):
    """Looks methods up, and lets a hook see every call first."""

    def __init__(
        self,
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]],
        before: Callable[[str, grpc.ServicerContext], None],
    ) -> None:
        self._methods = {path: _with_hook(path, handler, before) for path, handler in methods.items()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._methods.get(handler_call_details.method)


def _with_hook(path: str, handler: Any, before: Callable[[str, grpc.ServicerContext], None]) -> Any:
    method = path.rpartition("/")[2]

    def call(request: Any, context: grpc.ServicerContext) -> Any:
        before(method, context)
        return inner(request, context)

    def stream(request: Any, context: grpc.ServicerContext) -> Any:
        before(method, context)
        yield from inner(request, context)

    if handler.unary_unary is not None:
        inner = handler.unary_unary
        make, behaviour = grpc.unary_unary_rpc_method_handler, call
    elif handler.unary_stream is not None:
        inner = handler.unary_stream
        make, behaviour = grpc.unary_stream_rpc_method_handler, stream
    else:
        inner = handler.stream_stream
        make, behaviour = grpc.stream_stream_rpc_method_handler, stream
    return make(behaviour, handler.request_deserializer, handler.response_serializer)


def _admin(method: str) -> str:
    return method_path(admin_pb2, "AdminService", method)
