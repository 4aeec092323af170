"""What a window knows about each server now, as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class ServerTable:
    """One row per server, in the window's row order.

    Attributes:
        names: One per row.
        profiles: Index into `argus_server.profiles.PROFILES`, int8 [servers].
        last_sample_ms: Newest sample that measured anything, Unix milliseconds UTC, int64 [servers]; 0 when
            none did.
        states: `argus.v1.ServerState` number of the newest sample that measured anything or gave a state,
            uint8 [servers]; 0 when it gave none.
        observed_steps: Measured steps among those the window keeps of the server, int32 [servers].
        current: Newest mean of each metric that is at most 3 steps older than the clock's step, float32
            [servers, metrics]; NaN when there is none. The step may still be filling.
    """

    names: tuple[str, ...]
    profiles: npt.NDArray[np.int8]
    last_sample_ms: npt.NDArray[np.int64]
    states: npt.NDArray[np.uint8]
    observed_steps: npt.NDArray[np.int32]
    current: npt.NDArray[np.float32]
