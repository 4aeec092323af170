from __future__ import annotations

import subprocess
import sys

import pytest

from argus_client.extras import MissingExtraError, require


def test_missing_package_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'argus-forecast\[adapters\]'") as caught:
        require("pyarrow", "adapters")
    assert caught.value.extra == "adapters"


def test_error_inside_an_installed_package_stays_what_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "broken_package.py").write_text("import package_that_does_not_exist\n")  # type: ignore[operator]
    with pytest.raises(ModuleNotFoundError, match="package_that_does_not_exist") as caught:
        require("broken_package", "adapters")
    assert not isinstance(caught.value, MissingExtraError)


def test_sources_need_only_the_base_install() -> None:
    """Importing every source and simulating a fleet loads no optional package."""
    code = """
import sys
import argus_client.adapters.host, argus_client.adapters.replay, argus_client.adapters.simulate
from argus_client.simulator import FleetSimulator
FleetSimulator(5, start_ms=0).generate(3)
print(*[name for name in ("pyarrow", "psutil", "pandas", "torch", "argus_server") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ".:proto"},
    )
    assert done.stdout.strip() == ""
