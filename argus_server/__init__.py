"""Argus server: metrics in, forecasts and risk-scored snapshots out."""
