"""Who may import whom, what lies at the top level, and who else may share the process."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, SECONDS, environment

# Rooms of the repository and the usual files; docs and deploy once they have content.
ROOMS = {"argus_client", "argus_server", "argus_ui", "models", "proto", "tests"}
LATER_ROOMS = {"deploy", "docs"}
FILES = {
    *(".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile"),
    *("README.md", "biome.json", "buf.yaml", "constraints.txt", "pyproject.toml"),
}
MACHINERY = {".ci", ".gitattributes", ".github"}


def interpret(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def lint_imports(config: Path) -> subprocess.CompletedProcess[str]:
    code = (
        f"from importlinter.cli import lint_imports as l; raise SystemExit(l({str(config)!r}, no_cache=True))"
    )
    return interpret(code)


def test_imports_keep_to_their_direction() -> None:
    done = lint_imports(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_a_forbidden_import_is_found(tmp_path: Path) -> None:
    """What guards the direction of imports can see one that breaks it."""
    config = tmp_path / "contracts.toml"
    config.write_text(
        "[tool.importlinter]\n"
        'root_packages = ["argus_client"]\n'
        "include_external_packages = true\n"
        "[[tool.importlinter.contracts]]\n"
        'name = "broken"\n'
        'type = "forbidden"\n'
        'source_modules = ["argus_client"]\n'
        'forbidden_modules = ["grpc"]\n'
    )
    done = lint_imports(config)
    assert done.returncode == 1
    assert "1 broken" in done.stdout


def test_the_top_level_holds_what_it_should() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    top = {path.split("/")[0] for path in listed.stdout.splitlines()}
    assert top >= ROOMS | FILES
    assert top <= ROOMS | FILES | LATER_ROOMS | MACHINERY


_FOREIGN = """
from google.protobuf import descriptor_pb2, descriptor_pool
from importlib import resources

def foreign():
    # As the published package does on import, in another version than ours.
    files = descriptor_pb2.FileDescriptorSet.FromString(
        resources.files("argus.v1").joinpath("constraints.binpb").read_bytes()
    )
    for file in files.file:
        file.message_type.add(name="OnlyInTheOtherVersion")
        descriptor_pool.Default().AddSerializedFile(file.SerializeToString())

def ours():
    import argus.v1
    from importlib import import_module
    from pathlib import Path
    names = sorted(path.stem for path in Path(argus.v1.__path__[0]).glob("*_pb2*.py"))
    assert len(names) >= 20, names
    for name in names:
        import_module("argus.v1." + name)
    from argus.v1 import ingest_pb2, metrics_pb2
    batch = metrics_pb2.MetricBatch(timestamp=[1], server_name=["web-1"], cpu_user_pct=[5])
    assert metrics_pb2.MetricBatch.FromString(batch.SerializeToString()) == batch
    from argus_server.contract import batch_constraints, violations
    assert batch_constraints().metric_bounds[0].upper == 100
    assert {found.field for found in violations(ingest_pb2.Hello())} == {"source_id"}
"""


@pytest.mark.parametrize("order", ["foreign(); ours()", "ours(); foreign()"])
def test_the_contract_shares_a_process_with_another_copy_of_the_constraint_language(order: str) -> None:
    done = interpret(f"{_FOREIGN}\n{order}\n")
    assert done.returncode == 0, done.stderr


def test_nothing_that_ships_unpickles() -> None:
    """Models come from others: nothing may run what is in them."""
    files = [
        path for room in ("argus_client", "argus_server", "argus_ui") for path in (ROOT / room).rglob("*.py")
    ]
    assert len(files) > 100
    found = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            named = {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            named |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
            named |= {ast.unparse(node)} if isinstance(node, ast.Attribute) else set()
            if named & {"pickle", "dill", "joblib", "cloudpickle", "torch.load"}:
                found.add(str(path.relative_to(ROOT)))
    assert found == set()
