"""Generates the Python stubs of the contract next to their .proto files.

Run through `make proto`, in an environment that has the oldest supported grpcio-tools, so that the stubs load with
every runtime from that one on.

The stubs keep the constraints (they stay in the descriptors' options, which the server reads), but not the import of
`buf/validate/validate.proto`: a process that also loads the published `buf.validate` package must be able to import
`argus.v1` beside it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

ROOT = Path(__file__).parent
CONSTRAINTS = "buf/validate/validate.proto"


def run_protoc(*arguments: str) -> None:
    well_known = Path(protoc.__file__).parent / "_proto"
    if status := protoc.main(["protoc", *arguments, f"-I{well_known}"]):
        sys.exit(status)


def compile_contract(out: Path) -> descriptor_pb2.FileDescriptorSet:
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "argus").rglob("*.proto"))
    run_protoc(
        f"-I{ROOT}", "--include_imports", "--include_source_info", f"--descriptor_set_out={out}", *sources
    )
    return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def without_constraint_import(files: descriptor_pb2.FileDescriptorSet) -> descriptor_pb2.FileDescriptorSet:
    kept = descriptor_pb2.FileDescriptorSet()
    for file in files.file:
        if file.name == CONSTRAINTS:
            continue
        copy = kept.file.add()
        copy.CopyFrom(file)
        dependencies = [name for name in file.dependency if name != CONSTRAINTS]
        del copy.dependency[:]
        copy.dependency.extend(dependencies)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=ROOT, help="where to write (default: next to the .proto files)"
    )
    out: Path = parser.parse_args().out
    with tempfile.TemporaryDirectory() as scratch:
        full, stripped = Path(scratch, "full.binpb"), Path(scratch, "stripped.binpb")
        contract = without_constraint_import(compile_contract(full))
        stripped.write_bytes(contract.SerializeToString())
        names = [file.name for file in contract.file if file.name.startswith("argus/")]
        with_service = [file.name for file in contract.file if file.service]
        run_protoc(f"--descriptor_set_in={stripped}", f"--python_out={out}", f"--pyi_out={out}", *names)
        run_protoc(
            f"--descriptor_set_in={stripped}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=quiet:{out}",
            *with_service,
        )
    # The rules themselves, for the server to read the constraints with: no Python module, so nothing can collide.
    with tempfile.TemporaryDirectory() as scratch:
        rules = Path(scratch, "rules.binpb")
        run_protoc(f"-I{ROOT}", f"--descriptor_set_out={rules}", CONSTRAINTS)
        (out / "argus" / "v1" / "constraints.binpb").write_bytes(rules.read_bytes())


if __name__ == "__main__":
    main()
