"""An append-only row per change, with the names of fields, but no values, which may be personal data.

Rows are kept for ``STAFF_ACTIONS_DAYS``.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NoReturn

from bson import ObjectId
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models
from django.utils import timezone

from shop import jobs
from shop.db import documents, transactions
from shop.http import request_context
from shop.jobs.retention import delete_in_batches

# Actions of API keys name the key as `staff`.
KEYS = "accounts.apikey"
# Fields that name an object in the log; none for personal data.
LABELS = {
    "accounts.apikey": "name",
    "auth.group": "name",
    "cart.promotion": "label",
    "catalog.category": "name",
    "catalog.collection": "name",
    "catalog.importrun": "filename",
    "catalog.product": "name",
    "catalog.variant": "sku",
    "orders.invoice": "number",
    "orders.order": "number",
    "orders.shippingmethod": "name",
    "orders.shippingzone": "name",
    "orders.taxrate": "country",
    "payments.payment": "order_number",
    "payments.stripeevent": "type",
    "shop.job": "kind",
    "shop.webhookdelivery": "type",
    "shop.webhookendpoint": "url",
}


class AppendOnly(TypeError):
    """Rows cannot be changed or deleted."""


class StaffActionQuerySet(models.QuerySet["StaffAction"]):
    def about(self, model: type[models.Model], object_id: str) -> "StaffActionQuerySet":
        """Latest first."""
        return self.filter(model=model._meta.label_lower, object_id=object_id).order_by("-pk")

    def update(self, **_: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class Action(models.TextChoices):
    ADD = "add", "added"
    CHANGE = "change", "changed"
    DELETE = "delete", "deleted"
    STOCK = "stock", "changed the stock"
    CANCEL = "cancel", "cancelled"
    SHIP = "ship", "marked as shipped"
    DELIVER = "deliver", "marked as delivered"
    SETTLE = "settle", "resolved the flag of"
    ERASE = "erase", "erased the personal data of"
    REFUND = "refund", "refunded"
    APPROVE = "approve", "approved a return of"
    REJECT = "reject", "rejected a return of"
    RECEIVE = "receive", "received a return of"
    INVOICE = "invoice", "issued the invoice of"
    REPLAY = "replay", "replayed"
    RUN = "run", "ran"
    MAIL = "mail", "sent an e-mail to"
    INVITE = "invite", "invited"
    REVOKE = "revoke", "revoked"


class StaffAction(models.Model):
    at = models.DateTimeField(default=timezone.now)
    # No foreign key: rows outlive the account.
    staff = models.CharField(max_length=24)
    via = models.CharField("source", max_length=5, choices=[("admin", "admin"), ("api", "API"), ("key", "API key")])
    action = models.CharField(max_length=10, choices=Action)
    model = models.CharField("object type", max_length=60)
    object_id = models.CharField("id", max_length=255)
    label = models.CharField("object", max_length=255, blank=True)
    fields = models.JSONField("changed fields", default=list)
    request_id = models.CharField("request", max_length=64)
    # Set by `with_people`.
    person: str
    target: str

    objects = StaffActionQuerySet.as_manager()

    class Meta:
        verbose_name = "staff action"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["object_id", "-id"], name="staff_action_about"),
            models.Index(fields=["label", "-id"], name="staff_action_label"),
            models.Index(fields=["request_id", "-id"], name="staff_action_request"),
            models.Index(fields=["staff", "-id"], name="staff_action_by"),
            models.Index(fields=["model", "action", "-id"], name="staff_action_kind"),
            models.Index(fields=["via", "-id"], name="staff_action_via"),
            models.Index(fields=["at"], name="staff_action_at"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.label or self.object_id} {self.get_action_display()}"

    def save(self, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(**{**options, "force_insert": True})

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise AppendOnly


def record(action: Action, *objects: models.Model, fields: Iterable[str] = ()) -> None:
    """Log within the transaction; does nothing in jobs, in commands and for customers."""
    staff = request_context.acting_staff()
    if staff is None:
        return
    if not transactions.in_transaction():
        raise RuntimeError("Staff actions must be logged in the transaction of the change.")
    names = sorted(set(fields))
    rows = [
        StaffAction(
            staff=staff.id,
            via=staff.via,
            action=action,
            model=obj._meta.label_lower,
            object_id=str(obj.pk),
            label=_label(obj),
            fields=names,
            request_id=request_context.current_request_id(),
        )
        for obj in objects
    ]
    if rows:
        documents.insert(*rows)


@jobs.every_in_slices(24 * 3600, name="shop.forget_staff_actions")
def delete_old_actions(cursor: jobs.Cursor) -> jobs.Cursor:
    days = settings.STAFF_ACTIONS_DAYS
    before = timezone.now() - timedelta(days=days)
    return delete_in_batches(StaffAction, {"at": {"$lt": before}}) if days else None


def _label(obj: models.Model) -> str:
    attribute = LABELS.get(obj._meta.label_lower)
    return str(getattr(obj, attribute))[:255] if attribute else ""


def with_people(actions: Iterable[StaffAction]) -> list[StaffAction]:
    """Set ``person`` and ``target`` to the current names, or to the ids of deleted objects."""
    rows = list(actions)
    user_label = get_user_model()._meta.label_lower
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        wanted[KEYS if row.via == "key" else user_label].add(row.staff)
    for row in rows:
        if not row.label:
            wanted[row.model].add(row.object_id)
    names = {label: _names(label, ids) for label, ids in wanted.items()}
    for row in rows:
        row.person = _person(row, names[KEYS if row.via == "key" else user_label])
        row.target = row.label or names[row.model].get(row.object_id) or row.object_id
    return rows


def _person(row: StaffAction, names: dict[str, str]) -> str:
    if row.via == "key":
        return f"API key {names.get(row.staff, row.staff)}"
    return names.get(row.staff) or f"deleted account {row.staff}"


def _names(label: str, ids: Iterable[str]) -> dict[str, str]:
    try:
        model = apps.get_model(label)
    except LookupError:
        return {}
    keys = [ObjectId(pk) for pk in ids if ObjectId.is_valid(pk)]
    return {str(obj.pk): str(obj) for obj in model._default_manager.filter(pk__in=keys)} if keys else {}
