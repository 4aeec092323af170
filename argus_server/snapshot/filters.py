"""What part of a snapshot a reader wants, as a hashable value that readers with the same wish share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from argus.v1 import snapshot_pb2
from argus_server.errors import InvalidArgument
from argus_server.profiles import PROFILE_INDEX


@dataclass(frozen=True, slots=True)
class Filter:
    """A canonical `argus.v1.SnapshotFilter`.

    Attributes:
        servers: Names; empty means all.
        profiles: Profile names; empty means all.
        metrics: `argus.v1.Metric` numbers whose forecasts are wanted; empty means all.
        min_risk: Least risk score.
        view: `argus.v1.SnapshotView` number, never UNSPECIFIED.
        outlook: Whether outlooks are wanted.
    """

    servers: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    metrics: frozenset[int] = frozenset()
    min_risk: float = 0.0
    view: int = snapshot_pb2.SNAPSHOT_VIEW_SUMMARY
    outlook: bool = False

    @classmethod
    def from_proto(cls, message: snapshot_pb2.SnapshotFilter) -> Self:
        """Reads a filter.

        Raises:
            InvalidArgument: It names a profile that does not exist, or metric 0.
        """
        if unknown := sorted(set(message.profiles) - set(PROFILE_INDEX)):
            raise InvalidArgument(
                f"unknown profile {', '.join(map(repr, unknown))}; known are {', '.join(PROFILE_INDEX)}",
                field="filter.profiles",
            )
        if 0 in message.metrics:
            raise InvalidArgument(
                "METRIC_UNSPECIFIED is no metric; leave the list empty for all", field="filter.metrics"
            )
        return cls(
            servers=frozenset(message.servers),
            profiles=frozenset(message.profiles),
            metrics=frozenset(message.metrics),
            min_risk=message.min_risk,
            view=message.view or snapshot_pb2.SNAPSHOT_VIEW_SUMMARY,
            outlook=message.outlook,
        )

    @property
    def profile_indices(self) -> npt.NDArray[np.int8]:
        return np.array([PROFILE_INDEX[name] for name in self.profiles], dtype=np.int8)
