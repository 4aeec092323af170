"""A deterministic fleet of simulated servers that fail in known ways at known times."""

from argus_client.simulator.dataset import DatasetSummary, write_dataset
from argus_client.simulator.fleet import FleetChunk, FleetSimulator
from argus_client.simulator.labels import Label
from argus_client.simulator.scenario import SCENARIOS, ScenarioStatus

__all__ = [
    "SCENARIOS",
    "DatasetSummary",
    "FleetChunk",
    "FleetSimulator",
    "Label",
    "ScenarioStatus",
    "write_dataset",
]
