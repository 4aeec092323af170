"""An adapter's own metrics, as Prometheus gets them."""

from __future__ import annotations

import asyncio
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from argus_client import Rejection
from argus_client.adapters.core.documents import Documents
from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.exporter import serving_metrics
from argus_client.adapters.core.mapping import Mapper, Problem
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.tally import Tally


def scraped(text: str) -> dict[tuple[str, str], float]:
    """Value by name and by the labels that are not the adapter's own."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert (sample.labels["adapter"], sample.labels["kind"]) == ("mine", "files")
            others = {
                name: sample.labels[name] for name in sorted(sample.labels.keys() - {"adapter", "kind"})
            }
            found[sample.name, "/".join(others.values())] = sample.value
    return found


async def test_counts_times_and_lag_are_there() -> None:
    tally = Tally(lambda: 1_750_000_010_000)
    with serving_metrics(
        "127.0.0.1:0", "mine", "files", tally, lambda: setattr(tally, "accepted", 7)
    ) as address:
        tally.fetched, tally.newest_ms, tally.last_success_ms = 9, 1_750_000_000_000, 1_750_000_009_000
        tally.source_errors["unavailable"] = 2
        tally.problem(Problem("not_a_number", "load_average", 3, "x"))
        tally.rejection(Rejection("OUT_OF_RANGE", "got 101", 1, "web-1", 1, "mem_used_pct", 1, 0))

        def get() -> str:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
                return str(answer.read().decode())

        found = scraped(await asyncio.to_thread(get))
    assert found["argus_adapter_records_total", ""] == 9
    assert found["argus_adapter_rows_total", "accepted"] == 7, "brought up to date on the loop"
    assert found["argus_adapter_unmapped_total", "load_average/not_a_number"] == 3
    assert found["argus_adapter_rejections_total", "mem_used_pct/out_of_range"] == 1
    assert found["argus_adapter_source_errors_total", "unavailable"] == 2
    assert found["argus_adapter_lag_seconds", ""] == 10
    assert found["argus_adapter_last_success_timestamp_seconds", ""] == 1_750_000_009
    assert ("argus_adapter_last_saved_timestamp_seconds", "") not in found


def test_a_row_from_the_future_says_nothing_of_the_lag() -> None:
    now_ms = 1_750_000_000_000
    tally = Tally(lambda: now_ms)
    times = [now_ms - 5_000, now_ms + 400_000]
    rows = [{"timestamp": time, "server_name": "web-1", "load_average": 1} for time in times]
    tally.page(Mapper(MappingConfig()).apply(Documents(rows)))
    assert (tally.lag_seconds, tally.newest_ms) == (5.0, times[0])


async def test_an_address_that_is_taken_is_named() -> None:
    with (
        serving_metrics("127.0.0.1:0", "a", "files", Tally(), lambda: None) as address,
        pytest.raises(ConfigError, match="metrics_listen"),
        serving_metrics(address, "b", "files", Tally(), lambda: None),
    ):
        pass


async def test_no_address_serves_nothing() -> None:
    with serving_metrics("", "a", "files", Tally(), lambda: None) as address:
        assert address == ""
