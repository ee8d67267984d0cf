from collections.abc import Iterator
from datetime import timedelta

from django.apps import apps
from django.utils import timezone

from accounts.models import User
from shop.audit import invariant
from shop.jobs.email_addresses import normalize_email

# Time allowed for a backlog of jobs.
DELETION_DELAY = timedelta(days=1)


@invariant("every account's e-mail address is normalized")
def addresses_are_normal() -> Iterator[str]:
    for pk, email in User.objects.values_list("pk", "email").iterator():
        if email != normalize_email(email):
            yield f"account {pk}: correct its address, or remove it if another account of this mailbox is used"


@invariant("a closed account is deleted within a day")
def closed_accounts_are_deleted() -> Iterator[str]:
    late = timezone.now() - DELETION_DELAY
    for pk, closed_at in User.objects.filter(closed_at__lt=late).values_list("pk", "closed_at"):
        yield f"account {pk} was closed at {closed_at}"


@invariant("no data belongs to a deleted account")
def rows_have_their_account() -> Iterator[str]:
    known = set(User.objects.values_list("pk", flat=True))
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            if field.remote_field is None or field.remote_field.model is not User:
                continue
            rows = model._base_manager.exclude(**{field.name: None}).values_list("pk", field.attname)
            yield from (f"{model._meta.label} {pk} belongs to {user}" for pk, user in rows if user not in known)
