"""What a shard hands over per tick: the whole state of its servers as columns, one row per server.

Everything above a shard works from these frames and never reaches into a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from argus_server.forecast.frame import Forecast
from argus_server.outlook import OutlookFrame
from argus_server.risk.frame import RiskFrame


@dataclass(frozen=True, slots=True)
class FleetFrame:
    """One tick of a set of servers.

    Attributes:
        server_names: One per row.
        profiles: Index into `argus_server.profiles.PROFILES`, int8 [servers].
        states: `argus.v1.ServerState` numbers, uint8 [servers]; never UNSPECIFIED.
        states_derived: True where the source sends no state, bool [servers].
        last_sample_ms: Newest sample, Unix milliseconds UTC, int64 [servers].
        observed_steps: Steps of the window with any measurement, int32 [servers].
        silent: True where the server stopped sending, bool [servers].
        current: Newest step means, float32 [servers, metrics]; NaN where not measured.
        forecast: Quantiles and their sources.
        risk: Scores, causes, breaches and the fleet's probabilities.
        outlook: The metric that matters most for each server, and its last hours.
        clock_ms: The clock the tick went by, Unix milliseconds UTC.
        required_steps: Steps a server needs for a model forecast.
        phase_seconds: Time spent per phase of the tick.
    """

    server_names: tuple[str, ...]
    profiles: npt.NDArray[np.int8]
    states: npt.NDArray[np.uint8]
    states_derived: npt.NDArray[np.bool_]
    last_sample_ms: npt.NDArray[np.int64]
    observed_steps: npt.NDArray[np.int32]
    silent: npt.NDArray[np.bool_]
    current: npt.NDArray[np.float32]
    forecast: Forecast
    risk: RiskFrame
    outlook: OutlookFrame
    clock_ms: int
    required_steps: int
    phase_seconds: dict[str, float]
