"""Forecasts at rolling origins, made by the functions that serve them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from argus_server.evaluation.protocol import EvaluationError, Protocol, Rows, targets
from argus_server.forecast import calibration
from argus_server.forecast.artifact import LoadedModel
from argus_server.forecast.pipeline import Pipeline
from argus_server.metrics import METRICS, QUANTILES
from argus_server.risk.calibration import Calibrator
from argus_server.training.corpus import History

FloatArray = npt.NDArray[np.float32]

# Windows per forward pass: small enough for a CPU's caches.
_CHUNK: Final = 32


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model to be scored.

    Attributes:
        pipeline: Windows to quantiles, as it is served.
        revision: Name of the model, for the record.
        min_encoder_steps: Observed steps a server needs for a model forecast; with fewer it is not scored.
        seen: Names of the servers that its training saw, for fitting or for early stopping. A server is known by
            its name alone: another one of the same name counts as seen.
        calibrator: Corrects crossing probabilities as it is served.
    """

    pipeline: Pipeline
    revision: str
    min_encoder_steps: int
    seen: frozenset[str] = frozenset()
    calibrator: Calibrator | None = None

    @classmethod
    def of(cls, model: LoadedModel, device: str = "cpu") -> Candidate:
        """A candidate from an artifact; its network is moved to the device."""
        return cls(
            pipeline=model.pipeline.to(device),
            revision=model.revision,
            min_encoder_steps=model.min_encoder_steps,
            seen=seen_servers(model.training_info),
            calibrator=model.calibrator,
        )


@dataclass(frozen=True, slots=True)
class ServerForecasts:
    """All forecasts of one server.

    Attributes:
        name: Server name.
        profile: Index into `argus_server.profiles.PROFILES`.
        values: The whole history, float32 [steps, contract metrics], NaN where missing.
        start_ms: Start of the history's first step, Unix milliseconds UTC.
        step_seconds: Length of a step.
        origins: Index of the first unseen row of each forecast, [origins].
        quantiles: p10, p50, p90 as they are served, float32 [origins, contract metrics, horizon, 3]; NaN where
            not forecast.
        uncalibrated: The same before the bands were calibrated.
    """

    name: str
    profile: int
    values: FloatArray
    start_ms: int
    step_seconds: int
    origins: Rows
    quantiles: FloatArray
    uncalibrated: FloatArray


def seen_servers(training_info: Mapping[str, Any]) -> frozenset[str]:
    """Names of servers that an artifact's training saw, those of the model it was continued from included."""
    seen = {*training_info.get("training_servers", ()), *training_info.get("validation_servers", ())}
    parent = training_info.get("parent")
    if isinstance(parent, Mapping):
        seen |= seen_servers(parent)
    return frozenset(seen)


def choose(candidates: Sequence[Candidate], server: str) -> tuple[Candidate, bool]:
    """The first candidate that saw no server of this name, else the first one; and whether it has seen one."""
    for candidate in candidates:
        if server not in candidate.seen:
            return candidate, False
    return candidates[0], True


def protocol_of(
    candidates: Sequence[Candidate], *, test_share: float = 0.3, origin_stride: int = 1
) -> Protocol:
    """The protocol that fits the models.

    Raises:
        EvaluationError: No model, or models of different steps or horizons.
    """
    shapes = {(candidate.pipeline.step_seconds, candidate.pipeline.horizon) for candidate in candidates}
    if len(shapes) != 1:
        raise EvaluationError(
            f"models must share one step and horizon to be scored together, got {sorted(shapes)} "
            "(seconds, steps)"
        )
    step_seconds, horizon = shapes.pop()
    return Protocol(step_seconds, horizon, test_share, origin_stride)


