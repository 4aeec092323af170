"""Typed Python client of an Argus server."""
