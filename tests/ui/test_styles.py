"""All style sheets are in every page, so a class belongs to one of them; and to something that is drawn."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import argus_ui

ROOT = Path(argus_ui.__file__).parent
SHEETS = sorted((ROOT / "browser").glob("*.css"))
LONGEST_LINE = 140

# `.a-name`, alone or in a state of its own, at the head of a rule; what stands within another is that other's affair.
_OWN_RULE = re.compile(r"(?:\.a-(?:frame|main) )?[a-z]*\.(a-[\w-]+)(?:\[[^\]]*\]|:[\w-]+)*")
_CLASS = re.compile(r"\.([a-z_][\w-]*)", re.IGNORECASE)
# As it stands in templates and code; one that ends in a hyphen is completed by a value.
_NAMED = re.compile(r"(?<![\w-])([ac]-[\w-]*)")
# Of NiceGUI and Quasar, which draw around and above the frame.
_FOREIGN = re.compile(r"body--|nicegui-|q-")
_IDENTIFIERS = {"a-confirm-title"}


def _rules(sheet: Path) -> Iterator[tuple[str, str]]:
    """At-rule around it, or nothing, and selectors, of each rule."""
    around: list[str] = []
    for head, brace in re.findall(
        r"([^{}]*)([{}])", re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
    ):
        if brace == "}":
            around.pop()
            continue
        around.append(" ".join(head.split()))
        if not head.strip().startswith("@") and "@keyframes" not in " ".join(around):
            yield " ".join(around[:-1]), around[-1]


def _owned(sheet: Path) -> set[str]:
    selectors = [one.strip() for _, head in _rules(sheet) for one in head.split(",")]
    return {match[1] for one in selectors if (match := _OWN_RULE.fullmatch(one))}


def _styled() -> set[str]:
    return {name for sheet in SHEETS for _, head in _rules(sheet) for name in _CLASS.findall(head)}


def _drawn() -> str:
    return "\n".join(path.read_text() for kind in ("*.js", "*.py") for path in sorted(ROOT.rglob(kind)))


def test_a_class_is_styled_by_one_sheet() -> None:
    sheets = defaultdict(list)
    for sheet in SHEETS:
        for name in _owned(sheet):
            sheets[name].append(sheet.name)
    assert len(sheets) > 100
    assert {name: where for name, where in sheets.items() if len(where) > 1} == {}


def test_what_is_styled_is_drawn() -> None:
    drawn = _drawn()
    named = set(_NAMED.findall(drawn))
    begun = tuple(name for name in named if name.endswith("-") and name != "a-")
    own = {name for name in _styled() if not _FOREIGN.match(name)}
    states = {name for name in own if not _NAMED.fullmatch(name)}
    assert len(states) > 10
    assert {name for name in own - states if name not in named and not name.startswith(begun)} == set()
    words = set(re.findall(r"[\w-]+", drawn.lower()))
    assert {name for name in states if name.lower() not in words} == set()


def test_what_is_drawn_is_styled() -> None:
    styled = _styled()
    named = set(_NAMED.findall(_drawn())) - _IDENTIFIERS
    begun = {name for name in named if name.endswith("-") and name != "a-"}
    assert {name for name in begun if not any(one.startswith(name) for one in styled)} == set()
    assert {name for name in named - begun - {"a-"} if name not in styled} == set()


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_selector_has_one_rule(sheet: Path) -> None:
    assert [rule for rule, times in Counter(_rules(sheet)).items() if times > 1] == []


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_lines_of_a_sheet_can_be_read(sheet: Path) -> None:
    assert [line for line in sheet.read_text().splitlines() if len(line) > LONGEST_LINE] == []
