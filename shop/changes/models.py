from django.conf import settings
from django.db import models
from django.utils import timezone

from shop.db.fields import ServerTimestampField


class PendingChanges(models.Model):
    """The changes of a transaction, until they are numbered.

    Of two transactions that change one object, the second can only begin after the commit of the first, or it would
    conflict. So ``recorded`` has the order of an object's changes, and who sees the second also sees the first.
    """

    recorded = ServerTimestampField()
    at = models.DateTimeField(default=timezone.now)
    # Lists of type, id and parent.
    entries = models.JSONField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["recorded"], name="pending_changes_order")]

    def __str__(self) -> str:
        return f"{len(self.entries)} changes"


class Change(models.Model):
    """Rows are inserted with consecutive positions, and never changed."""

    position = models.PositiveBigIntegerField(primary_key=True, db_column="_id")
    kind = models.CharField(max_length=20)
    type = models.CharField(max_length=60)
    # As in the API's paths: the number of an order.
    object_id = models.CharField("id", max_length=40)
    # The number of a return's order.
    parent = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        indexes = [models.Index(fields=["kind", "position"], name="change_kind")]

    def __str__(self) -> str:
        return f"{self.position} {self.type} {self.object_id}"


class ChangeCounter(models.Model):
    """``last`` is the highest position, ``deleted`` the highest one that was deleted."""

    name = models.CharField(max_length=20, primary_key=True, db_column="_id")
    last = models.PositiveBigIntegerField(default=0)
    deleted = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.deleted} to {self.last}"


COUNTER = "changes"


def retention_days() -> int:
    return settings.CHANGES_RETENTION_DAYS
