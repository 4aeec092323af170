"""docs/operations.md has a line for every reason for which a server says that it is degraded."""

from __future__ import annotations

import ast
import errno
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from argus_server.forecast.artifact import ArtifactReason
from argus_server.settings import ServerSettings
from argus_server.store.command import app
from argus_server.store.writer import _explain

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations.md").read_text()
RUNBOOK = PAGE[PAGE.index("## Runbook") :]

# What `_degraded_reason` of the composition root is put together from, by the names it has there.
HOLDERS = {"degraded_reason", "failure", "problem"}


def literal(node: ast.expr) -> str:
    """The longest piece of a text that is always the same; empty when it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        pieces = [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
        return max(pieces, key=len, default="").strip(" :;,")
    return ""


def reasons() -> Iterator[str]:
    """Every text that the server's code sets, or returns, as a reason."""
    for path in sorted((ROOT / "argus_server").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign):
                named = {target.attr for target in node.targets if isinstance(target, ast.Attribute)}
                if named & HOLDERS:
                    yield literal(node.value)
            if isinstance(node, ast.FunctionDef) and node.name in HOLDERS:
                yield from (
                    literal(inner.value)
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Return) and inner.value is not None
                )


def test_every_reason_is_in_the_runbook() -> None:
    found = {reason for reason in reasons() if reason}
    assert len(found) >= 8, "the code sets reasons in another way now, and this test sees none of them"
    assert {reason for reason in found if reason not in RUNBOOK} == set()


@pytest.mark.parametrize("number", [*("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EIO", "EACCES"), None])
def test_every_way_in_which_a_disk_fails_is_in_the_runbook(number: str | None) -> None:
    error = ValueError("x") if number is None else OSError(getattr(errno, number), "x")
    assert f"`{_explain(error).partition(' (')[0]}`" in RUNBOOK


def test_every_defect_of_a_model_is_in_the_runbook() -> None:
    assert {reason for reason in ArtifactReason if f"`{reason}`" not in RUNBOOK} == set()


def test_settings_and_commands_are_what_they_are_called() -> None:
    table = PAGE[PAGE.index("## Settings that matter") : PAGE.index("## Runbook")]
    named = {
        name
        for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert len(named) > 10
    assert named <= set(ServerSettings.model_fields)
    commands = set(re.findall(r"^argus store (\w+)", PAGE, re.MULTILINE))
    assert commands == set(get_command(app).commands)  # type: ignore[attr-defined]
