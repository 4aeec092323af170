"""The outlook of a server: the metric that matters most, its last hours and the band of the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from argus.v1 import snapshot_pb2
from argus_client._enums import metric_name


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What a row of a table draws of a server: few points, ready to show. The arrays are read-only float32.

    Attributes:
        metric: Name of the metric that matters most: that of the first expected breach, else of the weightiest cause,
            else `cpu_user_pct`. It may be another in the next snapshot.
        history_step_seconds: Seconds between two items of `history`.
        history: Step means in the metric's unit, oldest first, [36]: the last one is the step that starts at the
            header's `forecast_origin_ms`. NaN where nothing was measured: draw a gap.
        band_step_seconds: Seconds between two items of a band.
        p10: Tenth percentile, [32] with a horizon of 96 steps; item i lies `(i + 1) * band_step_seconds` after the
            origin. Empty, like the others, where there is no forecast.
        p50: Median, the same.
        p90: Ninetieth percentile, the same.
        warning: Threshold of this metric on this server; above `critical` when small values are the bad ones. None,
            like `critical`, where none holds.
        critical: The same.
    """

    metric: str
    history_step_seconds: int
    history: NDArray[np.float32]
    band_step_seconds: int
    p10: NDArray[np.float32]
    p50: NDArray[np.float32]
    p90: NDArray[np.float32]
    warning: float | None
    critical: float | None

    def history_times_ms(self, forecast_origin_ms: int) -> NDArray[np.int64]:
        """When the items of `history` start: Unix milliseconds UTC, int64 [36], from the header's origin."""
        back = np.arange(1 - len(self.history), 1, dtype=np.int64)
        return forecast_origin_ms + 1000 * self.history_step_seconds * back

    def band_times_ms(self, forecast_origin_ms: int) -> NDArray[np.int64]:
        """When the items of the band start: Unix milliseconds UTC, int64 [32], from the header's origin."""
        ahead = np.arange(1, len(self.p50) + 1, dtype=np.int64)
        return forecast_origin_ms + 1000 * self.band_step_seconds * ahead

    @staticmethod
    def from_proto(message: snapshot_pb2.Outlook) -> Outlook | None:
        """Reads a message; None when it is about a metric that only a newer server knows."""
        if not (metric := metric_name(message.metric)):
            return None
        return Outlook(
            metric,
            message.history_step_seconds,
            read_only(message.history),
            message.band_step_seconds,
            read_only(message.p10),
            read_only(message.p50),
            read_only(message.p90),
            message.warning if message.HasField("warning") else None,
            message.critical if message.HasField("critical") else None,
        )


def read_only(values: Any) -> NDArray[np.float32]:
    """A field of floats as an array nobody can change."""
    array = np.asarray(values, np.float32)
    array.flags.writeable = False
    return array
