"""An adapter and its server are killed during a back-fill: no row is lost, doubled or changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from argus_server.bench import adapter as bench

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_kills_cost_no_row() -> None:
    plan = bench.KillPlan(rows=20_000, servers=50, adapter_kills=5, server_kills=2)
    found = bench.kills(plan)
    assert (found["adapter_kills"], found["server_kills"]) == (5, 2)
    assert found["equal"], found


def test_documents_in_memory_all_arrive() -> None:
    found = bench.throughput(rows=30_000, servers=100, page_rows=1_000)
    assert found["rows_accepted"] == 30_000


def test_a_difference_would_be_seen(tmp_path: Any) -> None:
    plan = bench.KillPlan(rows=200, servers=2, adapter_kills=0, server_kills=0)
    expected = bench._write_source(tmp_path, plan)
    killer = bench._Killer(tmp_path, plan)
    try:
        killer.run(lambda share: None)
    finally:
        killer.end()
    same: Mapping[str, int] = bench._compare(tmp_path / "data", expected)
    assert not any(same.values())
    fewer = bench._compare(tmp_path / "data", expected.slice(1))
    assert (fewer["lost"], fewer["foreign"]) == (0, 1)
    again = expected.set_column(2, "cpu_user_pct", expected["cpu_sys_pct"])
    assert bench._compare(tmp_path / "data", again)["changed"] == 200
