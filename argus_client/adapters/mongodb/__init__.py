"""Documents of a MongoDB collection, in order of time. Needs pymongo, of the extra `adapters`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argus_client.adapters.core.spec import AdapterSpec, SourceContext
from argus_client.adapters.mongodb.convert import converted
from argus_client.adapters.mongodb.template import PRESETS, TEMPLATE
from argus_client.adapters.pull import PullSource
from argus_client.extras import require


def _build(values: Mapping[str, object], context: SourceContext) -> PullSource:
    require("pymongo", "adapters")
    # Only here: the template and the presets must be had without the driver.
    from argus_client.adapters.mongodb.settings import MongoSettings
    from argus_client.adapters.mongodb.source import MongoSource

    return MongoSource(MongoSettings.from_table(values, context), context)


def _identity(values: Mapping[str, object]) -> object:
    """Another host, user or time-out reads the same documents; another collection does not."""
    return [values.get(key) for key in ("database", "collection", "time_field", "time_type")]


SPEC: Final = AdapterSpec(
    name="mongodb",
    summary="Documents of a MongoDB collection, in order of time.",
    template=TEMPLATE,
    build=_build,
    presets=PRESETS,
    preset="linborg",
    identity=_identity,
    convert=converted,
)
