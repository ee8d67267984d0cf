from dataclasses import dataclass, replace
from decimal import Decimal

from django.conf import settings

from accounts.errors import UnknownState
from accounts.subdivisions import is_known_state
from cart.errors import CartChanged, EmptyCart
from cart.models import Cart
from cart.owners import CartOwner
from cart.pricing import PricedCart, price_lines
from cart.promotions import reading
from cart.promotions.customers import Customer, facts_of
from cart.promotions.models import Promotion
from cart.promotions.pricing import apply as apply_promotions
from cart.promotions.uses import Reservations
from catalog import offers
from catalog.errors import OutOfStock
from catalog.offers import Offers
from catalog.stock import Quantities
from orders import discounts, holds, hooks, tariffs
from orders.discounts import OrderDiscount
from orders.errors import ShippingAddressRequired, TotalChanged
from orders.models import OrderLine, PostalAddress
from orders.shipping.models import ShippingMethod, ShippingZone
from orders.shipping.pricing import OfferedMethod, Parcel, ShippingTerms
from orders.taxes import provider
from orders.taxes.calculation import TaxBasis, TaxedLine, Taxes, by_table
from orders.taxes.models import TaxLine, TaxRate
from orders.taxes.table import TaxTable
from shop import money
from shop.api.errors import Fault
from shop.db import documents


@dataclass(frozen=True)
class CalculatedTaxes:
    """Taxes, with the revision of the cart and the amounts that they were calculated for."""

    revision: int
    basis: TaxBasis
    taxes: Taxes


@dataclass
class Quote:
    priced: PricedCart
    lines: list[OrderLine]
    # Those that serve the address and the cart, the default first; after free shipping.
    shipping_methods: list[OfferedMethod]
    shipping_method: ShippingMethod | None
    # After free shipping.
    shipping: Decimal
    discounts: list[OrderDiscount]
    calculated_taxes: CalculatedTaxes
    prices_include_tax: bool
    currency: str
    # The cart as read, with the sums of `orders.holds.lookups` if ``placed_from`` was given.
    cart_document: documents.Document

    @property
    def quantities(self) -> Quantities:
        return {line.variant: line.quantity for line in self.lines}

    @property
    def subtotal(self) -> Decimal:
        return self.priced.subtotal

    @property
    def discount(self) -> Decimal:
        return self.priced.discount

    @property
    def tax(self) -> Decimal:
        return self.calculated_taxes.taxes.total

    @property
    def tax_lines(self) -> list[TaxLine]:
        return self.calculated_taxes.taxes.by_rate

    @property
    def total(self) -> Decimal:
        added = money.ZERO if self.prices_include_tax else self.tax
        return self.priced.total + self.shipping + added

    def require_chargeable(self) -> None:
        """Raise ``AmountTooSmall`` or ``AmountTooLarge``."""
        hooks.check_amount(amount=self.total, currency=self.currency)


def quote(
    *,
    owner: CartOwner,
    address: PostalAddress | None,
    shipping_method: str | None,
    placed_from: str = "",
    calculated_taxes: CalculatedTaxes | None = None,
    reserved: Reservations | None = None,
    taken: Quantities | None = None,
) -> Quote:
    """With ``placed_from`` also read the holds. ``calculated_taxes`` are required in a transaction if a provider
    calculates taxes. Only a pick-up needs no ``address``. ``reserved`` are the uses of promotions that the order may
    have, ``taken`` is the stock that it already has.

    Raises ``EmptyCart``, ``OutOfStock`` with the lines' positions, ``InvalidShippingMethod``, ``NoShippingMethod``,
    ``ShippingAddressRequired``, ``UnknownState``, ``InvalidCoupon``, ``InvalidTaxAddress``, ``TaxUnavailable`` and, if
    ``calculated_taxes`` are outdated, ``CartChanged`` or ``TotalChanged``.
    """
    row, offered = _read(owner, placed_from)
    if row is None:
        raise EmptyCart
    if taken:
        offered = {pk: replace(offer, stock=offer.stock + taken.get(pk, 0)) for pk, offer in offered.items()}
    priced = price_lines(documents.instance(Cart, row), offered)
    if not priced.lines:
        raise EmptyCart
    _require_available(priced)
    _apply_promotions(priced, reading.promotions_of(row, coupon=priced.cart.coupon), owner=owner, reserved=reserved)
    parcel = Parcel.of(priced)
    known = tariffs.tariffs_of(row)
    offered_methods, chosen = offered_shipping(known.shipping, parcel, address, shipping_method)
    method = chosen.method if chosen else None
    shipping = chosen.price if chosen else money.quantize(money.ZERO)
    taken_off_shipping = money.quantize(money.ZERO)
    if priced.has_free_shipping:
        taken_off_shipping, shipping = shipping, taken_off_shipping
        offered_methods = [replace(each, price=shipping) for each in offered_methods]
    basis = tax_basis(_taxed_lines(priced), shipping, known.taxes, address, method)
    calculated_taxes = _calculate_taxes(basis, known.taxes, revision=priced.cart.revision, known=calculated_taxes)
    lines = [
        OrderLine(
            product=line.offer.product,
            variant=line.offer.variant,
            sku=line.offer.sku,
            name=line.offer.name,
            options=line.offer.options,
            image=line.offer.picture,
            quantity=line.quantity,
            backordered=line.offer.backordered(line.quantity),
            expected_on=line.offer.expected_on if line.offer.backordered(line.quantity) else None,
            unit_price=money.quantize(line.unit_price),
            line_total=line.line_total,
            discount=line.discount,
            discounts=discounts.of_line(line),
            tax_rate=calculated_taxes.taxes.of_line(number)[0],
            tax=calculated_taxes.taxes.of_line(number)[1],
        )
        for number, line in enumerate(priced.lines)
    ]
    return Quote(
        priced=priced,
        lines=lines,
        shipping_methods=offered_methods,
        shipping_method=method,
        shipping=shipping,
        discounts=discounts.of_cart(priced, shipping=taken_off_shipping),
        calculated_taxes=calculated_taxes,
        prices_include_tax=settings.PRICES_INCLUDE_TAX,
        currency=settings.CURRENCY,
        cart_document=row,
    )


