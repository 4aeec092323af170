from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRONG_CALLS = Path(__file__).parent / "typing" / "wrong_calls.py"


@pytest.mark.slow
def test_wrong_calls_are_type_errors() -> None:
    lines = enumerate(WRONG_CALLS.read_text().splitlines(), 1)
    expected = {(n, found[1]) for n, line in lines if (found := re.search(r"# error: ([\w-]+)", line))}

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", str(WRONG_CALLS)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )

    reported = {
        (int(found[1]), found[2])
        for found in re.finditer(r"wrong_calls\.py:(\d+): error: .*\[([\w-]+)\]", done.stdout)
    }
    assert reported == expected, done.stdout


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "argus_client" / "py.typed").exists()
