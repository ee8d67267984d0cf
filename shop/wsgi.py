"""WSGI application, with per-request work of Django that the shop does not need removed."""

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

# The drivers manage their connections, queries are logged only with DEBUG, and there is only one URL configuration.
request_started.disconnect(close_old_connections)
request_finished.disconnect(close_old_connections)
request_finished.disconnect(close_caches)
request_finished.disconnect(reset_urlconf)
if not settings.DEBUG:
    request_started.disconnect(reset_queries)

# Imported objects live as long as the process. Freezing them saves the collector's repeated traversal: a tenth of each
# request's time and occasional pauses of 0.1 s. So import everything now.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
# The default of 700 is less than one request allocates.
gc.set_threshold(20_000, 10, 10)

# Threads wait for the GIL or MongoDB. SCHED_BATCH avoids wake-up pre-emption by threads that would only wait for the
# GIL. An operator's own policy is kept, and an unsupported call is ignored.
if hasattr(os, "SCHED_BATCH"):
    with contextlib.suppress(OSError):
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
