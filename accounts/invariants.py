from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from django.apps import apps
from django.db import models
from django.utils import timezone

from accounts.models import User
from shop.audit import Window, invariant_over
from shop.db import documents
from shop.jobs.email_addresses import normalize_email

# Time allowed for a backlog of jobs.
DELETION_DELAY = timedelta(days=1)


@invariant_over(User, "every account's e-mail address is normalized")
def addresses_are_normal(users: Window[User]) -> Iterator[str]:
    for user in users:
        if user.email != normalize_email(user.email):
            yield f"account {user.pk}: correct its address, or remove it if another account of this mailbox is used"


@invariant_over(User, "a closed account is deleted within a day")
def closed_accounts_are_deleted(users: Window[User]) -> Iterator[str]:
    late = timezone.now() - DELETION_DELAY
    for user in users:
        if user.closed_at is not None and user.closed_at < late:
            yield f"account {user.pk} was closed at {user.closed_at}"


def rows_have_their_account(field: models.Field, rows: Window[models.Model]) -> Iterator[str]:
    owners = {row.pk: getattr(row, field.attname) for row in rows if getattr(row, field.attname) is not None}
    known = documents.known_values(User, "_id", set(owners.values()))
    for pk, user in owners.items():
        if user not in known:
            yield f"{field.model._meta.label} {pk} belongs to {user}"


for model in apps.get_models(include_auto_created=True):
    for field in model._meta.concrete_fields:
        if field.remote_field is not None and field.remote_field.model is User:
            invariant_over(model, "no data belongs to a deleted account")(partial(rows_have_their_account, field))
