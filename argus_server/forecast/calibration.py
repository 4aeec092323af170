"""Bands that learn from their misses, so that 80 % means 80 % on every server, metric and distance.

A model's bands fit the servers it was trained on. Here each side of each band of each server has a factor, one per
bucket of the horizon, that its width is multiplied with. When the values a forecast was made for have all been
observed, every factor is moved by how often they lay beyond its side:

    factor <- factor * exp(RATE * (share of values beyond - 0.1))

That is adaptive conformal inference (Gibbs and Candes, arXiv 2106.00172) on the logarithm of the width: in the
long run a tenth lies beyond either side, whatever the model does. Only the past is used, and the median stays.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from argus_server.forecast.frame import Forecast, Source
from argus_server.forecast.scaling import FloatArray, upper_bounds
from argus_server.metrics import METRICS, P10, P50, P90
from argus_server.window.frame import WindowFrame

_LOG: Final = logging.getLogger(__name__)

BUCKET_ENDS_MINUTES: Final = (30, 60, 120, 240, 480)
"""Ends of the buckets of the horizon; the last one reaches to the end of it."""

TAIL: Final = 0.1
"""Share of values that shall lie beyond either side."""

RATE: Final = 0.5
"""How fast a factor learns; the best of 0.2, 0.5 and 1 on real servers that no model had seen."""

_LIMITS: Final = (0.2, 5.0)
_FORMAT: Final = 1


def buckets(horizon: int, step_seconds: int) -> npt.NDArray[np.intp]:
    """Bucket of each step of the horizon, [horizon]."""
    minutes = np.arange(1, horizon + 1) * (step_seconds / 60.0)
    return np.searchsorted(BUCKET_ENDS_MINUTES[:-1], minutes, side="left")


def fresh_factors(servers: int) -> FloatArray:
    """Factors that change nothing, [servers, metrics, buckets, 2]."""
    return np.ones((servers, len(METRICS), len(BUCKET_ENDS_MINUTES), 2), dtype=np.float32)


def adjusted(quantiles: FloatArray, factors: FloatArray, step_seconds: int) -> FloatArray:
    """Widen or narrow bands around their medians.

    Args:
        quantiles: [servers, metrics, horizon, 3], in real units.
        factors: [servers, metrics, buckets, 2]: below and above the median.
        step_seconds: Length of a step.

    Returns:
        Quantiles of the same shape, within each metric's range.
    """
    of_step = factors[:, :, buckets(quantiles.shape[2], step_seconds)]  # [servers, metrics, horizon, 2]
    median = quantiles[..., P50]
    result = quantiles.copy()
    result[..., P10] = np.maximum(median - of_step[..., 0] * (median - quantiles[..., P10]), 0.0)
    above = median + of_step[..., 1] * (quantiles[..., P90] - median)
    result[..., P90] = np.minimum(above, np.maximum(upper_bounds()[:, None], median))
    return result


def learned(factors: FloatArray, quantiles: FloatArray, actual: FloatArray, step_seconds: int) -> FloatArray:
    """Factors after a forecast was compared with what came.

    Args:
        factors: [servers, metrics, buckets, 2], those that the forecast was made with.
        quantiles: The forecast, [servers, metrics, horizon, 3].
        actual: What was observed, [servers, metrics, horizon], NaN where nothing was.
        step_seconds: Length of a step.

    Returns:
        [servers, metrics, buckets, 2]; a bucket that was observed for less than half keeps its factors.
    """
    known = ~np.isnan(actual) & ~np.isnan(quantiles[..., P50])
    with np.errstate(invalid="ignore"):
        beyond = np.stack((actual < quantiles[..., P10], actual > quantiles[..., P90]), axis=-1)
    of_step = buckets(actual.shape[-1], step_seconds)
    starts = np.flatnonzero(np.diff(of_step, prepend=-1))
    counted = np.add.reduceat(known, starts, axis=-1, dtype=np.float32)  # [servers, metrics, buckets]
    missed = np.add.reduceat(beyond & known[..., None], starts, axis=-2, dtype=np.float32)
    share = missed / np.maximum(counted, 1.0)[..., None]
    present = of_step[starts]
    result = factors.copy()
    moved = factors[:, :, present] * np.exp(np.float32(RATE) * (share - np.float32(TAIL)))
    enough = counted * 2 >= np.bincount(of_step)[present]
    result[:, :, present] = np.where(enough[..., None], moved.clip(*_LIMITS), factors[:, :, present])
    return result


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A forecast that waits to be compared: names [servers], quantiles as served, start of its last known step."""

    names: tuple[str, ...]
    quantiles: FloatArray
    origin_ms: int