def _apply_promotions(
    priced: PricedCart, promotions: list[Promotion], *, owner: CartOwner, reserved: Reservations | None
) -> None:
    """Raise ``InvalidCoupon`` if the cart's coupon does not apply."""
    customer, order_number = Customer(owner.user), ""
    if reserved is not None:
        order_number, promotions = reserved.order_number, reserved.usable(promotions)
    apply_promotions(priced, promotions, facts=facts_of(customer, promotions, except_order=order_number))
    if priced.coupon_error is not None:
        raise priced.coupon_error


def _read(owner: CartOwner, placed_from: str) -> tuple[documents.Document | None, Offers]:
    """Read all that a quote needs in one command."""
    pipeline = [
        *offers.with_offers([{"$match": owner.match}, *reading.lookups()], ids="lines.variant"),
        *tariffs.lookups(),
    ]
    if placed_from:
        pipeline += holds.lookups(owner=owner, placed_from=placed_from)
    return offers.split_offers(documents.aggregate(Cart, pipeline))


def _require_available(priced: PricedCart) -> None:
    """Raise ``OutOfStock`` for all lines at once, before the reservation."""
    short = {line.line.variant for line in priced.lines if not line.is_sellable}
    short |= {line.variant for line in priced.unavailable_lines}
    if short:
        raise out_of_stock(OutOfStock(variants=short), priced.cart)


def out_of_stock(error: OutOfStock, cart: Cart) -> OutOfStock:
    """Add the lines' positions."""
    faults = [
        Fault("out_of_stock", "Not enough of this product in stock.", f"items.{position}.quantity")
        for position, line in enumerate(cart.lines)
        if line.variant in error.variants
    ]
    return OutOfStock(variants=error.variants, faults=faults)


def offered_shipping(
    terms: ShippingTerms, parcel: Parcel, address: PostalAddress | None, code: str | None
) -> tuple[list[OfferedMethod], OfferedMethod | None]:
    """Return the methods that serve the address and the parcel, and the chosen one."""
    found = terms.offered(parcel, address)
    if address is None:
        if any(method.code == code and not method.is_pickup for method in terms.methods):
            raise ShippingAddressRequired(attr="shipping_address")
    elif terms.is_by_state(address.country) and not is_known_state(address.country, address.state):
        found = [each for each in found if each.method.is_pickup]
        if code not in {each.method.code for each in found}:
            raise UnknownState(attr="shipping_address.state")
    return found, terms.choose(found, code)


def _taxed_lines(priced: PricedCart) -> tuple[TaxedLine, ...]:
    return tuple(
        TaxedLine(
            variant=line.offer.variant,
            sku=line.offer.sku,
            quantity=line.quantity,
            tax_class=line.offer.tax_class,
            amount=line.line_total - line.discount,
        )
        for line in priced.lines
    )


def tax_basis(
    lines: tuple[TaxedLine, ...],
    shipping: Decimal,
    table: TaxTable,
    address: PostalAddress | None,
    method: ShippingMethod | None,
) -> TaxBasis:
    """The place is the destination, or that of the pick-up.

    Raises ``ShippingAddressRequired``, and ``UnknownState`` for an address in an unknown state of a country with rates
    by state.
    """
    if method and (pickup := method.pickup_place):
        country, state, postal_code = pickup
        city, line1 = method.pickup_city, method.pickup_line1
    elif address is None:
        raise ShippingAddressRequired(attr="shipping_address")
    else:
        country, state = address.country, address.state
        postal_code, city, line1 = address.postal_code, address.city, address.line1
        if table.is_by_state(country) and not is_known_state(country, state):
            raise UnknownState(attr="shipping_address.state")
    return TaxBasis(
        country=country,
        state=state,
        postal_code=postal_code,
        city=city,
        line1=line1,
        lines=lines,
        shipping=shipping,
        currency=settings.CURRENCY,
        prices_include_tax=settings.PRICES_INCLUDE_TAX,
    )


def _calculate_taxes(
    basis: TaxBasis, table: TaxTable, *, revision: int, known: CalculatedTaxes | None
) -> CalculatedTaxes:
    if not provider.is_registered():
        rates = table.rates(basis.country, basis.state, [line.tax_class for line in basis.lines])
        return CalculatedTaxes(revision, basis, by_table(basis, rates))
    if known is None:
        return CalculatedTaxes(revision, basis, provider.calculate(basis))
    if known.revision != revision:
        raise CartChanged
    if known.basis != basis:
        raise TotalChanged
    return known


def check_state(*, country: str, state: str) -> None:
    """Raise ``UnknownState`` for an unknown state if the country is taxed or shipped to by state."""
    if is_known_state(country, state):
        return
    is_taxed_by_state = TaxRate.objects.filter(country=country).exclude(state="").exists()
    if is_taxed_by_state or any(zone.is_by_state(country) for zone in ShippingZone.objects.all()):
        raise UnknownState(attr="state")
