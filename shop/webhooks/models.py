from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ArrayField, EmbeddedModelArrayField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from shop.changes.kinds import kinds, types
from shop.db.fields import LabelField
from shop.db.mongodb import TTLIndex
from shop.webhooks.addresses import check_url

MAX_ENDPOINTS = 20
# A former secret signs, too, for this time after a rotation.
ROTATION = timedelta(hours=24)
LOG_DAYS = 30
ATTEMPTS_KEPT = 20
TEST = "webhook.test"


def validate_url(url: str) -> None:
    if fault := check_url(url, allows_http=settings.DEBUG):
        raise ValidationError(fault, code="invalid_url")


def is_type(value: str) -> bool:
    return value in types() or value in all_of_kinds()


def permissions_for(values: Iterable[str]) -> set[str]:
    """Return the permissions to see the objects of these types, which are sent in full.

    Only superusers have that of another release's kind.
    """
    names = {each.partition(".")[0] for each in values}
    return {kinds()[name].permission if name in kinds() else f"{name}.view_{name}" for name in names}


def validate_types(values: list[str]) -> None:
    if unknown := [each for each in values if not is_type(each)]:
        raise ValidationError(f"“{unknown[0]}” is not a type of changes.", code="unknown_type")


def all_of_kinds() -> dict[str, str]:
    """Return the subscriptions to all types of a kind, with the kind."""
    return {f"{name}.*": name for name in kinds()}


class WebhookEndpoint(models.Model):
    """Its secrets are derived from ``SECRET_KEY``, see :mod:`shop.webhooks.signing`."""

    url = models.CharField("URL", max_length=500, validators=[validate_url])
    description = LabelField(max_length=200, blank=True, default="")
    # Such as "order.paid", or "order.*".
    types = ArrayField(
        models.CharField(max_length=60), validators=[MaxLengthValidator(100), validate_types], verbose_name="events"
    )
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=300, blank=True, default="", editable=False)
    disabled_at = models.DateTimeField(null=True, editable=False)
    # Unique, so that concurrent requests add at most MAX_ENDPOINTS.
    slot = models.PositiveSmallIntegerField(unique=True, editable=False)
    salt = models.CharField(max_length=40, editable=False)
    fingerprint = models.CharField(max_length=40, editable=False)
    former_salt = models.CharField(max_length=40, blank=True, default="", editable=False)
    former_fingerprint = models.CharField(max_length=40, blank=True, default="", editable=False)
    former_until = models.DateTimeField(null=True, editable=False)
    # Failed attempts since the last success, of all its deliveries.
    failures = models.PositiveIntegerField(default=0, editable=False)
    paused_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "webhook endpoint"

    def __str__(self) -> str:
        return self.url

    def subscribes_to(self, change_type: str) -> bool:
        return change_type in self.types or f"{change_type.partition('.')[0]}.*" in self.types


class WebhookAttempt(EmbeddedModel):
    at = models.DateTimeField()
    # Null without an answer.
    status_code = models.PositiveSmallIntegerField(null=True)
    milliseconds = models.PositiveIntegerField()
    error = models.CharField(max_length=300, blank=True)


class WebhookDelivery(models.Model):
    """Of an endpoint's deliveries about one object, one is pending and those behind it are held."""

    class Status(models.TextChoices):
        HELD = "held", "Behind another one"
        PENDING = "pending", "Pending"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"

    OPEN = (Status.PENDING, Status.HELD)

    endpoint = ObjectIdField()
    # The change's position; 0 for a test.
    sequence = models.PositiveBigIntegerField()
    type = models.CharField("event", max_length=60)
    kind = models.CharField(max_length=20)
    object_id = models.CharField("object", max_length=40)
    parent = models.CharField(max_length=40, blank=True, default="")
    # Kind and object, whose deliveries are sent one after another.
    subject = models.CharField(max_length=70)
    # When the change was recorded.
    changed_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status)
    # When it is due. While it is being sent, the end of the lease. Null if it is held or finished.
    run_at = models.DateTimeField(null=True)
    # An attempt is under way, unless its worker was killed.
    is_leased = models.BooleanField(default=False)
    # Deliveries that are held behind it.
    followers = models.PositiveIntegerField(default=0)
    # Since it was written, or replayed.
    tries = models.PositiveIntegerField(default=0)
    attempts = EmbeddedModelArrayField(WebhookAttempt, default=list)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        default_permissions = ("view", "change")
        indexes = [
            models.Index(fields=["endpoint", "status", "run_at"], name="delivery_due"),
            models.Index(fields=["endpoint", "subject", "status", "sequence"], name="delivery_subject"),
            models.Index(fields=["endpoint", "-id"], name="delivery_log"),
            models.Index(fields=["endpoint", "status", "-id"], name="delivery_log_status"),
            models.Index(fields=["status", "-id"], name="delivery_status"),
            TTLIndex(fields=["finished_at"], name="delivery_expiry", seconds=LOG_DAYS * 24 * 3600),
        ]
        constraints = [
            # Transactions that make two of them pending conflict, and the second one is repeated.
            models.UniqueConstraint(
                fields=["endpoint", "subject"], condition=models.Q(status="pending"), name="one_pending_delivery_each"
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id}"

    @property
    def message_id(self) -> str:
        """The same in all attempts."""
        return f"msg_{self.pk}"

    @property
    def last_attempt(self) -> WebhookAttempt | None:
        return self.attempts[-1] if self.attempts else None


def subject_of(kind: str, object_id: str) -> str:
    return f"{kind} {object_id}"
