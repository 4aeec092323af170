"""The adapters there are, by name; a module is imported only when its adapter is used."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.spec import AdapterSpec

MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "elasticsearch": "argus_client.adapters.elasticsearch",
        "files": "argus_client.adapters.files",
        "mongodb": "argus_client.adapters.mongodb",
        "otlp": "argus_client.adapters.otlp",
        "prometheus": "argus_client.adapters.prometheus",
    }
)
"""Each exports a `SPEC`. Its packages are imported by its source when that is built, not by the module."""


def names() -> tuple[str, ...]:
    """What can be run."""
    return tuple(name for name, module in MODULES.items() if importlib.util.find_spec(module) is not None)


def find(name: str) -> AdapterSpec:
    """The adapter of a name, or of a module of one's own: `my_package.my_source`.

    Raises:
        ConfigError: there is none.
    """
    module = MODULES.get(name, name if "." in name else "")
    if not module or (name in MODULES and name not in names()):
        raise ConfigError(
            f"There is no adapter {name!r}; known are {', '.join(names())}, or a module of your own: my_package.source."
        )
    try:
        spec = importlib.import_module(module).SPEC
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise ConfigError(f"There is no module {module!r}; is its directory on PYTHONPATH?") from None
    except AttributeError:
        raise ConfigError(
            f"The module {module!r} has no SPEC; it must export an AdapterSpec of this name."
        ) from None
    if not isinstance(spec, AdapterSpec):
        raise ConfigError(f"SPEC of {module!r} is {type(spec).__name__}; it must be an AdapterSpec.")
    return spec
