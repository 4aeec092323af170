"""All style sheets are in every page, so a class belongs to one of them."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import argus_ui

SHEETS = Path(argus_ui.__file__).parent / "browser"

# `.a-name`, alone or in a state of its own, at the head of a rule; what stands within another is that other's affair.
_OWN_RULE = re.compile(r"(?:\.a-(?:frame|main) )?[a-z]*\.(a-[\w-]+)(?:\[[^\]]*\]|:[\w-]+)*")


def _owned(sheet: Path) -> set[str]:
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
    heads = [head.strip() for head in re.findall(r"([^{}]+)\{", text)]
    selectors = [one.strip() for head in heads if not head.startswith("@") for one in head.split(",")]
    return {match[1] for one in selectors if (match := _OWN_RULE.fullmatch(one))}


def test_a_class_is_styled_by_one_sheet() -> None:
    sheets = defaultdict(list)
    for sheet in sorted(SHEETS.glob("*.css")):
        for name in _owned(sheet):
            sheets[name].append(sheet.name)
    assert len(sheets) > 100
    assert {name: where for name, where in sheets.items() if len(where) > 1} == {}
