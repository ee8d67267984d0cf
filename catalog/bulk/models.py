from django.db import models

from shop.db.mongodb import TTLIndex


class BulkProgress(models.Model):
    """Results of the rows of a call with an ``Idempotency-Key``, written with the rows: none is applied twice."""

    id = models.CharField(max_length=64, primary_key=True, db_column="_id")
    results = models.JSONField(default=list)
    done = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [TTLIndex(fields=["expires_at"], name="bulk_progress_expiry")]

    def __str__(self) -> str:
        return self.id
