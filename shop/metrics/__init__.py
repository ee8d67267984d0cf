"""Metrics for Prometheus, off by default. Apps define theirs in their `metrics.py`."""
