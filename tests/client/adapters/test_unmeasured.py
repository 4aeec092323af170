"""What a preset does not measure is said where somebody chooses it: on its page, and in its configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.registry import find
from argus_client.adapters.prometheus.presets import preset_queries
from argus_client.samples import METRICS

PAGES = Path(__file__).parents[3] / "docs" / "adapters"


def asked(preset: str) -> set[str]:
    return set(preset_queries(preset, label="instance", match="", window_seconds=240))


def mapped(kind: str, preset: str) -> set[str]:
    columns = MappingConfig.from_table({}, find(kind).presets, preset).columns
    return {column for column, mapping in columns.items() if mapping.choices}


@pytest.mark.parametrize(
    ("kind", "begins", "ends", "measured"),
    [
        ("prometheus", "by `node_exporter`:", ";", asked("node_exporter")),
        ("prometheus", "by `windows_exporter`:", ".", asked("windows_exporter")),
        ("elasticsearch", "**Not measured** by the preset:", ".", mapped("elasticsearch", "metricbeat")),
        ("mongodb", "It has a field for every metric;", ".", mapped("mongodb", "linborg")),
    ],
)
def test_a_page_names_what_its_preset_does_not_measure(
    kind: str, begins: str, ends: str, measured: set[str]
) -> None:
    page = (PAGES / f"{kind}.md").read_text()
    assert begins in page
    said = page.split(begins)[1].split(ends)[0]
    missing = set(METRICS) - measured
    assert {metric for metric in METRICS if f"`{metric}`" in said} == missing
    assert all(metric in find(kind).template for metric in missing)
