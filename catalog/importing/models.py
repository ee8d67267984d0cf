from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ObjectIdField

from shop.db.mongodb import TTLIndex

# Plans live longer, because a confirmed import may wait for a worker.
PREVIEW_LASTS = timedelta(days=7)
PLAN_LASTS = timedelta(days=90)


def _plan_expiry() -> datetime:
    return timezone.now() + PLAN_LASTS


class ImportRun(models.Model):
    class State(models.TextChoices):
        CHECKING = "checking", "Checking"
        REFUSED = "refused", "Has errors"
        READY = "ready", "Checked"
        APPLYING = "applying", "Importing"
        DONE = "done", "Done"
        DISCARDED = "discarded", "Discarded"

    DISCARDABLE = (State.CHECKING, State.READY)

    class Encoding(models.TextChoices):
        UTF_8 = "utf-8", "Unicode (UTF-8)"
        CP1252 = "cp1252", "Windows-1252 (Excel in Western Europe)"

    filename = models.CharField("file", max_length=255, editable=False)
    # SHA-256 of the file, to find an interrupted import.
    digest = models.CharField(max_length=64, editable=False)
    encoding = models.CharField(
        max_length=10,
        choices=Encoding,
        default=Encoding.UTF_8,
        help_text="For CSV files. Not needed for Excel's “CSV UTF-8” and XLSX files.",
    )
    state = models.CharField(max_length=10, choices=State, default=State.CHECKING, editable=False)
    # User ids; "" for the command line.
    uploaded_by = models.CharField(max_length=64, blank=True, editable=False)
    confirmed_by = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField("uploaded", default=timezone.now, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    confirmed_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    # Why the file is unreadable, or its first errors as [row, column, sentence].
    problem = models.TextField(blank=True, editable=False)
    faults = models.JSONField(default=list, editable=False)
    fault_count = models.PositiveIntegerField("errors", default=0, editable=False)
    rows = models.PositiveIntegerField(default=0, editable=False)
    new_rows = models.PositiveIntegerField("new", default=0, editable=False)
    changed_rows = models.PositiveIntegerField("changed", default=0, editable=False)

    # `applied` of `steps` products are processed, including `conflicts` that were skipped.
    plan = ObjectIdField(null=True, editable=False)
    steps = models.PositiveIntegerField(default=0, editable=False)
    applied = models.PositiveIntegerField(default=0, editable=False)
    conflicts = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = "import"
        # Importing needs the permissions for products and variants.
        default_permissions = ("view",)
        ordering = ["-id"]
        indexes = [models.Index(fields=["digest"], name="import_digest")]

    def __str__(self) -> str:
        return self.filename

    @property
    def unchanged_rows(self) -> int:
        return max(self.rows - self.new_rows - self.changed_rows, 0)

    @property
    def is_discardable(self) -> bool:
        return self.state in self.DISCARDABLE

    @property
    def is_stale(self) -> bool:
        return self.checked_at is not None and timezone.now() - self.checked_at > PREVIEW_LASTS


class ImportPart(models.Model):
    """In the database, because the worker may run on another machine."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()
    expires_at = models.DateTimeField(default=_plan_expiry)

    class Meta:
        default_permissions = ()
        indexes = [TTLIndex(fields=["expires_at"], name="import_part_expiry")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.number}"


class ImportStep(models.Model):
    """Changes to one product and its variants."""

    plan = ObjectIdField()
    number = models.PositiveIntegerField()
    # None if new.
    product_id = ObjectIdField(null=True)
    name = models.CharField(max_length=200)
    # [column, text before, text after]
    changes = models.JSONField(default=list)
    # {"row", "sku", "id" (None if new), "adjustments", "changes"}
    variants = models.JSONField(default=list)
    # Why it was skipped.
    conflict = models.TextField(blank=True)
    expires_at = models.DateTimeField(default=_plan_expiry)

    class Meta:
        ordering = ["number"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["plan", "number"], name="import_step_number"),
            TTLIndex(fields=["expires_at"], name="import_step_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    @property
    def size(self) -> int:
        return 1 + len(self.variants)
