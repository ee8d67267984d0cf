"""Benchmarks of the API on one core, next to a peer that serves the same data (``manage.py bench``).

Contestants share one MongoDB; each is a server pinned to a core. ``wrk`` on another core loads them alternately (A B A
B), so that disturbances of the machine affect all of them.
"""
