"""What docs/history.md says about the files is true of those that the store writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from argus_server.history import rows
from argus_server.history.schemas import FORECASTS, SCHEMAS, SERVER_RISK
from argus_server.store import parquet
from argus_server.store.store import Store
from argus_server.store.tables import METRICS_SCHEMA, METRICS_TABLE
from tests.processes import ROOT
from tests.server.history.frames import STEP_MS, frame
from tests.server.history.memory_store import samples

PAGE = (ROOT / "docs" / "history.md").read_text()
NAMES = ["web-1", "web-2"]
START_MS = 1_700_000_100_000 // STEP_MS * STEP_MS


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of two servers whose memory is what was forecast, and of a third that nobody forecast."""
    root = tmp_path_factory.mktemp("data")
    store = Store(root)
    ticks = [frame(NAMES, START_MS + STEP_MS * step, scores=[1.0, 2.0]) for step in range(24)]
    store.append(SERVER_RISK, rows.server_risk(ticks[0], np.arange(2))).result()
    store.append(FORECASTS, rows.forecasts(ticks[0], np.arange(2))).result()
    memory = ticks[0].forecast.quantiles[:, 5, 11, 1]  # an hour ahead
    for step in range(24):
        listed = samples(
            [*NAMES, "other"],
            [START_MS + STEP_MS * step] * 3,
            {"mem_used_pct": np.append(np.nan_to_num(memory), 50.0)},
        )
        listed = listed.append_column("state", np.zeros(3, np.int8)).select(METRICS_SCHEMA.names)
        store.append(METRICS_TABLE, listed.cast(METRICS_SCHEMA)).result()
    store.close()
    store = Store(root)
    for table in (METRICS_TABLE, SERVER_RISK, FORECASTS):
        while (segment := store.catalog(table).unrolled()) is not None:
            parquet.roll(store.catalog(table), segment)
    store.close()
    return root


def block(language: str, containing: str) -> str:
    [found] = [
        text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if containing in text
    ]
    return str(found)


def test_pyarrow_reads_the_files(data_dir: Path) -> None:
    code = block("python", "pyarrow.dataset").replace("DIR", str(data_dir))
    *statements, last = code.strip().splitlines()
    scope: dict[str, Any] = {}
    exec("\n".join(statements), scope)
    table = eval(last, scope)
    assert table["server_name"].tolist() == ["web-1"]
    assert set(SCHEMAS[SERVER_RISK].names) <= set(table.columns)


def test_duckdb_compares_forecasts_with_what_came(data_dir: Path) -> None:
    query = block("sql", "horizon_minutes").replace("DIR", str(data_dir))
    found = duckdb.sql(query).fetchall()
    assert {name for name, *_ in found} == set(NAMES)
    for _, off, below in found:
        if off == off:
            assert off < 0.1
            assert below == 1.0


def test_every_table_and_column_that_is_not_a_sample_is_explained() -> None:
    for table in (METRICS_TABLE, *SCHEMAS):
        assert f"| `{table}` |" in PAGE
    for name in (
        "risk_score",
        "breach_metric",
        "horizon_minutes",
        "sequence",
        "riskiest_server",
        "model_revision",
    ):
        assert f"`{name}`" in PAGE
