from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ArrayField

PREFIX_LENGTH = 24


class ApiKey(models.Model):
    """Keys are revoked, never deleted: the staff log names them."""

    name = models.CharField(max_length=100, help_text="The system that uses the key, such as its ERP.")
    # The public beginning of the key, by which it is found.
    prefix = models.CharField("key", max_length=PREFIX_LENGTH, unique=True, editable=False)
    # Of the secret, which is random: a fast hash is enough.
    digest = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=150), default=list, blank=True)
    # Responsible for the key, which is refused while this account is not active staff.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="api_keys"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField("expires", null=True, blank=True, help_text="Empty for a key that does not.")
    # To the minute.
    last_used_at = models.DateTimeField("last used", null=True, editable=False)
    revoked_at = models.DateTimeField("revoked", null=True, editable=False)

    class Meta:
        verbose_name = "API key"
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return self.name

    def has_expired(self, moment: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= moment
