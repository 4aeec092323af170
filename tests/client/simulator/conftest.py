from __future__ import annotations

import pytest

from argus_client.simulator import FleetChunk, FleetSimulator, Label

START_MS = 1_735_689_600_000  # a Wednesday, 00:00 UTC
STEP_MS = 300_000


@pytest.fixture(scope="session")
def calm() -> FleetChunk:
    """60 servers for 14 days in which nothing fails."""
    return FleetSimulator(60, seed=7, start_ms=START_MS).generate(14 * 288)


@pytest.fixture(scope="session")
def failing() -> tuple[FleetChunk, list[Label]]:
    """250 servers for 8 days with many failures, and their labels."""
    fleet = FleetSimulator(250, seed=11, start_ms=START_MS, incidents_per_server_day=0.12)
    chunk = fleet.generate(8 * 288)
    return chunk, fleet.labels