def forecasts(candidate: Candidate, history: History, origins: Rows) -> ServerForecasts:
    """Forecast one server at each origin from what was known just before it, as a server would.

    The bands are calibrated online, from the first of the origins on.

    Args:
        candidate: The model.
        history: The server's history.
        origins: Indices of the first unseen rows, [origins], at least a horizon apart.

    Returns:
        Its forecasts; NaN at origins whose window has fewer observed steps than the model needs.

    Raises:
        ValueError: The origins are closer than a horizon: one forecast would learn from what the next must not
            know.
    """
    horizon = candidate.pipeline.horizon
    if len(origins) > 1 and np.diff(origins).min() < horizon:
        raise ValueError(f"origins must be at least {horizon} steps apart, got {np.diff(origins).min()}")
    raw = _raw_forecasts(candidate, history, origins)
    actual = targets(history.values, origins, horizon)
    return ServerForecasts(
        name=history.name,
        profile=history.profile,
        values=history.values,
        start_ms=history.start_ms,
        step_seconds=history.step_seconds,
        origins=origins,
        quantiles=_calibrated(raw, actual, history.step_seconds),
        uncalibrated=raw,
    )


def closely_spaced(candidate: Candidate, history: History, origins: Rows) -> ServerForecasts:
    """Forecasts at regular origins that are closer than a horizon.

    Bands learn from forecasts that have come true, a horizon apart. So the origins are dealt out to as many
    sequences as fit between two such, and each learns from its own past.
    """
    stride = int(np.diff(origins).min()) if len(origins) > 1 else candidate.pipeline.horizon
    sequences = min(-(-candidate.pipeline.horizon // stride), max(len(origins), 1))
    made = [forecasts(candidate, history, origins[first::sequences]) for first in range(sequences)]
    quantiles, uncalibrated = (
        np.empty((len(origins), *made[0].quantiles.shape[1:]), dtype=np.float32) for _ in range(2)
    )
    for first, part in enumerate(made):
        quantiles[first::sequences] = part.quantiles
        uncalibrated[first::sequences] = part.uncalibrated
    return replace(made[0], origins=origins, quantiles=quantiles, uncalibrated=uncalibrated)


def _raw_forecasts(candidate: Candidate, history: History, origins: Rows) -> FloatArray:
    """What the model says at each origin, [origins, metrics, horizon, 3]."""
    pipeline = candidate.pipeline
    quantiles = np.empty((len(origins), len(METRICS), pipeline.horizon, len(QUANTILES)), dtype=np.float32)
    for begin in range(0, len(origins), _CHUNK):
        chosen = origins[begin : begin + _CHUNK]
        seen = windows(history.values, chosen, pipeline.context_steps)
        result = pipeline.forecast(
            seen,
            # The window's last step is the one before the first unseen row.
            history.start_ms + (chosen - 1) * pipeline.step_seconds * 1000,
            np.full(len(chosen), history.profile, dtype=np.int8),
        )
        observed = (~np.isnan(seen)).any(axis=-1).sum(axis=-1)
        result[observed < candidate.min_encoder_steps] = np.nan
        quantiles[begin : begin + _CHUNK] = result
    return quantiles


def _calibrated(raw: FloatArray, actual: FloatArray, step_seconds: int) -> FloatArray:
    """Each forecast with the bands that the ones before it have earned.

    Args:
        raw: [origins, metrics, horizon, 3], in order of time and not overlapping.
        actual: What came, [origins, metrics, horizon].
        step_seconds: Length of a step.
    """
    factors = calibration.fresh_factors(1)
    result = np.empty_like(raw)
    for row in range(len(raw)):
        at = slice(row, row + 1)
        result[at] = calibration.adjusted(raw[at], factors, step_seconds)
        factors = calibration.learned(factors, result[at], actual[at], step_seconds)
    return result


def windows(values: FloatArray, origins: Rows, steps: int) -> FloatArray:
    """The last `steps` rows before each origin, [origins, steps, metrics], NaN before the history's start."""
    rows = origins[:, None] + np.arange(-steps, 0)
    found: FloatArray = values[np.maximum(rows, 0)]
    found[rows < 0] = np.nan
    return found
