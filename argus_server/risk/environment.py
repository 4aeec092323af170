"""The fleet as a whole: incident probabilities and a verdict."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from argus.v1 import snapshot_pb2
from argus_server.risk.dependence import INDEPENDENT, any_of
from argus_server.risk.frame import Environment
from argus_server.risk.tables import EnvironmentLimits


def environment(
    probability_near: npt.NDArray[np.float32],
    probability_horizon: npt.NDArray[np.float32],
    judged: npt.NDArray[np.bool_],
    limits: EnvironmentLimits,
    exponents: tuple[float, float] = (INDEPENDENT, INDEPENDENT),
) -> Environment:
    """The fleet in probabilities.

    An incident is at least one server crossing a critical threshold. It is not a mean over servers, so one certain
    failure is a certain incident in any fleet.

    Args:
        probability_near: Of each server crossing within 30 minutes, [servers].
        probability_horizon: The same within the horizon, [servers].
        judged: Whether anything is known about the server, [servers].
        limits: Where fleet health turns.
        exponents: Shares of the servers that count within 30 minutes and within the horizon; servers are taken as
            independent by default.
    """
    near = probability_near.astype(np.float64)
    incident_near = any_of(near, exponents[0])
    if not judged.any():
        health = snapshot_pb2.FLEET_HEALTH_UNSPECIFIED
    elif incident_near > limits.critical_probability:
        health = snapshot_pb2.FLEET_HEALTH_CRITICAL
    elif incident_near > limits.warning_probability:
        health = snapshot_pb2.FLEET_HEALTH_WARNING
    else:
        health = snapshot_pb2.FLEET_HEALTH_HEALTHY
    return Environment(
        incident_probability_30m=incident_near,
        incident_probability_8h=any_of(probability_horizon, exponents[1]),
        expected_incidents_30m=float(near.sum()),
        expected_incidents_8h=float(probability_horizon.sum(dtype=np.float64)),
        high_risk_servers=int((near > limits.high_risk_probability).sum()),
        fleet_health=int(health),
    )
