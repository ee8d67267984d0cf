"""Settings of `collectstatic` while the container image is built: they need no secrets."""

import os

os.environ["DEBUG"] = "1"

from shop.settings import *  # noqa: F403
from shop.settings import BASE_DIR, INSTALLED_APPS, STORAGES

INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "shop.dev"]
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
