"""Mistakes of a first run, through the whole adapter: one line that says what is wrong, and no cursor to go on from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from argus_client.adapters.core.config import parse
from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.launch import Adapter
from argus_client.adapters.core.registry import find
from argus_client.adapters.core.runner import RunOptions
from argus_client.adapters.core.tally import Tally
from argus_client.testing import FakeServer
from tests.client.adapters.elasticsearch.search_server import SearchServer
from tests.client.adapters.elasticsearch.test_source import document
from tests.client.adapters.pulling import NOW_MS
from tests.client.adapters.test_prometheus_errors import FakePrometheus, matrix, serving

Run = Callable[..., Awaitable[Tally]]
CSV = "timestamp,server_name,load_average\n1738324800,web-1,1.5\n1738324801,web-1,1.5\n"


@pytest.fixture
def argus() -> Iterator[FakeServer]:
    with FakeServer() as fake:
        yield fake


@pytest.fixture
def run(argus: FakeServer, tmp_path: Path) -> Run:
    """Runs an adapter once, as a new process would."""

    async def once(kind: str, source: str, mapping: str = "") -> Tally:
        spec = find(kind)
        text = f"""
            [adapter]
            name = "test"
            since = "24h"
            state_dir = {json.dumps(str(tmp_path / "state"))}
            [argus]
            target = "{argus.target}"
            {mapping}
            [source]
            {source}
        """
        config = parse(text, spec, path=tmp_path / "adapter.toml")
        async with asyncio.timeout(30):
            return await Adapter(spec, config, lambda: NOW_MS + 60_000).run(
                asyncio.Event(), RunOptions(once=True)
            )

    return once


def kept(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "state").rglob("*.json")]


async def test_csv_that_is_said_to_be_json_lines(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(CSV)
    with pytest.raises(ConfigError, match="3 rows: not json, such as timestamp,server_name,load_average"):
        await run("files", 'paths = "m.csv"\nformat = "jsonl"')
    assert kept(tmp_path) == []
    tally = await run("files", 'paths = "m.csv"')
    assert (tally.accepted, len(kept(tmp_path))) == (2, 1)


async def test_text_that_is_said_to_be_parquet(run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.parquet").write_text(CSV)
    with pytest.raises(ConfigError, match=r"not parquet, such as .*m.parquet"):
        await run("files", 'paths = "m.parquet"')
    assert kept(tmp_path) == []
    table = {"timestamp": [1738324800], "server_name": ["web-1"], "load_average": [1.5]}
    pq.write_table(pa.table(table), tmp_path / "m.parquet")
    assert (await run("files", 'paths = "m.parquet"')).accepted == 1


async def test_a_preset_nothing_is_scraped_for(run: Run, tmp_path: Path) -> None:
    fake = FakePrometheus()
    fake.answers["count(up)"] = matrix(({}, 1.0))
    with serving(fake):
        source = f'url = "{fake.url}"\npreset = "windows_exporter"'
        with pytest.raises(
            ConfigError, match="No series for any column: preset 'windows_exporter' on http://"
        ):
            await run("prometheus", source)
        assert kept(tmp_path) == []
        fake.body = matrix(({"instance": "a:9100"}, 1.5), at_ms=NOW_MS)
        assert (await run("prometheus", source)).accepted > 0
    assert len(kept(tmp_path)) == 1


async def test_documents_of_another_kind(run: Run, tmp_path: Path) -> None:
    async with SearchServer() as server:
        server.add("metrics-a", [document(n, n, load_average=1.0) for n in range(3)])
        source = f'hosts = "{server.url}"\nindex = "metrics-*"'
        with pytest.raises(
            ConfigError, match=r"is of the metricsets cpu, .*has the fields @timestamp, load_av"
        ):
            await run("elasticsearch", source)
        assert kept(tmp_path) == []
        tally = await run("elasticsearch", source, '[mapping]\npreset = "linborg"')
    assert (tally.accepted, len(kept(tmp_path))) == (3, 1)
