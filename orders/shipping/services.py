from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId
from django.core.exceptions import ValidationError
from django.db.models import F

from orders.models import Order
from orders.shipping.models import ShippingMethod, ShippingRate, ShippingZone
from shop.db.transactions import transactional


def use_of_zone(zone: ShippingZone) -> str:
    """Return why it cannot be deleted, or ""."""
    used = ShippingRate.objects.filter(zone=zone).exists()
    return f"{zone} has prices of shipping methods. Remove them first." if used else ""


def use_of_method(method: ShippingMethod) -> str:
    """Return why it cannot be deleted, or ""."""
    # No index: deletions are rare.
    used = Order.objects.filter(shipping_method=method.code).exists()
    return f"{method} was used by orders. Deactivate it instead." if used else ""


class InvalidRate(ValidationError):
    """``number`` is the rate's place in the list."""

    def __init__(self, error: ValidationError, *, number: int) -> None:
        super().__init__(error)
        self.number = number


@transactional("orders.set_shipping_rates")
def set_rates(*, method: ShippingMethod, rates: Sequence[Mapping[str, Any]]) -> bool:
    """Replace the rates; one with the ``id`` of a former one changes it. Return whether anything changed.

    Raises :class:`InvalidRate`.
    """
    former = {rate.pk: rate for rate in ShippingRate.objects.filter(method=method)}
    kept: set[ObjectId] = set()
    changed = False
    for number, values in enumerate(rates):
        known = former.get(values.get("id")) if values.get("id") not in kept else None
        if values.get("id") and known is None:
            unknown = ValidationError("The method has no such price.", code="unknown")
            raise InvalidRate(ValidationError({"id": unknown}), number=number)
        changed |= _write_rate(known or ShippingRate(method=method), values, number=number)
        kept |= {known.pk} if known else set()
    if gone := former.keys() - kept:
        ShippingRate.objects.filter(pk__in=gone).delete()
        changed = True
    if changed:
        bump_revisions(method)
    return changed


def _write_rate(rate: ShippingRate, values: Mapping[str, Any], *, number: int) -> bool:
    names = ("zone", "price", "min_weight", "max_weight", "min_subtotal", "max_subtotal", "free_from")
    before = {name: getattr(rate, f"{name}_id" if name == "zone" else name) for name in names}
    for name in names:
        setattr(rate, name, values.get(name))
    try:
        rate.full_clean(exclude=["method"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise InvalidRate(error, number=number) from error
    if rate._state.adding:
        rate.save(force_insert=True)
        return True
    changed = [name for name in names if getattr(rate, f"{name}_id" if name == "zone" else name) != before[name]]
    if changed:
        rate.save(update_fields=changed)
    return bool(changed)


def bump_revisions(method: ShippingMethod) -> None:
    """Let concurrent changes of the method's rates and deletions of their zones conflict, after writing rates."""
    ShippingMethod.objects.filter(pk=method.pk).update(revision=F("revision") + 1)
    zones = ShippingRate.objects.filter(method=method).values_list("zone", flat=True)
    ShippingZone.objects.filter(pk__in=list(zones)).bump_revision()
