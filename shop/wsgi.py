"""The WSGI application that the production server serves."""

import contextlib
import gc
import os

from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

application = get_wsgi_application()

# Django would look at its connections before and after each request: the drivers mind their own. It would empty its
# list of queries, which is only kept for debugging, and forget the addresses' configuration, of which there is one.
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_old_connections)
request_finished.disconnect(close_caches)
request_finished.disconnect(reset_urlconf)
if not settings.DEBUG:
    request_started.disconnect(reset_queries)

# What was imported lives as long as the process. Python's collector walks all of it again and again, a tenth of every
# request's time and a stop of 0.1 s now and then, unless it is told; so everything is imported now.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
# Objects made since the last look at the young ones; 700 are fewer than one request makes.
gc.set_threshold(20_000, 10, 10)

# Of the server's threads one works while the others wait for Python's lock or for MongoDB. Linux would let each that
# wakes up interrupt it, only to wait for the lock; as a batch they take turns where they have to wait anyway. An
# operator's own choice stays, and where a system does not know this or forbids it, nothing is lost.
if hasattr(os, "SCHED_BATCH"):
    with contextlib.suppress(OSError):
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
