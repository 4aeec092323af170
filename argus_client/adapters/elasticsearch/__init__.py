"""Documents of Elasticsearch or OpenSearch, in order of time. Needs elasticsearch[async], of the extra `adapters`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from argus_client.adapters.core.spec import AdapterSpec, SourceContext
from argus_client.adapters.elasticsearch.convert import converted
from argus_client.adapters.elasticsearch.template import PRESETS, TEMPLATE
from argus_client.adapters.pull import PullSource
from argus_client.extras import require


def _build(values: Mapping[str, object], context: SourceContext) -> PullSource:
    require("elasticsearch", "adapters")
    require("aiohttp", "adapters")
    # Only here: the template and the presets must be had without the client.
    from argus_client.adapters.elasticsearch.settings import SearchSettings
    from argus_client.adapters.elasticsearch.source import SearchSource

    return SearchSource(SearchSettings.from_table(values, context), context)


def _identity(values: Mapping[str, object]) -> object:
    """Another host, user or time-out reads the same documents; another index or filter does not."""
    keys = ("index", "time_field", "layout", "bucket_seconds", "metricsets", "filter")
    return [values.get(key) for key in keys]


SPEC: Final = AdapterSpec(
    name="elasticsearch",
    summary="Documents of Elasticsearch 8 or 9, or of OpenSearch: Metricbeat, Elastic Agent, or your own.",
    template=TEMPLATE,
    build=_build,
    presets=PRESETS,
    preset="metricbeat",
    identity=_identity,
    convert=converted,
)
