"""Listens for OTLP metrics and hands them to a sink."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from argus_client.adapters.core.notices import log
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.otlp.access import Addresses, Endpoint
from argus_client.adapters.otlp.grpc_endpoint import listening_grpc
from argus_client.adapters.otlp.http_endpoint import listening_http
from argus_client.adapters.otlp.intake import Intake, Limits
from argus_client.adapters.otlp.points import Selection
from argus_client.adapters.push import Sink


class OtlpSource:
    """A receiver of OTLP metrics over gRPC and HTTP; implements `PushSource`.

    Args:
        grpc: Where to listen for OTLP/gRPC; None for nowhere.
        http: Where to listen for OTLP/HTTP; None for nowhere.
        selection: Which points count.
        limits: How long to wait and how much to take.
        context: What the adapter gives.

    Attributes:
        addresses: Where it listens, once `started` is set.
        started: Set as soon as it listens.
    """

    def __init__(
        self,
        grpc: Endpoint | None,
        http: Endpoint | None,
        selection: Selection,
        limits: Limits,
        context: SourceContext,
    ) -> None:
        self._grpc = grpc
        self._http = http
        self._selection = selection
        self._limits = limits
        self._context = context
        self.addresses = Addresses()
        self.started = asyncio.Event()

    async def serve(self, sink: Sink) -> None:
        """See `PushSource.serve`."""
        context = self._context
        intake = Intake(sink, self._selection, self._limits, refuse=context.refuse, count=context.count)
        max_bytes = self._limits.max_request_bytes
        async with AsyncExitStack() as stack:
            stack.push_async_callback(intake.close)
            grpc = http = ""
            if self._grpc is not None:
                grpc = await stack.enter_async_context(listening_grpc(self._grpc, intake, max_bytes))
            if self._http is not None:
                http = await stack.enter_async_context(listening_http(self._http, intake, max_bytes))
            self.addresses = Addresses(grpc, http)
            for protocol, address in (("gRPC", grpc), ("HTTP", http)):
                if address:
                    log.info("listening for OTLP/%s on %s", protocol, address)
            self.started.set()
            await asyncio.Event().wait()
