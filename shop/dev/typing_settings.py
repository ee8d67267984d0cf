"""Settings for mypy: django-stubs knows the user model only if the auth app is installed by its own name."""

from shop.settings import *  # noqa: F403
from shop.settings import INSTALLED_APPS

INSTALLED_APPS = ["django.contrib.auth" if app == "shop.apps.MongoAuthConfig" else app for app in INSTALLED_APPS]
