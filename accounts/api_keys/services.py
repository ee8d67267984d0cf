import hashlib
import re
import secrets
import string
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.api_keys.errors import ApiKeyExpired, InvalidApiKey, KeyRevoked, ScopeNotHeld
from accounts.api_keys.models import ApiKey
from accounts.models import User
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.transactions import transactional

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH, _SECRET_LENGTH = 8, 40
_WELL_FORMED = re.compile(rf"(shop_(?:live|test)_[A-Za-z0-9]{{{_ID_LENGTH}}})_([A-Za-z0-9]{{{_SECRET_LENGTH}}})")
# Compared if there is no key.
_NO_DIGEST = "0" * 64
RECORDED_EVERY = timedelta(minutes=1)


class NewKey(NamedTuple):
    """``secret`` is the whole key, which is stored nowhere."""

    key: ApiKey
    secret: str


def create(*, name: str, scopes: Iterable[str], owner: User, expires_at: datetime | None = None) -> NewKey:
    """Raises :class:`ScopeNotHeld`."""
    while True:
        try:
            return _create(name, sorted(set(scopes)), owner, expires_at)
        except IntegrityError:
            # Another key has this prefix.
            continue


@transactional("accounts.create_api_key")
def _create(name: str, scopes: list[str], owner: User, expires_at: datetime | None) -> NewKey:
    require_held(scopes, by=owner)
    prefix = f"shop_{'test' if settings.DEBUG else 'live'}_{_random(_ID_LENGTH)}"
    secret = _random(_SECRET_LENGTH)
    key = ApiKey(
        name=name, prefix=prefix, digest=_digest(secret), scopes=scopes, owner_id=owner.pk, expires_at=expires_at
    )
    key.save(force_insert=True)
    staff_log.record(Action.ADD, key, fields=["name", "scopes", *(["expires_at"] if expires_at else [])])
    return NewKey(key, f"{prefix}_{secret}")


def require_held(scopes: Iterable[str], *, by: User) -> None:
    """Raises :class:`ScopeNotHeld`."""
    if not by.has_perms(list(scopes)):
        raise ScopeNotHeld(attr="scopes")


@transactional("accounts.revoke_api_key")
def revoke(*, key: ApiKey) -> None:
    """A revoked key stays revoked."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        staff_log.record(Action.REVOKE, key)


@transactional("accounts.take_over_api_key")
def take_over(*, key: ApiKey, owner: User) -> None:
    """Make another member of staff responsible. Raises :class:`ScopeNotHeld` and :class:`KeyRevoked`."""
    current = ApiKey.objects.get(pk=key.pk)
    require_held(current.scopes, by=owner)
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(owner=owner):
        raise KeyRevoked
    staff_log.record(Action.CHANGE, key, fields=["owner"])


def authenticate(sent: str) -> ApiKey:
    """Return the key with this text. Raises :class:`InvalidApiKey` and :class:`ApiKeyExpired`."""
    match = _WELL_FORMED.fullmatch(sent)
    if match is None:
        raise InvalidApiKey
    prefix, secret = match.groups()
    document = _find(prefix)
    # Compared without a key, too, so that the time taken does not reveal whether there is one.
    is_correct = constant_time_compare(_digest(secret), document["digest"] if document else _NO_DIGEST)
    if document is None or not is_correct or not document.pop("active_owner"):
        raise InvalidApiKey
    key = documents.instance(ApiKey, document)
    if key.revoked_at is not None:
        raise InvalidApiKey
    if key.has_expired(timezone.now()):
        raise ApiKeyExpired
    return key


def _find(prefix: str) -> documents.Document | None:
    owner = {
        "from": User._meta.db_table,
        "localField": "owner_id",
        "foreignField": "_id",
        "pipeline": [{"$match": {"is_active": True, "is_staff": True}}, {"$project": {"_id": 1}}],
        "as": "active_owner",
    }
    rows = documents.aggregate(ApiKey, [{"$match": {"prefix": {"$eq": prefix}}}, {"$limit": 1}, {"$lookup": owner}])
    return rows[0] if rows else None


def record_use(key: ApiKey) -> None:
    """Write the time of the last use at most once a minute, without waiting for the database."""
    now = timezone.now()
    before = now - RECORDED_EVERY
    if key.last_used_at is not None and key.last_used_at > before:
        return
    unrecorded = {"_id": key.pk, "$or": [{"last_used_at": None}, {"last_used_at": {"$lte": before}}]}
    documents.update_unacknowledged(ApiKey, unrecorded, {"$set": {"last_used_at": now}})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
