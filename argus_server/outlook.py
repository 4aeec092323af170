"""The outlook of each server: the one metric a table draws of it, and that metric's last hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from argus_server.metrics import METRIC_INDEX, P50
from argus_server.risk.frame import RiskFrame
from argus_server.risk.limits import MetricLimits
from argus_server.risk.tables import RiskTables
from argus_server.window.frame import WindowFrame

Floats = npt.NDArray[np.float32]
MetricNumbers = npt.NDArray[np.uint8]

HISTORY_STEPS: Final = 36
BAND_POINTS: Final = 32

# A metric that is a cause stays until another has more than twice its points: near-equal causes swap places often.
_STAYS_FROM_SHARE: Final = 0.5
# A metric that is a cause no more stays for a while: a cause at the edge of its points comes and goes.
_STAYS_MS: Final = 30 * 60_000
_QUIET_METRIC: Final = np.uint8(METRIC_INDEX["cpu_user_pct"] + 1)


@dataclass(frozen=True, slots=True)
class OutlookFrame:
    """What a frame carries for the outlooks of its servers; their bands are read off its forecast.

    Attributes:
        metrics: `argus.v1.Metric` number per server, uint8 [servers]; never 0.
        history: Step means up to the frame's origin, oldest first, float32 [servers, HISTORY_STEPS]; NaN where nothing
            was measured.
        warning: Threshold of the metric in its unit, float32 [servers]; NaN where none holds.
        critical: The same.
    """

    metrics: MetricNumbers
    history: Floats
    warning: Floats
    critical: Floats

    @classmethod
    def empty(cls, servers: int) -> OutlookFrame:
        """Of servers that nothing is known about."""
        none = np.full(servers, np.nan, dtype=np.float32)
        history = np.full((servers, HISTORY_STEPS), np.nan, dtype=np.float32)
        return cls(np.full(servers, _QUIET_METRIC), history, none, none)

    def take(self, rows: npt.NDArray[np.int64]) -> OutlookFrame:
        """The servers of these rows, in this order."""
        return OutlookFrame(self.metrics[rows], self.history[rows], self.warning[rows], self.critical[rows])

    def same(
        self, rows: npt.NDArray[np.int64], other: OutlookFrame, places: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Whether each of `rows` is bit for bit what is in the same position of `places` of another frame."""
        equal: npt.NDArray[np.bool_] = self.metrics[rows] == other.metrics[places]
        for own, its in ((self.warning, other.warning), (self.critical, other.critical)):
            equal &= own[rows].view(np.int32) == its[places].view(np.int32)
        equal &= (self.history[rows].view(np.int32) == other.history[places].view(np.int32)).all(axis=1)
        return equal


def band_stride(horizon: int) -> int:
    """Forecast steps from one point of a band to the next, so that at most BAND_POINTS span the horizon."""
    return max(1, -(-horizon // BAND_POINTS))


class Outlooks:
    """Chooses the metrics of a set of servers and gathers what a frame carries of them.

    Remembers from tick to tick which metric each server was shown with; `argus.v1.Outlook` tells the rule. A restart
    forgets it.

    Args:
        tables: Hold the thresholds.
    """

    def __init__(self, tables: RiskTables) -> None:
        self._limits = MetricLimits.of(tables)
        self._names: tuple[str, ...] = ()
        self._shown: MetricNumbers = np.zeros(0, dtype=np.uint8)
        self._named_at_ms: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def gather(
        self, window: WindowFrame, quantiles: Floats, risk: RiskFrame, cores: Floats, now_ms: int
    ) -> OutlookFrame:
        """The outlooks of one tick.

        Args:
            window: The past of the servers.
            quantiles: Their forecasts, [servers, metrics, horizon, 3].
            risk: Their breaches and causes.
            cores: CPU cores, [servers]; NaN where unknown.
            now_ms: The tick's clock, Unix milliseconds UTC.
        """
        measured = ~np.isnan(quantiles[:, :, 0, P50])  # [servers, metrics]
        metrics = self._choose(window.server_names, risk, measured, now_ms)
        columns = metrics.astype(np.intp) - 1
        recent = window.values[:, -HISTORY_STEPS:]
        history = np.full((len(metrics), HISTORY_STEPS), np.nan, dtype=np.float32)
        history[:, HISTORY_STEPS - recent.shape[1] :] = np.take_along_axis(
            recent, columns[:, None, None], axis=2
        )[:, :, 0]
        warning, critical = self._limits.of_servers(columns, window.profiles, cores)
        return OutlookFrame(metrics, history, warning, critical)

    def _choose(
        self, names: tuple[str, ...], risk: RiskFrame, measured: npt.NDArray[np.bool_], now_ms: int
    ) -> MetricNumbers:
        shown, named_at_ms = self._remembered(names)
        points = np.where(risk.cause_metrics == shown[:, None], risk.cause_points, 0).max(axis=1, initial=0)
        stays = (shown > 0) & (points > 0) & (points >= _STAYS_FROM_SHARE * risk.cause_points[:, 0])
        named = np.where(
            risk.breach_metrics > 0, risk.breach_metrics, np.where(stays, shown, risk.cause_metrics[:, 0])
        )
        named_at_ms = np.where(named > 0, now_ms, named_at_ms)
        lingers = (shown > 0) & (now_ms - named_at_ms <= _STAYS_MS)
        chosen = np.where(named > 0, named, np.where(lingers, shown, 0)).astype(np.uint8)
        self._names, self._shown, self._named_at_ms = names, chosen, named_at_ms
        return np.where(_holds(measured, chosen), chosen, _quiet_metrics(measured))

    def _remembered(self, names: tuple[str, ...]) -> tuple[MetricNumbers, npt.NDArray[np.int64]]:
        """What these servers were shown with and when that was last named; 0 for new ones."""
        if names == self._names:
            return self._shown, self._named_at_ms
        rows = {name: row for row, name in enumerate(self._names)}
        before = np.array([rows.get(name, -1) for name in names], dtype=np.int64)
        # The last place, which -1 finds, stands for servers that are new.
        shown = np.append(self._shown, np.uint8(0))[before]
        return shown, np.append(self._named_at_ms, np.int64(0))[before]


def _holds(measured: npt.NDArray[np.bool_], metrics: MetricNumbers) -> npt.NDArray[np.bool_]:
    """Whether each server measures its metric; never for number 0."""
    rows = np.arange(len(metrics))
    holds: npt.NDArray[np.bool_] = (metrics > 0) & measured[rows, metrics.astype(np.intp) - 1]
    return holds


def _quiet_metrics(measured: npt.NDArray[np.bool_]) -> MetricNumbers:
    """What a server is shown with while nothing is the matter: of one that measures nothing, CPU too."""
    preferred = measured[:, _QUIET_METRIC - 1] | ~measured.any(axis=1)
    first = measured.argmax(axis=1) + 1
    return np.where(preferred, _QUIET_METRIC, first).astype(np.uint8)