class BandCalibration:
    """The factors of a fleet: applied at every tick, taught once per horizon.

    One forecast is remembered at a time, 16 KB per server; when all of it has come true or not, the factors learn and
    the next one is remembered. A new model starts with fresh factors. Used by one thread, but for `dump`.

    Attributes:
        changed: Called when there is something new to `dump`; set before the first forecast.
    """

    def __init__(self) -> None:
        self._revision = ""
        # Never changed in place, so that another thread may look at it.
        self._factors: dict[str, FloatArray] = {}
        self._remembered: _Remembered | None = None
        self.changed: Callable[[], None] = lambda: None

    @property
    def name(self) -> str:
        """What its state is called in a checkpoint."""
        return "band-calibration"

    def calibrate(self, frame: WindowFrame, forecast: Forecast) -> Forecast:
        """The forecast with the bands that each server has earned.

        Args:
            frame: The window that the forecast was made from.
            forecast: Its rows from a model are calibrated; others stay as they are.
        """
        if forecast.model_revision != self._revision:
            self._remembered = None
            self._factors = {}
            self._revision = forecast.model_revision
        rows = np.flatnonzero(forecast.sources == Source.TFT)
        if not len(rows):
            return forecast
        self._learn(frame)
        names = [frame.server_names[row] for row in rows.tolist()]
        if any(name in self._factors for name in names):
            quantiles = forecast.quantiles.copy()
            quantiles[rows] = adjusted(forecast.quantiles[rows], self._of(names), forecast.step_seconds)
            forecast = replace(forecast, quantiles=quantiles)
        if self._remembered is None:
            self._remembered = _Remembered(tuple(names), forecast.quantiles[rows], forecast.origin_ms)
            self.changed()
        return forecast

    def _learn(self, frame: WindowFrame) -> None:
        """Compare the remembered forecast with the window, if all its steps are complete by now."""
        remembered = self._remembered
        if remembered is None:
            return
        horizon = remembered.quantiles.shape[2]
        passed = (frame.origin_ms - remembered.origin_ms) // (1000 * frame.step_seconds)
        # The window's last step may still be filling.
        if 0 <= passed <= horizon:
            return
        self._remembered = None
        first = frame.values.shape[1] - passed
        if passed < 0 or first < 0:
            _LOG.warning("time jumped by %d steps; nothing is learned from the forecast before it", passed)
            return
        rows_now = {name: row for row, name in enumerate(frame.server_names)}
        kept = [row for row, name in enumerate(remembered.names) if name in rows_now]
        names = [remembered.names[row] for row in kept]
        now = [rows_now[name] for name in names]
        actual = frame.values[now, first : first + horizon].transpose(0, 2, 1)
        factors = learned(self._of(names), remembered.quantiles[kept], actual, frame.step_seconds)
        # Servers that left are forgotten.
        kept_factors = {name: value for name, value in self._factors.items() if name in rows_now}
        self._factors = {**kept_factors, **dict(zip(names, factors, strict=True))}

    def _of(self, names: Sequence[str]) -> FloatArray:
        factors = fresh_factors(len(names))
        for row, name in enumerate(names):
            known = self._factors.get(name)
            if known is not None:
                factors[row] = known
        return factors

    def dump(self) -> bytes:
        """The factors and the forecast that waits to be compared, for `load`."""
        factors, remembered = self._factors, self._remembered
        facts: dict[str, Any] = {
            "format_version": _FORMAT,
            "model_revision": self._revision,
            "bucket_ends_minutes": list(BUCKET_ENDS_MINUTES),
            "metrics": list(METRICS),
            "servers": list(factors),
        }
        arrays = {"factors": np.stack([*factors.values(), *fresh_factors(1)])[: len(factors)]}
        if remembered is not None:
            facts["remembered"] = {"servers": list(remembered.names), "origin_ms": remembered.origin_ms}
            arrays["quantiles"] = np.ascontiguousarray(remembered.quantiles)
        return safetensors.numpy.save(arrays, {"facts": json.dumps(facts)})

    def load(self, data: bytes) -> None:
        """Becomes what `dump` gave; if that is not for these metrics and buckets, starts afresh and says so."""
        try:
            self._load(data)
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
            _LOG.warning("the calibration of the bands cannot be used and starts afresh: %s", error)

    def _load(self, data: bytes) -> None:
        arrays = safetensors.numpy.load(data)
        length = int.from_bytes(data[:8], "little")
        facts: dict[str, Any] = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["facts"])
        expected = (_FORMAT, list(BUCKET_ENDS_MINUTES), list(METRICS))
        if (facts["format_version"], facts["bucket_ends_minutes"], facts["metrics"]) != expected:
            raise ValueError("made for other metrics or buckets")
        low, high = _LIMITS
        factors = arrays["factors"].astype(np.float32)
        if factors.shape != fresh_factors(len(facts["servers"])).shape:
            raise ValueError(f"factors have shape {factors.shape}")
        if not ((low <= factors) & (factors <= high)).all():
            raise ValueError(f"a factor is not within {low} to {high}")
        remembered = None
        if (noted := facts.get("remembered")) is not None:
            quantiles = arrays["quantiles"]
            if quantiles.ndim != 4 or quantiles.shape[:2] != (len(noted["servers"]), len(METRICS)):
                raise ValueError(f"the remembered forecast has shape {quantiles.shape}")
            remembered = _Remembered(tuple(noted["servers"]), quantiles, int(noted["origin_ms"]))
        self._revision = str(facts["model_revision"])
        self._factors = dict(zip(facts["servers"], factors, strict=True))
        self._remembered = remembered
