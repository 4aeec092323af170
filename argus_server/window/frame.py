"""What a window hands to the forecast: the recent past of a set of servers on one time grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class WindowFrame:
    """The last `steps` steps of every server, aligned so that all rows end at the same step.

    Attributes:
        server_names: One name per row.
        values: Step means, oldest first, float32 [servers, steps, metrics]; NaN where nothing was measured.
            The last column is the step that starts at `origin_ms`; it may still be filling.
        origin_ms: Start of the last step, Unix milliseconds UTC. Forecast step i lies at
            `origin_ms + i * step_seconds * 1000`, i = 1..horizon.
        step_seconds: Length of a step.
        profiles: Index into `argus_server.profiles.PROFILES`, int8 [servers].
        observed_steps: Steps of the window in which the server measured anything, int32 [servers].
    """

    server_names: tuple[str, ...]
    values: npt.NDArray[np.float32]
    origin_ms: int
    step_seconds: int
    profiles: npt.NDArray[np.int8]
    observed_steps: npt.NDArray[np.int32]
