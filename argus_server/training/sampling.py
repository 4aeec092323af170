"""Random training windows: tensors straight from the corpus, with the damage that serving will meet.

A window keeps between `min_encoder_steps` and all steps of its past, loses readings at random, in gaps and at
its end, and forgets its calendar, profile or metric name now and then, so that one model serves servers that
warm up, lag, or were never seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from argus_server.forecast import features, scaling, series_view
from argus_server.forecast.features import MODELLED, MODELLED_COLUMNS, FeatureSchema
from argus_server.forecast.tft import TFTInputs
from argus_server.metrics import METRICS
from argus_server.profiles import PROFILES
from argus_server.training.corpus import History

# Draws without a single usable series; even sparse servers give one in a few.
_MOST_FRUITLESS: Final = 1_000


class Batch(NamedTuple):
    """One training step.

    Attributes:
        inputs: Model inputs with leading dimensions [series, 1].
        target: Scaled future [series, horizon].
        observed: 1 where the target was measured, else 0; [series, horizon].
    """

    inputs: TFTInputs
    target: Tensor
    observed: Tensor


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """How windows are drawn and damaged. Probabilities are per window unless said otherwise.

    Attributes:
        series: Series per batch.
        min_encoder_steps: Shortest past that is kept.
        truncation: Probability of a shortened past.
        missing: Probability of readings lost at random (2 to 20 % of them).
        gap: Probability of a gap of up to 4 hours.
        lag: Probability of a silent end of up to 30 minutes.
        metric_loss: Probability of losing a random half of the metrics.
        hide_calendar: Probability of an unknown clock.
        hide_profile: Probability of an unknown profile.
        hide_metric: Probability, per series, of an unknown metric name.
        constant_share: Share of series that are kept when past and future are one constant.
        idle_share: Share of cpu_idle_pct series that are kept, since it mirrors the other CPU columns.
        source_power: A file is drawn with probability proportional to its server-steps to this power.
        source_weights: Probability weights of files by the stem of their name, instead; all files or none.
    """

    series: int = 1024
    min_encoder_steps: int = 24
    truncation: float = 0.3
    missing: float = 0.15
    gap: float = 0.1
    lag: float = 0.1
    metric_loss: float = 0.15
    hide_calendar: float = 0.5
    hide_profile: float = 0.3
    hide_metric: float = 0.05
    constant_share: float = 0.1
    idle_share: float = 0.3
    source_power: float = 0.5
    source_weights: tuple[tuple[str, float], ...] = ()


class WindowSampler(IterableDataset[Batch]):
    """An endless-looking data set: each pass yields `batches` fresh random batches.

    Args:
        histories: Servers to draw windows from, from steps before their boundaries.
        schema: The model's feature schema.
        config: How windows are drawn and damaged.
        batches: Batches of a pass.
        seed: Decides, with the number of the pass, what is drawn.
        damage: Whether windows are damaged.
        fixed: Whether all passes draw the same.
        first_pass: Number of the first pass: a resumed training goes on with the one it was at.

    Raises:
        ValueError: No server is long enough, nothing was measured, or weights do not fit the files.
    """

    def __init__(
        self,
        histories: Sequence[History],
        schema: FeatureSchema,
        config: SamplingConfig,
        *,
        batches: int,
        seed: int,
        damage: bool = True,
        fixed: bool = False,
        first_pass: int = 0,
    ) -> None:
        usable = [
            h
            for h in histories
            if h.boundary >= max(h.first_target, config.min_encoder_steps) + schema.horizon
        ]
        if not usable:
            raise ValueError(
                f"no server has {config.min_encoder_steps + schema.horizon} training steps; "
                "give longer histories"
            )
        if not any(_measured(h) for h in usable):
            sources = ", ".join(sorted({h.source for h in usable}))
            raise ValueError(
                f"no training row of {sources} has a reading of a metric that is forecast; "
                "is what was measured in columns of other names?"
            )
        self._schema, self._config, self._batches = schema, config, batches
        self._seed, self._damage, self._fixed = seed, damage, fixed
        self._pass = first_pass
        self._values = [h.values[: h.boundary] for h in usable]
        self._lengths = np.array([h.boundary for h in usable], dtype=np.int64)
        self._first_target = np.array([h.first_target for h in usable], dtype=np.int64)
        self._start_ms = np.array([h.start_ms for h in usable], dtype=np.int64)
        self._profiles = np.array([h.profile for h in usable], dtype=np.int8)
        self._probability = _server_probability(usable, config)
        live = np.array([(~np.isnan(h.values[: h.boundary])).any(axis=0).sum() for h in usable])
        self._series_per_window = max(float((self._probability * live).sum()) * 0.5, 0.5)

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        pass_ = 0 if self._fixed else self._pass
        self._pass += 1
        for index in range(number, self._batches, workers):
            # A batch is the same whichever process draws it.
            yield self._batch(np.random.default_rng((self._seed, pass_, index)))

    def _batch(self, rng: np.random.Generator) -> Batch:
        parts: list[Batch] = []
        count = fruitless = 0
        while count < self._config.series:
            part = self._draw(rng, int((self._config.series - count) / self._series_per_window) + 8)
            if part is not None:
                parts.append(part)
                count += len(part.target)
            elif (fruitless := fruitless + 1) > _MOST_FRUITLESS:
                raise ValueError(
                    f"{_MOST_FRUITLESS} draws of windows found no series with readings to learn from; "
                    "are the metrics measured at all?"
                )
        return _take(_concatenate(parts), self._config.series)

    def _draw(self, rng: np.random.Generator, windows: int) -> Batch | None:
        schema, config = self._schema, self._config
        server = rng.choice(len(self._lengths), size=windows, p=self._probability)
        low = config.min_encoder_steps
        # The origin is the last past step; a future of `horizon` steps must fit behind it.
        earliest = np.maximum(self._first_target[server], low) - 1
        choices = self._lengths[server] - schema.horizon - earliest
        origin = earliest + (rng.random(windows) * choices).astype(np.int64)
        rows = self._rows(server, origin)
        past = rows[:, : schema.context_steps]
        step_ms = schema.step_seconds * 1000
        origin_ms = self._start_ms[server] + origin * step_ms
        profiles = self._profiles[server]
        if self._damage:
            self._damage_rows(rng, past)
            origin_ms = np.where(rng.random(windows) < config.hide_calendar, -1, origin_ms)
            profiles = np.where(rng.random(windows) < config.hide_profile, len(PROFILES), profiles)

        # Series that were observed at all: [live, context_steps], by window and modelled metric.
        observed_past = (~np.isnan(past[:, -schema.encoder_steps :])).sum(axis=1)[:, MODELLED_COLUMNS]
        window, metric = np.nonzero(observed_past > 0)
        if len(window) == 0:
            return None
        view = series_view.look(
            schema,
            np.ascontiguousarray(past[window, :, MODELLED_COLUMNS[metric]]),
            scaling.floors_of(MODELLED)[metric],
        )
        future = rows[window, schema.context_steps :, MODELLED_COLUMNS[metric]]
        target = scaling.to_model_space(future, view.scaling.center, view.scaling.scale)
        observed = ~np.isnan(target)
        moving = (np.nanstd(np.where(observed, target, 0.0), axis=-1) > 1e-6) | (
            view.own[..., : schema.patch_length].std(axis=(1, 2)) > 1e-6
        )
        chance = np.where(moving, 1.0, config.constant_share)
        chance[metric == MODELLED.index("cpu_idle_pct")] *= config.idle_share
        keep = (observed.sum(axis=-1) >= schema.horizon // 4) & (observed_past[window, metric] >= low // 2)
        kept = np.flatnonzero(keep & (rng.random(len(keep)) < chance))
        if len(kept) == 0:
            return None
        tokens = schema.encoder_tokens
        server_view = np.zeros((windows, tokens, 2 * len(MODELLED)), np.float32)
        server_view[window, :, metric] = view.patch_means
        server_view[window, :, len(MODELLED) + metric] = view.patch_shares
        known_metric = metric[kept].copy()
        if self._damage:
            known_metric[rng.random(len(kept)) < config.hide_metric] = len(MODELLED)
        codes = np.stack((known_metric, profiles[window[kept]].astype(np.int64)), axis=-1)
        past_calendar, future_calendar = features.calendar(schema, origin_ms)
        inputs = view.inputs(
            lambda x: x[kept][:, None],
            codes[:, None],
            server_view[window[kept]][:, None],
            past_calendar[window[kept]],
            future_calendar[window[kept]],
        )
        mask = observed[kept]
        return Batch(
            inputs,
            torch.from_numpy(np.where(mask, target[kept], np.float32(0.0))),
            torch.from_numpy(mask.astype(np.float32)),
        )

    def _rows(self, server: npt.NDArray[np.int64], origin: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Past and future around each origin [windows, context_steps + horizon, metrics], NaN before a history."""
        context, horizon = self._schema.context_steps, self._schema.horizon
        rows = np.empty((len(server), context + horizon, len(METRICS)), dtype=np.float32)
        # Copies of whole blocks are several times as fast as a gather of rows.
        for row, which, last in zip(rows, server.tolist(), origin.tolist(), strict=True):
            absent = max(context - 1 - last, 0)
            row[:absent] = np.nan
            row[absent:] = self._values[which][last + 1 - context + absent : last + 1 + horizon]
        return rows

    def _damage_rows(self, rng: np.random.Generator, past: npt.NDArray[np.float32]) -> None:
        """Lose readings of windows [windows, steps, metrics] the ways live servers lose them, in place."""
        config, (windows, steps, metrics) = self._config, past.shape

        def chosen(probability: float) -> npt.NDArray[np.int64]:
            return np.flatnonzero(rng.random(windows) < probability)

        for window in chosen(config.truncation):
            # Log-uniform lengths: a server spends little time warming up, but that is when it is watched most.
            kept = config.min_encoder_steps * np.exp(rng.random() * np.log(steps / config.min_encoder_steps))
            past[window, : steps - int(kept)] = np.nan
        for window in chosen(config.missing):
            past[window, rng.random(steps) < 0.02 + 0.18 * rng.random()] = np.nan
        for window in chosen(config.gap):
            start = rng.integers(0, steps)
            past[window, start : start + rng.integers(1, 49)] = np.nan
        for window in chosen(config.lag):
            past[window, steps - rng.integers(1, 7) :] = np.nan
        for window in chosen(config.metric_loss):
            past[window, :, rng.random(metrics) < 0.5] = np.nan


