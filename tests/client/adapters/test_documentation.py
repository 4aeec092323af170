"""What the pages about adapters show works as it stands there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from argus_client.adapters.core import registry
from argus_client.adapters.core.config import parse
from argus_client.adapters.core.exporter import TallyCollector
from argus_client.adapters.core.mapping import Problem
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.core.tally import Tally

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "adapters.md"


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", [PAGE, DOCS / "adapters" / "files.md"], ids=lambda path: path.name)
def test_configurations_are_configurations(path: Path) -> None:
    shown = blocks(path, "toml")
    assert shown
    spec = registry.find("files")
    assert spec.build is not None
    for text in shown:
        config = parse(text.replace("/var/log/metrics", "."), spec)
        spec.build(config.source, SourceContext())


async def test_a_source_of_ones_own_is_one_module(tmp_path: Path) -> None:
    (code,) = blocks(PAGE, "python")
    module = SimpleNamespace()
    exec(compile(code, "my_source.py", "exec"), module.__dict__)
    config = parse(module.SPEC.template, module.SPEC)
    (tmp_path / "spool").mkdir()
    for number in range(3):
        (tmp_path / "spool" / f"{number}.json").write_text(f'{{"n": {number}}}')
    source = module.SPEC.build(config.source, SourceContext(base_dir=tmp_path))
    first = await source.fetch(source.begin(0), 2)
    rest = await source.fetch(first.cursor, 2)
    assert [len(first.records), first.is_last, len(rest.records), rest.is_last] == [2, False, 1, True]


async def test_every_metric_is_on_the_page() -> None:
    tally = Tally(lambda: 1)
    tally.newest_ms = tally.last_saved_ms = tally.last_success_ms = 1
    tally.source_errors["failed"] = 1
    tally.problem(Problem("no_metric", "*", 1, ""))
    collector = TallyCollector("a", "b", tally, lambda: None)
    families = await asyncio.to_thread(lambda: list(collector.collect()))
    names = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    assert names == set(re.findall(r"^\| `(argus_adapter_[a-z_]+)", PAGE.read_text(), re.MULTILINE))


def test_every_adapter_has_a_page_and_is_listed() -> None:
    for name in registry.names():
        if (DOCS / "adapters" / f"{name}.md").exists():
            assert f"(adapters/{name}.md)" in PAGE.read_text(), name
    assert "files" in registry.names()
