"""What there is to see, one module each.

Every module here has a constant `VIEW`; that alone puts it into the menu, the router and the palette.
"""

from __future__ import annotations

import importlib
import pkgutil

from argus_ui.view import View


def all_views() -> tuple[View, ...]:
    """The views of this package, as they stand in the menu."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    found = [importlib.import_module(f"{__name__}.{name}").VIEW for name in names]
    return tuple(sorted(found, key=lambda view: (view.order, view.title)))
