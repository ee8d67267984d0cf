from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts import hooks
from accounts.errors import AddressBookFull
from accounts.models import Address, User
from accounts.services import require_account
from accounts.subdivisions import normalize_state
from shop.changes import record
from shop.db.transactions import transactional


@transactional("accounts.add_address")
def add_address(*, user: User, fields: dict[str, Any]) -> Address:
    """Add an address, as the default if it is the first. Raises :class:`AddressBookFull`."""
    require_account(user, updated_at=timezone.now())
    record("customer.updated", user.pk)
    known = Address.objects.owned_by(user).count()
    if known >= settings.MAX_ADDRESSES:
        raise AddressBookFull
    address = Address(user=user, **fields)
    _check_state(address)
    if not known:
        address.is_default = True
    _unset_other_defaults(address)
    address.save(force_insert=True)
    return address


@transactional("accounts.change_address")
def change_address(*, user: User, address: Address, fields: dict[str, Any]) -> Address:
    """If it stops being the default, the newest other one becomes it. Raises ``DoesNotExist``."""
    require_account(user, updated_at=timezone.now())
    record("customer.updated", user.pk)
    address = Address.objects.owned_by(user).get(pk=address.pk)
    was_default = address.is_default
    for name, value in fields.items():
        setattr(address, name, value)
    if {"country", "state"} & fields.keys():
        _check_state(address)
    if not Address.objects.owned_by(user).exclude(pk=address.pk).exists():
        address.is_default = True
    _unset_other_defaults(address)
    address.save(update_fields={*fields, "state", "is_default"})
    if was_default and not address.is_default:
        _make_newest_the_default(user, other_than=address)
    return address


@transactional("accounts.delete_address")
def delete_address(*, user: User, address: Address) -> None:
    """If it was the default, the newest other one becomes it. Raises ``DoesNotExist``."""
    require_account(user, updated_at=timezone.now())
    record("customer.updated", user.pk)
    address = Address.objects.owned_by(user).get(pk=address.pk)
    Address.objects.filter(pk=address.pk).delete()
    if address.is_default:
        _make_newest_the_default(user, other_than=address)


def _make_newest_the_default(user: User, *, other_than: Address) -> None:
    newest = Address.objects.owned_by(user).exclude(pk=other_than.pk).order_by("-id").first()
    if newest is not None:
        Address.objects.filter(pk=newest.pk).update(is_default=True)


def _check_state(address: Address) -> None:
    address.state = normalize_state(address.country, address.state)
    hooks.check_state(country=address.country, state=address.state)


def _unset_other_defaults(address: Address) -> None:
    if address.is_default:
        others = Address.objects.owned_by(address.user).exclude(pk=address.pk)
        others.filter(is_default=True).update(is_default=False)
