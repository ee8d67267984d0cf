from django.conf import settings
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ArrayField


class SecondFactor(models.Model):
    """The authenticator app of a member of staff."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # Base32 (RFC 6238).
    secret = models.CharField(max_length=64)
    # Time step of the latest accepted code: each code works once.
    last_step = models.PositiveBigIntegerField(default=0)
    # Keyed digests of the unused recovery codes.
    recovery_codes = ArrayField(models.CharField(max_length=64), default=list)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"second factor of {self.user_id}"
