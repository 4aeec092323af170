"""A piece of a view that browsers fetch when they need it."""

from __future__ import annotations

from typing import Any, ClassVar

from nicegui.element import Element

from argus_ui.browser import browser_component, component_url


class ViewPart(Element):
    """A Vue component that comes with its view, or while the browser has nothing to do.

    A subclass names the file, in `argus_ui/components`: `class Help(ViewPart, module="help.js")`.

    Args:
        settings: Props of the component.

    Attributes:
        file: Its name, in `argus_ui/components`.
        module: Where browsers find it, without the path prefix of a proxy.
    """

    component = browser_component("view_part.js")
    file: ClassVar[str] = ""
    module: ClassVar[str] = ""

    def __init_subclass__(cls, *, module: str = "", **others: Any) -> None:
        """Registers the file."""
        super().__init_subclass__(**others)
        if module:
            cls.file, cls.module = module, component_url(module)

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._props["module"] = self.module
        self._props["settings"] = settings
