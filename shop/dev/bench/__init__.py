"""Benchmarks of the API on one core, next to a peer that serves the same data (``manage.py bench``).

Contestants are servers pinned to a core on one MongoDB. ``wrk`` loads them alternately (A B A B) from another core, so
that disturbances affect all of them.
"""
