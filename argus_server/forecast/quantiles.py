"""From model output to quantiles a reader can rely on: real units, in range, never crossing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from argus_server.forecast.features import MODELLED, MODELLED_COLUMNS
from argus_server.forecast.scaling import LIMIT, FloatArray, Scaling, upper_bounds
from argus_server.metrics import METRIC_INDEX, METRICS

_UPTIME = METRIC_INDEX["uptime_days"]
_SECONDS_PER_DAY = 86_400.0


def to_real_units(output: Tensor, scaling: Scaling) -> Tensor:
    """Undo the scaling and put the quantiles in order and in range.

    Args:
        output: Model output [series, horizon, 1, quantiles] for series [servers x modelled metrics]; reused.
        scaling: The scaling of those windows, [servers, modelled metrics].

    Returns:
        [servers, modelled metrics, horizon, quantiles] in real units.
    """
    servers, metrics = scaling.center.shape
    values = output.view(servers, metrics, output.shape[1], output.shape[3])
    low, middle, high = values.unbind(dim=-1)
    # Three values are sorted by minima and maxima; rearranged quantiles never score worse than crossing ones.
    bottom = torch.minimum(low, high)
    top = torch.maximum(low, high)
    ordered = torch.stack(
        (
            torch.minimum(bottom, middle),
            torch.maximum(bottom, torch.minimum(top, middle)),
            torch.maximum(top, middle),
        ),
        dim=-1,
    )
    scale = torch.from_numpy(scaling.scale).to(output.device)[:, :, None, None]
    center = torch.from_numpy(scaling.center).to(output.device)[:, :, None, None]
    real = ordered.clamp_(-LIMIT, LIMIT).sinh_().mul_(scale).add_(center)
    upper = torch.from_numpy(upper_bounds(MODELLED)).to(output.device)[None, :, None, None]
    return torch.minimum(real.clamp_(min=0.0), upper)


def assemble(modelled: FloatArray, window: FloatArray, step_seconds: int) -> FloatArray:
    """Put the modelled metrics in contract order and add what needs no model.

    Args:
        modelled: [servers, modelled metrics, horizon, quantiles].
        window: The window it came from, [servers, steps, metrics].
        step_seconds: Length of a step.

    Returns:
        [servers, metrics, horizon, quantiles], NaN for metrics that the window never measured.
    """
    servers, _, horizon, levels = modelled.shape
    result = np.empty((servers, len(METRICS), horizon, levels), dtype=np.float32)
    result[:, MODELLED_COLUMNS] = modelled
    result[:, _UPTIME] = uptime(window[:, :, _UPTIME], horizon, step_seconds)[:, :, None]
    result[np.isnan(window).all(axis=1)] = np.nan
    return result


def uptime(window: FloatArray, horizon: int, step_seconds: int) -> FloatArray:
    """Uptime keeps counting: last observed value plus elapsed time, in days.

    Args:
        window: [servers, steps], NaN where missing.
        horizon: Future steps.
        step_seconds: Length of a step.

    Returns:
        [servers, horizon], NaN for a server that never reported it.
    """
    steps = window.shape[1]
    known = ~np.isnan(window)
    last = steps - 1 - np.argmax(known[:, ::-1], axis=1)
    value = window[np.arange(len(window)), last]  # NaN when nothing is known
    elapsed = (steps - 1 - last)[:, None] + np.arange(1, horizon + 1)[None, :]
    days: FloatArray = (value[:, None] + elapsed * (step_seconds / _SECONDS_PER_DAY)).astype(np.float32)
    return days
