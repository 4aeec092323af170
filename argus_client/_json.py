"""A snapshot as plain values for strict JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from argus_client._outlook import Outlook
    from argus_client._server_prediction import ServerPrediction
    from argus_client._snapshot import FleetSnapshot

# Values are float32 on the wire: more decimals would only show how it rounds.
_DECIMALS: Final = 5


def snapshot_to_dict(snapshot: FleetSnapshot) -> dict[str, Any]:
    """The form `FleetSnapshot.to_json_dict` documents."""
    header = plain(asdict(snapshot.header))
    model = header.pop("model")
    return {
        "revision": snapshot.revision,
        "model": {key: model[key] for key in ("name", "revision", "kind", "device")},
        "header": header,
        "summary": plain(asdict(snapshot.summary)),
        "environment": plain(asdict(snapshot.environment)),
        "servers": [_server(server) for server in snapshot.servers.values()],
    }


def _server(server: ServerPrediction) -> dict[str, Any]:
    first_breach = None if server.first_breach is None else asdict(server.first_breach)
    values = plain(
        {
            "server_name": server.server_name,
            "risk_score": server.risk_score,
            "alert": asdict(server.alert),
            "profile": server.profile,
            "state": server.state,
            "source": server.source,
            "data_age_seconds": server.data_age_seconds,
            "observed_steps": server.observed_steps,
            "display_metrics": {name: asdict(metric) for name, metric in server.display_metrics.items()},
            "causes": [asdict(cause) for cause in server.causes],
            "first_breach": first_breach,
            "breach_probability_30m": server.breach_probability_30m,
            "breach_probability_8h": server.breach_probability_8h,
            "active_alerts": [asdict(alert) for alert in server.active_alerts],
        }
    )
    values["forecast"] = {
        metric: {
            "p10": numbers(forecast.p10),
            "p50": numbers(forecast.p50),
            "p90": numbers(forecast.p90),
        }
        for metric, forecast in server.forecasts.items()
    }
    values["outlook"] = None if server.outlook is None else _outlook(server.outlook)
    return dict(values)


def _outlook(outlook: Outlook) -> dict[str, Any]:
    series = ("history", "p10", "p50", "p90")
    plain_fields = ("metric", "history_step_seconds", "band_step_seconds", "warning", "critical")
    return {name: plain(getattr(outlook, name)) for name in plain_fields} | {
        name: numbers(getattr(outlook, name)) for name in series
    }


def plain(value: Any) -> Any:
    """The value in types JSON has; a number that is not finite is null."""
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, float):
        return round(value, _DECIMALS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def numbers(values: NDArray[np.float32]) -> list[float | None]:
    """An array as a list; what is not finite is null."""
    rounded: list[float | None] = np.round(values.astype(np.float64), _DECIMALS).tolist()
    if np.isfinite(values).all():
        return rounded
    return [value if value is not None and math.isfinite(value) else None for value in rounded]
