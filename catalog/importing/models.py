"""An import from its upload to its end, and the plan of what it changes."""

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ObjectIdField

from shop.mongodb import TTLIndex

# How long a preview may be confirmed. What it was made of is kept far longer: an import that waits for a worker must
# find all of its plan.
PREVIEW_LASTS = timedelta(days=7)
PLAN_LASTS = timedelta(days=90)


def _plan_expiry() -> datetime:
    return timezone.now() + PLAN_LASTS


class ImportRun(models.Model):
    """One file and what became of it."""

    class State(models.TextChoices):
        CHECKING = "checking", "Being checked"
        REFUSED = "refused", "Has errors"
        READY = "ready", "Checked"
        APPLYING = "applying", "Being written"
        DONE = "done", "Done"
        DISCARDED = "discarded", "Discarded"

    class Encoding(models.TextChoices):
        UTF_8 = "utf-8", "Unicode (UTF-8)"
        CP1252 = "cp1252", "Windows-1252 (Excel in Western Europe)"

    filename = models.CharField("file", max_length=255, editable=False)
    # SHA-256 of the file, by which a command finds the import that was killed.
    digest = models.CharField(max_length=64, editable=False)
    encoding = models.CharField(
        max_length=10,
        choices=Encoding,
        default=Encoding.UTF_8,
        help_text="Of a CSV file. Excel's “CSV UTF-8” and XLSX files need no choice.",
    )
    state = models.CharField(max_length=10, choices=State, default=State.CHECKING, editable=False)
    # Ids of staff as text, "" for the command line: what the ledger of stock has, too.
    uploaded_by = models.CharField(max_length=64, blank=True, editable=False)
    confirmed_by = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField("uploaded", default=timezone.now, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    confirmed_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    # What the check found: why the file cannot be read, or its first faulty cells as [row, column, sentence].
    problem = models.TextField(blank=True, editable=False)
    faults = models.JSONField(default=list, editable=False)
    fault_count = models.PositiveIntegerField("errors", default=0, editable=False)
    rows = models.PositiveIntegerField(default=0, editable=False)
    new_rows = models.PositiveIntegerField("new", default=0, editable=False)
    changed_rows = models.PositiveIntegerField("changed", default=0, editable=False)

    # The plan: `steps` products, of which `applied` are dealt with, `conflicts` of them by leaving them alone.
    plan = ObjectIdField(null=True, editable=False)
    steps = models.PositiveIntegerField(default=0, editable=False)
    applied = models.PositiveIntegerField(default=0, editable=False)
    conflicts = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = "import"
        # Importing takes the rights to add and change products and variants; seeing what was imported has one.
        default_permissions = ("view",)
        ordering = ["-id"]
        indexes = [models.Index(fields=["digest"], name="import_digest")]

    def __str__(self) -> str:
        return self.filename

    @property
    def unchanged_rows(self) -> int:
        return max(self.rows - self.new_rows - self.changed_rows, 0)

    @property
    def is_stale(self) -> bool:
        """Whether its preview is too old to be confirmed."""
        return self.checked_at is not None and timezone.now() - self.checked_at > PREVIEW_LASTS


class ImportPart(models.Model):
    """A piece of an uploaded file, until it is checked: the worker may be another machine."""

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
    """What an import changes of one product, its new variants included."""

    plan = ObjectIdField()
    number = models.PositiveIntegerField()
    # None for a product that is new.
    product_id = ObjectIdField(null=True)
    name = models.CharField(max_length=200)
    # [column, text now, text then] of the product itself.
    changes = models.JSONField(default=list)
    # Of each of its variants: {"row", "sku", "id" (None for a new one), "adjustments", "changes"}.
    variants = models.JSONField(default=list)
    # Why it was left alone after all.
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
        """How much work it is, in rows."""
        return 1 + len(self.variants)
