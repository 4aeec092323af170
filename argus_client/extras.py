"""Optional dependencies, imported only where they are used, with an error that says what to install."""

from __future__ import annotations

import importlib
from typing import Any


class MissingExtraError(ImportError):
    """A feature needs a package that the base install leaves out."""

    def __init__(self, module: str, extra: str) -> None:
        self.module = module
        self.extra = extra
        package = module.partition(".")[0]
        super().__init__(
            f"{package} is not installed; this feature needs it. Run: pip install 'argus-forecast[{extra}]'",
            name=module,
        )


def require(module: str, extra: str) -> Any:
    """Import and return `module`, which comes with the extra `extra`.

    Raises:
        MissingExtraError: the module's package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingExtraError(module, extra) from error
