"""What a training learns from and is validated on: all of it in memory, or a chunk of servers at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from torch.utils.data import IterableDataset

from argus_server.forecast.features import FeatureSchema
from argus_server.training import partitions
from argus_server.training.corpus import History
from argus_server.training.partitions import Partitions
from argus_server.training.sampling import Batch, SamplingConfig, WindowSampler
from argus_server.training.streaming import ChunkReader, ChunkSampler


@dataclass(frozen=True, slots=True)
class SplitConfig:
    """How servers are set aside for validation.

    Attributes:
        servers: By name; if none are, by `share`.
        share: Share of servers, chosen by a hash of their name.
        batches: Batches of the fixed validation set.
        by_time: Validate on the last tenth of every server's training rows instead, as a single fleet wants it.
    """

    servers: tuple[str, ...] = ()
    share: float = 0.08
    batches: int = 16
    by_time: bool = False


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Windows by the round; a round lies between two validations.

    Attributes:
        training: Names of the servers learned from, sorted.
        validation: Names of the servers validated on, sorted.
        windows: Training windows, given the number of the first round they are for.
        validation_windows: The fixed validation set.
        validation_histories: What it is drawn from.
        rounds: Rounds of an epoch.
        workers: Most processes that may prepare windows.
        by_time: Whether the servers validated on are those learned from, and it is their last tenth that counts.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    windows: Callable[[int], IterableDataset[Batch]]
    validation_windows: WindowSampler
    validation_histories: tuple[History, ...]
    rounds: int
    workers: int
    by_time: bool = False


def in_memory(
    histories: Sequence[History],
    schema: FeatureSchema,
    sampling: SamplingConfig,
    split: SplitConfig,
    *,
    batches: int,
    seed: int,
    holdout: Collection[str] = (),
) -> TrainingData:
    """Training data of histories at hand; an epoch is one round of `batches` batches.

    Args:
        histories: Servers; only steps before their boundaries are used.
        schema: Feature schema.
        sampling: How windows are drawn.
        split: What is for validation.
        batches: Batches of a round.
        seed: Seed of the windows.
        holdout: Servers that must not be seen at all.

    Raises:
        ValueError: Too little data is left for training or validation.
    """
    usable = [h for h in histories if h.name not in set(holdout)]
    chosen = _validation_servers([h.name for h in usable], split)
    validation = [h for h in usable if h.name in chosen]
    training = [h for h in usable if h.name not in chosen]
    by_time = split.by_time or not validation or not training
    if by_time:
        # A fleet of a few servers: validate on the last tenth of everyone's training part.
        training, validation = _split_by_time(usable, schema, sampling.min_encoder_steps)

    def windows(first_round: int) -> WindowSampler:
        return WindowSampler(training, schema, sampling, batches=batches, seed=seed, first_pass=first_round)

    return TrainingData(
        training=_names(training),
        validation=_names(validation),
        windows=windows,
        validation_windows=_fixed(validation, schema, sampling, split, seed),
        validation_histories=tuple(validation),
        rounds=1,
        workers=1 << 16,
        by_time=by_time,
    )


def streamed(
    sets: Sequence[Partitions],
    schema: FeatureSchema,
    sampling: SamplingConfig,
    split: SplitConfig,
    *,
    batches: int,
    seed: int,
    memory_mb: int,
    all_rows: bool,
    holdout: Collection[str] = (),
) -> TrainingData:
    """Training data larger than memory; an epoch is a round of `batches` batches for every chunk of servers.

    A third of the memory is for the servers validated on, which stay; the rest is for one chunk.

    Args:
        sets: The data sets.
        schema: Feature schema.
        sampling: How windows are drawn.
        split: What is for validation; by servers only.
        batches: Batches of a round.
        seed: Seed of order and windows.
        memory_mb: Memory for data, MiB.
        all_rows: Learn from rows of a `split` column that are for tests, too.
        holdout: Servers that must not be seen at all.

    Raises:
        ValueError: Too little data, or a server that does not fit.
    """
    if any(weight == 0 for _, weight in sampling.source_weights):
        raise ValueError(
            "streaming may meet a chunk with nothing but files of weight 0; leave them out instead"
        )
    least = sampling.min_encoder_steps + schema.horizon
    names = [
        name
        for part in sets
        for name, extent in part.extents.items()
        if name not in set(holdout) and extent.steps(schema.step_seconds, all_rows=all_rows) >= least
    ]
    chosen = _validation_servers(names, split)
    if not chosen or len(chosen) == len(names):
        raise ValueError(
            f"streaming validates on some of the servers; {len(names)} usable ones are too few to set any aside. "
            "Name some with --validation, or use --mode standard"
        )
    reader = ChunkReader(sets, schema.step_seconds, all_rows)
    step = schema.step_seconds
    kept = partitions.plan(sets, sorted(chosen), max(memory_mb // 3, 1), step)[0]
    learned = [name for name in names if name not in chosen]
    chunks = partitions.plan(sets, learned, memory_mb - max(memory_mb // 3, 1), step)

    validated = reader.read(kept.servers)

    def windows(first_round: int) -> ChunkSampler:
        return ChunkSampler(
            reader, chunks, schema, sampling, batches=batches, seed=seed, first_pass=first_round
        )

    return TrainingData(
        training=tuple(sorted(name for chunk in chunks for name in chunk.servers)),
        validation=tuple(sorted(kept.servers)),
        windows=windows,
        validation_windows=_fixed(validated, schema, sampling, split, seed),
        validation_histories=tuple(validated),
        rounds=len(chunks),
        # Every process would hold a chunk of its own.
        workers=1,
    )


def _fixed(
    histories: Sequence[History],
    schema: FeatureSchema,
    sampling: SamplingConfig,
    split: SplitConfig,
    seed: int,
) -> WindowSampler:
    return WindowSampler(
        histories,
        schema,
        replace(sampling, source_weights=()),
        batches=split.batches,
        seed=seed + 1,
        fixed=True,
    )


def _names(histories: Sequence[History]) -> tuple[str, ...]:
    return tuple(sorted({h.name for h in histories}))


def _validation_servers(names: Sequence[str], split: SplitConfig) -> set[str]:
    if not split.servers:
        return {name for name in names if _share(name) < split.share}
    if unknown := sorted(set(split.servers) - set(names)):
        raise ValueError(f"servers to validate on are not in the data: {', '.join(unknown[:5])}")
    return set(split.servers)


def _share(name: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2.0**64


def _split_by_time(
    histories: Sequence[History], schema: FeatureSchema, min_encoder_steps: int
) -> tuple[list[History], list[History]]:
    """Training without and validation with the last tenth of each server; the latter keeps its context."""
    training, validation = [], []
    for history in histories:
        tail = max(history.boundary // 10, min_encoder_steps + schema.horizon)
        cut = history.boundary - tail
        if cut < min_encoder_steps + schema.horizon:
            training.append(history)
            continue
        training.append(replace(history, values=history.values[:cut], boundary=cut))
        validation.append(replace(history, first_target=cut))
    if not histories:
        raise ValueError("no server is left to train on: all are held out or shorter than a window")
    if not validation:
        raise ValueError(
            "no server has enough training steps to set a validation part aside; "
            f"{2 * (min_encoder_steps + schema.horizon)} are needed"
        )
    return training, validation
