"""What runs in the browser: ES modules that components import as `argus/<name>.js`, and the style sheet.

Everything is served under a name that changes with its content, so that browsers may keep it for ever and an upgrade
of Argus still reaches them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

from nicegui import __version__ as nicegui_version
from nicegui.dependencies import Component, compute_key, register_esm, register_vue_component
from nicegui.elements import echart

MODULES: Final = Path(__file__).parent
COMPONENTS: Final = MODULES.parent / "components"

_IMPORT: Final = re.compile(r'^(?:import .*|\} from )"argus/(\w+\.js)";$', re.MULTILINE)


def browser_component(file: str) -> Component:
    """Registers a Vue component of `argus_ui/components`; a class of an element takes it as `component`."""
    path = COMPONENTS / file
    return register_vue_component(path, max_time=_stamp(path))


def component_url(file: str) -> str:
    """Registers a Vue component of `argus_ui/components`; returns where it is, without the path prefix of a proxy."""
    return f"/_nicegui/{nicegui_version}/components/{browser_component(file).key}"


@cache
def modules_url() -> str:
    """Registers the modules as `argus`; returns where they are, without the path prefix of a proxy."""
    assert echart  # being imported is what puts ECharts into the import map of pages
    stamp = _stamp(*sorted(MODULES.glob("*.*")))
    register_esm("argus", MODULES, max_time=stamp)
    return f"/_nicegui/{nicegui_version}/esm/{compute_key(MODULES, max_time=stamp)}"


def style_sheet_urls() -> list[str]:
    """Of all style sheets."""
    return [f"{modules_url()}/{path.name}" for path in sorted(MODULES.glob("*.css"))]


def module_urls(components: Iterable[str]) -> list[str]:
    """Of all modules that these components import, in turn, for browsers to fetch ahead."""
    found: set[str] = set()
    for file in components:
        found |= _imports(COMPONENTS / file)
    return [f"{modules_url()}/{name}" for name in sorted(found)]


@cache
def _imports(path: Path) -> frozenset[str]:
    direct = frozenset(_IMPORT.findall(path.read_text(encoding="utf-8")))
    return direct.union(*(_imports(MODULES / name) for name in direct))


def _stamp(*paths: Path) -> float:
    """A number that changes with the content. NiceGUI takes the time of change, which reproducible wheels fix."""
    digest = blake2b(digest_size=6)
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return float(int.from_bytes(digest.digest(), "big"))
