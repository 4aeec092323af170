from __future__ import annotations

import json
import math

from argus.v1 import snapshot_pb2
from argus_client import FleetSnapshot
from argus_client.testing import make_forecasts, make_outlook, make_snapshot


def snapshot() -> FleetSnapshot:
    message = make_snapshot(
        {"calm": 12.5, "hot": 93.2},
        forecasts=[
            *make_forecasts(["cpu_user_pct"], steps=2),
            *make_forecasts(["uptime_days"], steps=2, band=0.0, value=7.0),
        ],
    )
    message.header.revision = 41
    message.header.degraded = True
    message.header.degraded_reason = "no model"
    hot = message.servers[0]
    hot.display_metrics.cpu.predicted = math.nan
    hot.forecasts[0].p90[1] = math.nan
    hot.causes.add(metric=1, kind=snapshot_pb2.CAUSE_KIND_FORECAST, points=8.1, text="CPU is rising")
    hot.first_breach.metric = 6  # type: ignore[assignment]
    hot.first_breach.threshold = 98.0
    hot.first_breach.minutes = 25.0
    hot.first_breach.probability = 0.7
    return FleetSnapshot.from_proto(message)


def test_the_form_is_the_one_documented() -> None:
    document = snapshot().to_json_dict()

    assert set(document) == {"revision", "model", "header", "summary", "environment", "servers"}
    assert document["revision"] == 41
    assert document["model"] == {"name": "fake", "revision": "fake@0", "kind": "TFT", "device": "cpu"}
    assert document["header"] == {
        "revision": 41,
        "published_at_ms": 1_750_000_300_000,
        "forecast_origin_ms": 1_750_000_000_000,
        "step_seconds": 300,
        "horizon_steps": 96,
        "tick_duration_ms": 0.0,
        "degraded": True,
        "degraded_reason": "no model",
        "instance_id": "",
        "clock_ms": 1_750_000_300_000,
    }
    assert document["environment"]["fleet_health"] == "healthy"
    hot, calm = document["servers"]
    assert set(hot) == {
        "server_name",
        "risk_score",
        "alert",
        "profile",
        "state",
        "source",
        "data_age_seconds",
        "observed_steps",
        "display_metrics",
        "causes",
        "first_breach",
        "breach_probability_30m",
        "breach_probability_8h",
        "active_alerts",
        "forecast",
        "outlook",
    }
    assert (hot["server_name"], hot["risk_score"], hot["state"], hot["source"]) == (
        "hot",
        93.2,
        "healthy",
        "TFT",
    )
    assert hot["alert"] == {
        "level": "critical",
        "priority": "imminent_failure",
        "label": "Imminent Failure",
        "color": "#b30000",
        "emoji": "🔴",
        "sla_seconds": 300,
    }
    assert hot["causes"] == [
        {"metric": "cpu_user_pct", "kind": "forecast", "points": 8.1, "text": "CPU is rising"}
    ]
    assert hot["first_breach"] == {
        "metric": "mem_used_pct",
        "threshold": 98.0,
        "minutes": 25.0,
        "probability": 0.7,
    }
    assert calm["first_breach"] is None
    assert calm["outlook"] is None
    assert calm["display_metrics"] == {
        "cpu": {"current": 12.5, "predicted": 13.5, "delta": 1.0, "unit": "%", "trend": "stable"}
    }


def test_every_number_of_the_summary_is_there() -> None:
    fields = {field.name for field in snapshot_pb2.FleetSummary.DESCRIPTOR.fields}

    assert set(snapshot().to_json_dict()["summary"]) == fields


def test_empty_quantiles_are_filled_in_with_the_median() -> None:
    hot = snapshot().to_json_dict()["servers"][0]

    assert hot["forecast"]["uptime_days"] == {"p10": [7.0, 7.0], "p50": [7.0, 7.0], "p90": [7.0, 7.0]}


def test_json_is_strict() -> None:
    document = snapshot().to_json_dict()

    assert document["servers"][0]["display_metrics"]["cpu"]["predicted"] is None
    assert document["servers"][0]["forecast"]["cpu_user_pct"]["p90"] == [55.0, None]
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_an_outlook_is_there_with_its_gaps_as_null() -> None:
    message = make_snapshot({"a": 1.0}, outlook=make_outlook("mem_used_pct", critical=98.0))
    message.servers[0].outlook.history[0] = math.nan

    document = FleetSnapshot.from_proto(message).to_json_dict()["servers"][0]["outlook"]

    assert document == {
        "metric": "mem_used_pct",
        "history_step_seconds": 300,
        "band_step_seconds": 900,
        "warning": None,
        "critical": 98.0,
        "history": [None, *[50.0] * 35],
        "p10": [45.0] * 32,
        "p50": [50.0] * 32,
        "p90": [55.0] * 32,
    }


def test_an_outlook_on_a_metric_of_a_newer_server_is_left_out() -> None:
    message = make_snapshot({"a": 1.0}, outlook=make_outlook())
    message.servers[0].outlook.metric = 99  # type: ignore[assignment]

    assert FleetSnapshot.from_proto(message).server("a").outlook is None


def test_a_summary_has_no_forecasts() -> None:
    message = make_snapshot({"a": 1.0})

    assert FleetSnapshot.from_proto(message).to_json_dict()["servers"][0]["forecast"] == {}
