"""Internal notes about customers. Each call requires an acting member of staff."""

from collections.abc import Iterable
from datetime import timedelta

from bson import ObjectId
from django.http import Http404
from django.utils import timezone

from accounts.errors import NoteNotOwn, TooManyNotes
from accounts.models import CustomerNote, User
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db.transactions import transactional
from shop.http import request_context

MAX_NOTES = 100
# The same text within this time is a form that was sent twice.
REPEATED_WITHIN = timedelta(minutes=1)


def notes_about(user: User) -> list[CustomerNote]:
    """Newest first."""
    return list(CustomerNote.objects.filter(user=user).order_by("-pk")[:MAX_NOTES])


def authors_of(notes: Iterable[CustomerNote]) -> dict[ObjectId, str]:
    """Return names, or e-mail addresses; deleted accounts have none."""
    keys = {note.staff for note in notes if note.staff is not None}
    people = User.objects.filter(pk__in=keys).only("name", "email") if keys else ()
    return {person.pk: name for person in people if (name := person.name or person.email)}


@transactional("accounts.add_customer_note")
def add_note(*, user: User, text: str) -> CustomerNote:
    """Raises ``TooManyNotes``, ``Http404`` for a deleted account."""
    # Concurrent notes and the account's deletion conflict.
    if not User.objects.get_queryset().filter(pk=user.pk, closed_at=None).bump_revision():
        raise Http404
    staff = _acting_staff_id()
    latest = CustomerNote.objects.filter(user=user).order_by("-pk").first()
    is_same = latest is not None and (latest.text, latest.staff) == (text, staff)
    if latest is not None and is_same and timezone.now() - latest.created_at < REPEATED_WITHIN:
        return latest
    if CustomerNote.objects.filter(user=user).count() >= MAX_NOTES:
        raise TooManyNotes
    note = CustomerNote(user=user, text=text, staff=staff)
    note.save(force_insert=True)
    staff_log.record(Action.CHANGE, user, fields=["notes"])
    return note


@transactional("accounts.delete_customer_note")
def delete_note(*, user: User, key: ObjectId) -> None:
    """Raises ``NoteNotOwn``."""
    staff = _acting_staff_id()
    deleted, _ = CustomerNote.objects.filter(pk=key, user=user, staff=staff).delete() if staff else (0, {})
    if not deleted:
        raise NoteNotOwn
    staff_log.record(Action.CHANGE, user, fields=["notes"])


def _acting_staff_id() -> ObjectId | None:
    staff = request_context.acting_staff()
    return ObjectId(staff.id) if staff else None
