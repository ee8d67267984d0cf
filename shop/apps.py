from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig
from pymongo import monitoring

OBJECT_ID = "django_mongodb_backend.fields.ObjectIdAutoField"


class ShopConfig(AppConfig):
    name = "shop"
    verbose_name = "System"

    def ready(self) -> None:
        from shop.api import object_ids
        from shop.changes import retention  # noqa: F401 (registers its task)
        from shop.conf import checks  # noqa: F401 (the checks register themselves)
        from shop.db import mongodb
        from shop.jobs import metrics  # noqa: F401 (registers its readings)
        from shop.metrics.database import CommandMetrics
        from shop.webhooks import registration as webhooks

        webhooks.register()
        mongodb.apply_backend_patches()
        object_ids.register_serializer_fields()
        if settings.METRICS_ON:
            # Before the first connection.
            monitoring.register(CommandMetrics())
        if settings.OTLP_ENDPOINT:
            from shop.traces import telemetry

            telemetry.start()
        if settings.SENTRY_DSN:
            from shop.traces import sentry

            sentry.start()


class MongoAdminConfig(AdminConfig):
    default_site = "accounts.admin_site.ShopAdminSite"
    default_auto_field = OBJECT_ID


class MongoAuthConfig(AuthConfig):
    # The admin shows only its groups.
    verbose_name = "Staff"
    default_auto_field = OBJECT_ID


class MongoContentTypesConfig(ContentTypesConfig):
    default_auto_field = OBJECT_ID
