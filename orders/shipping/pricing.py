from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from bson import ObjectId

from cart.pricing import PricedCart
from orders.errors import InvalidShippingMethod, NoShippingMethod
from orders.shipping.models import ShippingMethod, ShippingRate, ShippingZone
from shop import money


class Destination(Protocol):
    @property
    def country(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def postal_code(self) -> str: ...


@dataclass(frozen=True)
class Parcel:
    """The goods that shipping is charged for: without products that ship free."""

    # In grams.
    weight: int
    # After discounts.
    subtotal: Decimal
    ships_free: bool

    @classmethod
    def of(cls, priced: PricedCart) -> "Parcel":
        charged = [line for line in priced.lines if not line.offer.free_shipping]
        return cls(
            weight=sum((line.offer.weight or 0) * line.quantity for line in charged),
            subtotal=sum((line.line_total - line.discount for line in charged), money.ZERO),
            ships_free=not charged,
        )


@dataclass(frozen=True)
class OfferedMethod:
    """A method that serves an address and a cart, at its price."""

    method: ShippingMethod
    price: Decimal


@dataclass(frozen=True)
class ShippingTerms:
    """The active methods of the shop, their rates, and all zones."""

    methods: Sequence[ShippingMethod]
    rates: Sequence[ShippingRate]
    zones: Sequence[ShippingZone]

    def is_by_state(self, country: str) -> bool:
        return any(zone.is_by_state(country) for zone in self.zones)

    def offered(self, parcel: Parcel, destination: Destination | None) -> list[OfferedMethod]:
        """Return the methods that serve the destination, or without one the pick-ups; the default first."""
        found = []
        for method in sorted(self.methods, key=lambda method: (method.position, method.pk)):
            place = destination or method.pickup_place
            if place is None:
                continue
            zone = self._zone_of(place)
            if (price := self._price(method, zone, parcel)) is not None:
                found.append(OfferedMethod(method, money.quantize(price)))
        return found

    def choose(self, offered: Iterable[OfferedMethod], code: str | None) -> OfferedMethod | None:
        """Return the method, or the default without ``code``; None only if the shop has no methods.

        Raises ``InvalidShippingMethod``, ``NoShippingMethod``.
        """
        by_code = {each.method.code: each for each in offered}
        if code:
            if code in by_code:
                return by_code[code]
            if any(method.code == code for method in self.methods):
                detail = "This shipping method does not serve this address and cart."
                raise InvalidShippingMethod(detail, attr="shipping_method")
            raise InvalidShippingMethod(attr="shipping_method")
        if self.methods and not by_code:
            raise NoShippingMethod(attr="shipping_address")
        return next(iter(by_code.values()), None)

    def _zone_of(self, destination: Destination) -> ObjectId | None:
        country, state, code = destination.country, destination.state, destination.postal_code
        # The oldest of equals.
        zones = sorted(self.zones, key=lambda zone: zone.pk)
        found = [(zone.closeness(country=country, state=state, postal_code=code), zone) for zone in zones]
        covering = [(closeness, zone) for closeness, zone in found if closeness is not None]
        return max(covering, key=lambda each: each[0])[1].pk if covering else None

    def _price(self, method: ShippingMethod, zone: ObjectId | None, parcel: Parcel) -> Decimal | None:
        """Return None if the method does not serve the zone or the parcel."""
        rates = [rate for rate in self.rates if rate.method_id == method.pk]
        if not rates:
            return money.ZERO if parcel.ships_free else method.price
        in_zone = [rate for rate in rates if rate.zone_id == zone]
        if parcel.ships_free:
            return money.ZERO if in_zone else None
        fitting = [rate for rate in in_zone if rate.fits(weight=parcel.weight, subtotal=parcel.subtotal)]
        return min((rate.price_for(parcel.subtotal) for rate in fitting), default=None)
