"""What the pages about adapters show works as it stands there."""

from __future__ import annotations

import asyncio
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from argus_client.adapters.core import registry
from argus_client.adapters.core.config import load, parse
from argus_client.adapters.core.exporter import TallyCollector
from argus_client.adapters.core.mapping import Problem
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.core.tally import Tally
from argus_client.cli import adapter

DOCS = Path(__file__).parents[3] / "docs"
PAGE = DOCS / "adapters.md"
_OTHER_PROGRAMS = {"inputs", "outputs"}  # Telegraf's


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def configurations(path: Path) -> list[str]:
    """The configurations a page shows; one without `[source]` adds to the page's first."""
    shown = [text for text in blocks(path, "toml") if not _OTHER_PROGRAMS & tomllib.loads(text).keys()]
    whole = re.compile(r"^\[source\]", re.MULTILINE)
    return [text if whole.search(text) else f"{shown[0]}\n{text}" for text in shown]


@pytest.mark.parametrize("name", ["", *registry.names()], ids=lambda name: name or "adapters")
def test_configurations_are_configurations(name: str, tmp_path: Path) -> None:
    spec = registry.find(name or "files")
    page = DOCS / "adapters" / f"{name}.md" if name else PAGE
    shown = configurations(page)
    assert shown or name == "otlp", "a receiver does with what `argus adapter init` writes"
    for number, text in enumerate(shown):
        for file in re.findall(r'^\w+_file = "([\w.]+)"', text, re.MULTILINE):
            (tmp_path / file).write_text("secret")
        path = tmp_path / f"{number}.toml"
        path.write_text(text.replace("/var/log/metrics", "."))
        config = load(path, spec)
        context = SourceContext(base_dir=tmp_path, config_path=path, mapping=config.mapping)
        make = spec.build or spec.serve
        assert make is not None
        make(config.source, context)


async def test_a_source_of_ones_own_is_one_module(tmp_path: Path) -> None:
    (code,) = blocks(PAGE, "python")
    module = SimpleNamespace()
    exec(compile(code, "my_source.py", "exec"), module.__dict__)
    config = parse(module.SPEC.template, module.SPEC)
    (tmp_path / "spool").mkdir()
    for number in range(3):
        (tmp_path / "spool" / f"{number}.json").write_text(f'{{"n": {number}}}')
    (tmp_path / "spool" / "4.json").write_text("half a docum")
    refused: list[tuple[str, int, str]] = []
    context = SourceContext(base_dir=tmp_path, refuse=lambda *what: refused.append(what))
    source = module.SPEC.build(config.source, context)
    first = await source.fetch(source.begin(0), 2)
    rest = await source.fetch(first.cursor, 2)
    assert [len(first.records), first.is_last, len(rest.records), rest.is_last] == [2, False, 1, True]
    assert refused == [("not_json", 1, "4.json")]


async def test_every_metric_is_on_the_page() -> None:
    tally = Tally(lambda: 1)
    tally.newest_ms = tally.last_saved_ms = tally.last_success_ms = 1
    tally.source_errors["failed"] = 1
    tally.problem(Problem("no_metric", "*", 1, ""))
    collector = TallyCollector("a", "b", tally, lambda: None)
    families = await asyncio.to_thread(lambda: list(collector.collect()))
    names = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    assert names == set(re.findall(r"^\| `(argus_adapter_[a-z_]+)", PAGE.read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", registry.names())
def test_every_adapter_has_a_page_and_is_listed(name: str) -> None:
    page = (DOCS / "adapters" / f"{name}.md").read_text()
    assert f"argus adapter init {name}" in page
    assert f"(adapters/{name}.md)" in PAGE.read_text()


def test_every_exit_code_is_on_the_page() -> None:
    codes = {adapter.SERVER_UNUSABLE, adapter.WRONG_CONFIG, adapter.SOURCE_UNUSABLE, adapter.SUPERSEDED}
    listed = set(map(int, re.findall(r"^\| (\d) \| ", PAGE.read_text(), re.MULTILINE)))
    assert listed == {0, *codes}
    (kept_down,) = re.findall(r"^RestartPreventExitStatus=(.*)$", PAGE.read_text(), re.MULTILINE)
    assert kept_down.split() == [str(adapter.WRONG_CONFIG), str(adapter.SUPERSEDED)]
