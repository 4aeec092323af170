from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import argus_client
from argus_client import frames, testing

SURFACE = [
    "METRICS",
    "STATES",
    "ActiveAlert",
    "Alert",
    "AlertEvent",
    "AlertEvents",
    "AlertLevel",
    "AlertMatcher",
    "AlertNote",
    "AlertPriority",
    "AlertRecord",
    "AlertState",
    "AlertSubject",
    "AlertWatch",
    "AlertsUpdate",
    "AlreadyExists",
    "ArgusClient",
    "ArgusError",
    "AsyncAlertWatch",
    "AsyncArgusClient",
    "AsyncHistory",
    "AsyncPublisher",
    "AsyncSubscription",
    "Backoff",
    "BufferFull",
    "Cancelled",
    "Cause",
    "CauseKind",
    "Closed",
    "ConnectionLost",
    "ConnectionState",
    "DayOfWeek",
    "DeadlineExceeded",
    "DisplayMetric",
    "Environment",
    "ExportFormat",
    "FailedPrecondition",
    "FieldViolation",
    "FleetForecast",
    "FleetHealth",
    "FleetHistory",
    "FleetSnapshot",
    "FleetSummary",
    "Forecast",
    "ForecastSource",
    "History",
    "HistorySummary",
    "HistoryTable",
    "Incompatible",
    "IngestLimits",
    "InvalidArgument",
    "KeepAlive",
    "MaintenanceWindow",
    "MessageTooLarge",
    "MetricHistory",
    "MetricThreshold",
    "ModelArtifact",
    "ModelInfo",
    "NotFound",
    "NotReady",
    "Outlook",
    "PermissionDenied",
    "Publisher",
    "PublisherConfig",
    "PublisherStats",
    "Rejected",
    "Rejection",
    "Samples",
    "Scenario",
    "ScenarioStatus",
    "ServerError",
    "ServerForecast",
    "ServerHistory",
    "ServerInfo",
    "ServerPrediction",
    "ServerStatus",
    "ServingStatus",
    "Silence",
    "SnapshotHeader",
    "Subscription",
    "Superseded",
    "TLSConfig",
    "ThresholdBreach",
    "Throttled",
    "Timeouts",
    "Trend",
    "Unauthenticated",
    "Unimplemented",
    "View",
    "WarmUp",
]

TWINS = [
    (argus_client.ArgusClient, argus_client.AsyncArgusClient),
    (argus_client.History, argus_client.AsyncHistory),
    (argus_client.Publisher, argus_client.AsyncPublisher),
    (argus_client.Subscription, argus_client.AsyncSubscription),
    (argus_client.AlertWatch, argus_client.AsyncAlertWatch),
]


def public(kind: type) -> dict[str, object]:
    return {name: member for name, member in vars(kind).items() if not name.startswith("_")}


def test_the_public_surface_is_this_list() -> None:
    """A change here is a change of the API: say so in the changelog."""
    assert argus_client.__all__ == SURFACE
    assert sorted(argus_client.__all__[2:]) == argus_client.__all__[2:]
    assert frames.__all__ == ["servers_to_arrow", "servers_to_pandas", "to_arrow", "to_pandas"]
    assert testing.__all__ == [
        "FakeHistory",
        "FakeServer",
        "Source",
        "make_alert",
        "make_forecasts",
        "make_outlook",
        "make_samples",
        "make_snapshot",
    ]


def test_every_public_name_is_documented() -> None:
    named = [getattr(argus_client, name) for name in argus_client.__all__]
    for kind in [thing for thing in named if inspect.isclass(thing)]:
        assert kind.__doc__, kind
        for name, member in public(kind).items():
            if callable(member) or isinstance(member, property | staticmethod):
                assert inspect.getdoc(member), f"{kind.__name__}.{name}"


@pytest.mark.parametrize(("sync", "twin"), TWINS, ids=lambda kind: kind.__name__)
def test_twins_have_the_same_methods_and_arguments(sync: type, twin: type) -> None:
    assert public(sync).keys() == public(twin).keys()
    for name, member in public(sync).items():
        other = vars(twin)[name]
        if isinstance(member, property):
            assert isinstance(other, property), name
        elif inspect.isfunction(member):
            ours, theirs = inspect.signature(member), inspect.signature(other)
            assert ours.parameters == theirs.parameters, name
            expected = str(ours.return_annotation)
            assert str(theirs.return_annotation).removeprefix("Async") == expected, name
    assert inspect.signature(sync).parameters.keys() == inspect.signature(twin).parameters.keys()


def test_no_transport_types_in_public_signatures() -> None:
    for name in argus_client.__all__:
        kind = getattr(argus_client, name)
        if inspect.isclass(kind) and "Error" not in name:
            for member in public(kind).values():
                if inspect.isfunction(member):
                    assert "grpc" not in str(inspect.signature(member)), f"{name}.{member.__name__}"


def test_the_base_install_is_enough_to_import() -> None:
    heavy = "pandas", "pyarrow", "torch", "psutil", "argus_server"
    code = (
        f"import sys, argus_client, argus_client.testing; print([m for m in {heavy!r} if m in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": _path()}
    )

    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def _path() -> str:
    root = Path(__file__).parents[2]
    return f"{root}:{root / 'proto'}"
