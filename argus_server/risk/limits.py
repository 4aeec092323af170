"""Thresholds of metrics, as what draws them needs them: by profile and server, in the metric's own unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus.v1 import admin_pb2
from argus_server.metrics import METRICS
from argus_server.profiles import PROFILES
from argus_server.risk.tables import Limits, RiskTables, Threshold

Floats = npt.NDArray[np.float32]

_UNITS: Final = {"_pct": "%", "_mb_s": "MB/s", "_days": "days"}


@dataclass(frozen=True, slots=True)
class MetricLimits:
    """Thresholds of every metric on every kind of server.

    Attributes:
        warning: float32 [profiles, metrics], per core where `per_core` says so; NaN where there is none.
        critical: The same.
        per_core: bool [metrics].
    """

    warning: Floats
    critical: Floats
    per_core: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, tables: RiskTables) -> MetricLimits:
        """Reads the tables."""
        warning = np.full((len(PROFILES), len(METRICS)), np.nan, dtype=np.float32)
        critical = warning.copy()
        per_core = np.zeros(len(METRICS), dtype=np.bool_)
        for metric, threshold in tables.thresholds.items():
            held = [threshold.of(profile) for profile in range(len(PROFILES))]
            warning[:, metric] = [limits.warning for limits in held]
            critical[:, metric] = [limits.critical for limits in held]
            per_core[metric] = threshold.per_core
        return cls(warning, critical, per_core)

    def of_servers(
        self, metrics: npt.NDArray[np.intp], profiles: npt.NDArray[np.int8], cores: Floats
    ) -> tuple[Floats, Floats]:
        """Warning and critical threshold of one metric of each server, float32 [servers] each; NaN for none.

        Args:
            metrics: Indices into `METRICS`, [servers].
            profiles: Indices into `PROFILES`, [servers].
            cores: [servers]; NaN or not positive where unknown, which leaves limits per core without meaning.
        """
        known = np.where(cores > 0, cores, np.float32(np.nan))
        factor = np.where(self.per_core[metrics], known, np.float32(1.0))
        return factor * self.warning[profiles, metrics], factor * self.critical[profiles, metrics]


def threshold_messages(tables: RiskTables) -> list[admin_pb2.MetricThreshold]:
    """Every threshold of the tables, in contract order of the metrics, the general one of each first."""
    return [
        admin_pb2.MetricThreshold(
            metric=metric + 1,  # type: ignore[arg-type]
            profile=profile,
            warning=limits.warning,
            critical=limits.critical,
            unit=next((unit for ending, unit in _UNITS.items() if METRICS[metric].endswith(ending)), ""),
            low_is_bad=threshold.low_is_bad,
            per_core=threshold.per_core,
        )
        for metric, threshold in sorted(tables.thresholds.items())
        for profile, limits in _by_profile(threshold)
    ]


def _by_profile(threshold: Threshold) -> Iterator[tuple[str, Limits]]:
    yield "", threshold.limits
    for profile, limits in sorted(threshold.profiles.items()):
        yield PROFILES[profile], limits
