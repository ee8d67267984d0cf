"""The benchmark: how fast the API is on one core, beside a peer that serves the same shop (``manage.py bench``).

Every comparison has the same form: contestants on one MongoDB of the benchmark's own, each a server pinned to a core;
``wrk`` loads them in turn from another core, A B A B, so that what disturbs the machine disturbs all of them.
"""
