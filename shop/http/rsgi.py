# First: it loads the apps.
from shop.wsgi import application as django_application  # isort: skip

from shop.http.application import Application

application = Application(django_application)
