"""A small fleet in memory and models that have learned nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from argus_server.evaluation.rolling import Candidate
from argus_server.forecast.artifact import ArtifactContent, save
from argus_server.forecast.features import FeatureSchema, model_config
from argus_server.forecast.pipeline import PatchPipeline
from argus_server.forecast.tft import TemporalFusionTransformer
from argus_server.metrics import METRIC_INDEX, METRICS
from argus_server.training.corpus import History

START_MS = 1_767_225_600_000
STEP_MS = 300_000
CPU, NET = METRIC_INDEX["cpu_user_pct"], METRIC_INDEX["net_in_mb_s"]


@pytest.fixture(autouse=True)
def single_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def history(name: str = "ppweb001", steps: int = 1400, boundary: int = 800, *, seed: int = 1) -> History:
    """A daily cycle of CPU with holes, bursts of network with a long hole; the rest is not measured."""
    rng = np.random.default_rng(seed)
    values = np.full((steps, len(METRICS)), np.nan, dtype=np.float32)
    values[:, CPU] = 40.0 + 25.0 * np.sin(2.0 * np.pi * np.arange(steps) / 288) + rng.normal(0.0, 3.0, steps)
    values[:, NET] = rng.gamma(2.0, 3.0, steps)
    values[rng.random(steps) < 0.05, CPU] = np.nan
    values[boundary + 100 : boundary + 250, NET] = np.nan
    return History(name, "fleet", 0, START_MS, STEP_MS // 1000, values, boundary)


def untrained(seed: int = 0) -> TemporalFusionTransformer:
    torch.manual_seed(seed)
    return TemporalFusionTransformer(model_config(FeatureSchema(), hidden_size=8, attention_heads=1)).eval()


def candidate(seen: Collection[str] = (), *, revision: str = "untrained", seed: int = 0) -> Candidate:
    return Candidate(PatchPipeline(untrained(seed), FeatureSchema()), revision, 24, frozenset(seen))


def save_model(path: Path, *, training: Collection[str] = (), validation: Collection[str] = ()) -> str:
    """An artifact whose training saw the named servers."""
    return save(
        path,
        ArtifactContent(
            module=untrained(),
            schema=FeatureSchema(),
            name=path.name,
            training_info={"training_servers": list(training), "validation_servers": list(validation)},
            metrics={},
            card="# Untrained\n",
        ),
    )


def table_of(histories: Collection[History], split_column: str | None = "split") -> pa.Table:
    """Histories as a table in contract columns, rows without any reading left out."""
    parts = []
    for one in histories:
        rows = np.flatnonzero(~np.isnan(one.values).all(axis=1))
        columns: dict[str, object] = {
            "timestamp": pa.array(one.start_ms + rows * STEP_MS, pa.timestamp("ms", tz="UTC")),
            "server_name": np.repeat(one.name, len(rows)),
            **{name: one.values[rows, index] for index, name in enumerate(METRICS)},
        }
        if split_column is not None:
            columns[split_column] = np.where(rows < one.boundary, "train", "test")
        parts.append(pa.table(columns))
    return pa.concat_tables(parts)
