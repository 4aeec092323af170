"""docs/import.md is true: its commands and its Python, word for word, give a model that a server can load."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from argus_server.forecast import artifact
from tests import processes

PAGE = Path(__file__).parents[3].joinpath("docs/import.md").read_text()
SECONDS = 110.0


def ran(directory: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=directory,
        env=processes.environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_the_page_runs_from_data_to_a_loaded_model(tmp_path: Path) -> None:
    [python] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    [simulate] = re.findall(r"# argus (simulate .*)", python)
    [model_import] = re.findall(r"^argus (model import .*)$", PAGE, re.MULTILINE)
    (tmp_path / "example.py").write_text(python)
    ran(tmp_path, "-m", "argus_client.cli", *shlex.split(simulate))
    ran(tmp_path, "example.py")
    ran(tmp_path, "-m", "argus_client.cli", *shlex.split(model_import))
    assert artifact.load(tmp_path / "models" / "mine").name == "mine"
