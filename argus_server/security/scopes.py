"""Which scope every method needs: one table, and what is not in it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Scope(StrEnum):
    """What a caller may do. None implies another: a key that may administer may not read unless it says so."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


ALL_SCOPES: Final = frozenset(Scope)

OPEN: Final = None
"""Stands for a method that needs no key: what a load balancer asks before it knows anybody."""


def _methods(service: str, scope: Scope | None, *methods: str) -> dict[str, Scope | None]:
    return {f"/{service}/{method}": scope for method in methods}


METHODS: Final[Mapping[str, Scope | None]] = MappingProxyType(
    {
        **_methods("argus.v1.IngestService", Scope.INGEST, "StreamMetrics"),
        **_methods("argus.v1.PredictionService", Scope.READ, "Subscribe", "GetSnapshot", "GetForecast"),
        **_methods(
            "argus.v1.AlertService",
            Scope.READ,
            "ListAlerts",
            "WatchAlerts",
            "ListSilences",
            "ListMaintenanceWindows",
        ),
        **_methods(
            "argus.v1.AlertService",
            Scope.ADMIN,
            "AcknowledgeAlert",
            "AddAlertNote",
            "CreateSilence",
            "ExpireSilence",
            "PutMaintenanceWindow",
            "DeleteMaintenanceWindow",
        ),
        **_methods("argus.v1.ExplainService", Scope.READ, "ExplainServer", "WhatIf"),
        **_methods("argus.v1.InsightService", Scope.READ, "GetDrift", "GetCascade"),
        **_methods(
            "argus.v1.HistoryService",
            Scope.READ,
            "GetHistorySummary",
            "ListAlertEvents",
            "GetServerHistory",
            "GetFleetHistory",
            "ExportHistory",
        ),
        **_methods("argus.v1.AdminService", Scope.READ, "GetServerInfo", "GetStatus", "ListModels"),
        **_methods("argus.v1.AdminService", Scope.ADMIN, "LoadModel", "ReloadModel", "RollBackModel"),
        **_methods("argus.v1.TrainingService", Scope.READ, "WatchTraining"),
        **_methods("argus.v1.TrainingService", Scope.ADMIN, "StartTraining", "CancelTraining"),
        **_methods("argus.v1.ScenarioService", Scope.READ, "GetScenario"),
        **_methods("argus.v1.ScenarioService", Scope.ADMIN, "SetScenario"),
        **_methods("grpc.health.v1.Health", OPEN, "Check", "List", "Watch"),
        **_methods("grpc.reflection.v1alpha.ServerReflection", Scope.READ, "ServerReflectionInfo"),
    }
)
"""Path of every method, and the scope it needs."""
