"""Server metrics from a Prometheus or from what speaks its HTTP API, by range queries.

settings --> source --(times and PromQL)--> api --> Prometheus
               |<---------- series ----------|
               +--> columns: a row for each server and time
"""

from __future__ import annotations

from argus_client.adapters.core.spec import AdapterSpec
from argus_client.adapters.prometheus.settings import TEMPLATE, build, identity

SPEC = AdapterSpec(
    name="prometheus",
    summary="Range queries to a Prometheus, Thanos, Mimir or VictoriaMetrics; node_exporter and windows_exporter.",
    template=TEMPLATE,
    build=build,
    identity=identity,
)
