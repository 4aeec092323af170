"""Server metrics sent by OpenTelemetry SDKs and collectors, and by agents that speak OTLP, over gRPC and HTTP.

grpc_endpoint ─┐
               ├─> intake ─> points ─> servers (buckets of time) ─> measures ─> sink ─> Argus server
http_endpoint ─┘      <──────────────── answered once its rows are ─────────────────────────┘
"""

from __future__ import annotations

from argus_client.adapters.core.spec import AdapterSpec
from argus_client.adapters.otlp.settings import TEMPLATE, serve

SPEC = AdapterSpec(
    name="otlp",
    summary="A receiver of OpenTelemetry host metrics over OTLP/gRPC and OTLP/HTTP.",
    template=TEMPLATE,
    serve=serve,
)
