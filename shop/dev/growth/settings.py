"""Those of the benchmark, with static files that were not collected."""

from shop.dev.bench.settings import *  # noqa: F403
from shop.settings import STORAGES

STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
STATIC_ROOT = None