def _measured(history: History) -> bool:
    return not np.isnan(history.values[: history.boundary, MODELLED_COLUMNS]).all()


def _server_probability(histories: Sequence[History], config: SamplingConfig) -> npt.NDArray[np.float64]:
    """Draw files by weight or by size to a power, and servers inside a file by length."""
    size: dict[str, float] = {}
    for history in histories:
        size[history.source] = size.get(history.source, 0.0) + history.boundary
    share = {source: steps**config.source_power for source, steps in size.items()}
    if config.source_weights:
        weights = dict(config.source_weights)
        if missing := sorted(size.keys() - weights.keys()):
            raise ValueError(f"no weight is given for {', '.join(missing)}; name all files or none")
        share = {source: weights[source] for source in size}
    if sum(share.values()) <= 0:
        raise ValueError("every file has the weight 0; nothing could be drawn")
    weight = np.array([h.boundary / size[h.source] * share[h.source] for h in histories])
    probability: npt.NDArray[np.float64] = weight / weight.sum()
    return probability


def _concatenate(parts: Sequence[Batch]) -> Batch:
    if len(parts) == 1:
        return parts[0]
    inputs = [part.inputs for part in parts]

    def join(groups: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        return tuple(torch.cat(column) for column in zip(*groups, strict=True))

    return Batch(
        TFTInputs(
            torch.cat([x.static_categoricals for x in inputs]),
            join([x.static_reals for x in inputs]),
            join([x.encoder for x in inputs]),
            join([x.decoder for x in inputs]),
            torch.cat([x.baselines for x in inputs if x.baselines is not None]),
        ),
        torch.cat([part.target for part in parts]),
        torch.cat([part.observed for part in parts]),
    )


def _take(batch: Batch, count: int) -> Batch:
    def first(x: Tensor) -> Tensor:
        return x[:count]

    inputs = batch.inputs
    assert inputs.baselines is not None
    return Batch(
        TFTInputs(
            first(inputs.static_categoricals),
            tuple(map(first, inputs.static_reals)),
            tuple(map(first, inputs.encoder)),
            tuple(map(first, inputs.decoder)),
            first(inputs.baselines),
        ),
        first(batch.target),
        first(batch.observed),
    )
