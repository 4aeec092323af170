"""Training windows from data larger than memory: one chunk of servers after the other, one chunk a round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch.utils.data import IterableDataset

from argus_server.forecast.features import FeatureSchema
from argus_server.training import partitions
from argus_server.training.corpus import History
from argus_server.training.partitions import Chunk, Partitions
from argus_server.training.sampling import Batch, SamplingConfig, WindowSampler


class ChunkReader:
    """Reads the servers of a chunk from all data sets.

    Args:
        sets: The data sets; a server is in one of them.
        step_seconds: Step of the model.
        all_rows: Learn from rows of a `split` column that are for tests, too.
    """

    def __init__(self, sets: Sequence[Partitions], step_seconds: int, all_rows: bool) -> None:
        self._sets, self._step_seconds, self._all_rows = tuple(sets), step_seconds, all_rows

    def read(self, servers: Sequence[str]) -> list[History]:
        """Histories of these servers."""
        histories = [h for part in self._sets for h in part.read(servers, self._step_seconds)]
        if not self._all_rows:
            return histories
        return [replace(h, boundary=len(h.values)) for h in histories]


class ChunkSampler(IterableDataset[Batch]):
    """A pass yields `batches` random batches of one chunk; passes go through all chunks, epoch by epoch.

    Only one chunk is in memory at a time.

    Args:
        reader: Gives a chunk's histories.
        chunks: The plan.
        schema: The model's feature schema.
        config: How windows are drawn and damaged.
        batches: Batches of a pass.
        seed: Decides order and windows.
        first_pass: Number of the first pass.
    """

    def __init__(
        self,
        reader: ChunkReader,
        chunks: Sequence[Chunk],
        schema: FeatureSchema,
        config: SamplingConfig,
        *,
        batches: int,
        seed: int,
        first_pass: int = 0,
    ) -> None:
        self._reader, self._chunks = reader, tuple(chunks)
        self._schema, self._config = schema, config
        self._batches, self._seed, self._pass = batches, seed, first_pass

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[Batch]:
        number = self._pass
        self._pass += 1
        epoch, place = divmod(number, len(self._chunks))
        chunk = self._chunks[partitions.order(len(self._chunks), epoch, self._seed)[place]]
        yield from WindowSampler(
            self._reader.read(chunk.servers),
            self._schema,
            self._config,
            batches=self._batches,
            seed=self._seed,
            first_pass=number,
        )
