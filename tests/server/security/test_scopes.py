"""The table of scopes is whole: every RPC there is has its line, and no line is of an RPC there is not."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool

import argus.v1
from argus_server.security.scopes import METHODS, Scope
from tests.server.running import running
from tests.server.security.rpcs import every_path


def test_every_rpc_has_a_scope() -> None:
    assert len(every_path()) >= 34
    assert set(METHODS) == every_path()


def test_the_contract_s_files_are_all_looked_through() -> None:
    services = {
        path.stem for path in Path(argus.v1.__path__[0]).glob("*.proto") if "service " in path.read_text()
    }
    for stem in services:
        for service in import_module(f"argus.v1.{stem}_pb2").DESCRIPTOR.services_by_name.values():
            assert f"/{service.full_name}/{service.methods[0].name}" in every_path()


async def test_everything_a_server_registers_is_in_the_table() -> None:
    async with running() as argus:
        from argus.v1 import admin_pb2

        info = await argus.admin.GetServerInfo(admin_pb2.GetServerInfoRequest())
    pool = descriptor_pool.Default()
    for name in info.capabilities:
        for method in pool.FindServiceByName(name).methods:
            assert f"/{name}/{method.name}" in METHODS


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/argus.v1.IngestService/StreamMetrics", Scope.INGEST),
        ("/argus.v1.PredictionService/Subscribe", Scope.READ),
        ("/argus.v1.AdminService/GetStatus", Scope.READ),
        ("/argus.v1.AdminService/LoadModel", Scope.ADMIN),
        ("/argus.v1.AlertService/CreateSilence", Scope.ADMIN),
        ("/argus.v1.TrainingService/StartTraining", Scope.ADMIN),
        ("/grpc.health.v1.Health/Check", None),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Scope.READ),
    ],
)
def test_who_may_call_what(path: str, scope: Scope | None) -> None:
    assert METHODS[path] is scope


def test_only_health_is_open_and_whatever_changes_something_needs_more_than_read() -> None:
    assert {path.split("/")[1] for path, scope in METHODS.items() if scope is None} == {
        "grpc.health.v1.Health"
    }
    harmless = (
        "Get",
        "List",
        "Watch",
        "Subscribe",
        "Explain",
        "WhatIf",
        "Export",
        "ServerReflection",
        "Check",
    )
    changing = {path for path in METHODS if not path.split("/")[2].startswith(harmless)}
    assert {METHODS[path] for path in changing - {"/argus.v1.IngestService/StreamMetrics"}} == {Scope.ADMIN}
