"""Adapters: where metric rows come from. Each yields `Samples`; sending them is the publisher's work."""

from argus_client.adapters.source import Source, SourceError, Stop

__all__ = ["Source", "SourceError", "Stop"]
