"""Argus dashboard: a pure client of the snapshot stream."""
