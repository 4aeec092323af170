"""Every RPC of every service, out of the descriptors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

import argus.v1


@cache
def every_rpc() -> dict[str, MethodDescriptor]:
    """Descriptor of every method, by path."""
    return {f"/{method.containing_service.full_name}/{method.name}": method for method in _methods()}


def every_path() -> set[str]:
    return set(every_rpc())


def _methods() -> Iterator[MethodDescriptor]:
    stems = sorted(path.stem for path in Path(argus.v1.__path__[0]).glob("*_pb2.py"))
    for module in (*(import_module(f"argus.v1.{stem}") for stem in stems), health_pb2, reflection_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            yield from service.methods
