"""Corrections of addresses, before anything is shipped. Totals follow with the order's own prices and promotions."""

import copy
from dataclasses import dataclass, replace
from decimal import Decimal

from django.db.models import Q

from accounts.models import Address
from cart.promotions.models import Promotion
from catalog.offers import Offer, offers_of
from catalog.tax_classes import TaxClass
from orders import hooks, pricing, search_words
from orders.discounts import OrderDiscount
from orders.errors import AmountTooSmall, NothingDue, OrderChanged, OrderNotCorrectable, TotalChanged
from orders.events import Actor, Event
from orders.invoices.issuing import issue_later
from orders.models import Order, OrderLine, PostalAddress
from orders.reports.totals import mark_changed
from orders.services import waive_amount_due
from orders.shipping.models import ShippingMethod, ShippingRate, ShippingZone
from orders.shipping.pricing import Parcel, ShippingTerms
from orders.taxes import provider
from orders.taxes.calculation import TaxedLine, by_table
from orders.taxes.models import TaxLine, TaxRate
from orders.taxes.table import TaxTable
from orders.transitions import require_allowed, transition
from shop import money
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db.transactions import transactional

REFUND_REASON = "The order was corrected."


@dataclass(frozen=True)
class Correction:
    """``order`` is as it was read; the other fields are its new values."""

    order: Order
    shipping_address: PostalAddress | None
    billing_address: PostalAddress | None
    lines: list[OrderLine]
    discounts: list[OrderDiscount]
    shipping: Decimal
    tax: Decimal
    tax_lines: list[TaxLine]

    @property
    def total(self) -> Decimal:
        added = money.ZERO if self.order.prices_include_tax else self.tax
        return self.order.subtotal - self.order.discount + self.shipping + added

    @property
    def changes_nothing(self) -> bool:
        before, after = (
            [_lines(each) for each in (of.shipping_address, of.billing_address or of.shipping_address)]
            for of in (self.order, self)
        )
        return before == after and not self.difference

    @property
    def difference(self) -> Decimal:
        return self.total - self.order.total


def correct_order(
    *,
    order: Order,
    shipping_address: PostalAddress | None = None,
    billing_address: PostalAddress | None = None,
    expected_total: Decimal | None = None,
    waive: bool = False,
) -> None:
    """Change the addresses. What a paid order then costs less is refunded, and more is asked for unless ``waive``.

    Raises ``OrderNotCorrectable``, ``OrderChanged``, ``TotalChanged`` and the errors of a quote.
    """
    correction = calculate(order=order, shipping_address=shipping_address, billing_address=billing_address)
    if correction.changes_nothing:
        return
    if expected_total is not None and expected_total != correction.total:
        raise TotalChanged(f"The total would be {money.display(correction.total)}.", attr="expected_total")
    _correct(correction, waive=waive)


def calculate(
    *, order: Order, shipping_address: PostalAddress | None = None, billing_address: PostalAddress | None = None
) -> Correction:
    """Nothing is written. Call it outside transactions, since a provider may calculate the taxes."""
    require_allowed(order, Event.CORRECTED)
    # An order that is picked up may have none.
    sent_to = shipping_address or order.shipping_address
    # An order that is billed to its shipping address still is.
    was_same = _lines(order.billed_to) in ((), _lines(order.shipping_address))
    billed_to = billing_address or (sent_to if was_same else order.billing_address) or sent_to
    unchanged = Correction(
        order, sent_to, billed_to, order.lines, order.discounts, order.shipping, order.tax, order.tax_lines
    )
    if shipping_address is None or _place(shipping_address) == _place(order.shipping_address):
        # Rates may have changed since: a corrected name must not change the total.
        return unchanged
    correction = _priced_anew(unchanged, shipping_address)
    if correction.difference and any(entry.lines or entry.shipping for entry in order.standing_refunds):
        # The new tax of units that were refunded would be charged or refunded, too.
        raise OrderNotCorrectable("Units of this order were refunded: only addresses that change no total fit.")
    if order.paid_at is None:
        if not correction.total:
            # It would have to be completed without a payment.
            raise AmountTooSmall
        hooks.check_amount(amount=correction.total, currency=order.currency)
    return correction


def _lines(address: PostalAddress | None) -> tuple[str, ...]:
    return tuple(getattr(address, name) for name in Address.POSTAL_FIELDS) if address else ()


def _place(address: PostalAddress | None) -> tuple[str, ...]:
    """Return what shipping and taxes depend on; a provider's taxes on the street, too."""
    if address is None:
        return ()
    place = (address.country, address.state, address.postal_code)
    return (*place, address.city, address.line1) if provider.is_registered() else place


def _priced_anew(correction: Correction, address: PostalAddress) -> Correction:
    order = correction.order
    offered = offers_of(line.variant for line in order.lines)
    taxed = tuple(_taxed_line(line, offered.get(line.variant)) for line in order.lines)
    terms = ShippingTerms(
        methods=list(ShippingMethod.objects.filter(Q(is_active=True) | Q(code=order.shipping_method))),
        rates=list(ShippingRate.objects.all()),
        zones=list(ShippingZone.objects.all()),
    )
    method, shipping, discounts = None, order.shipping, order.discounts
    if order.shipping_method:
        _, chosen = pricing.offered_shipping(terms, _parcel(order, offered), address, order.shipping_method)
        if chosen is not None:
            method = chosen.method
            shipping, discounts = _after_free_shipping(order, chosen.price)
    countries = {address.country, method.pickup_country if method else address.country}
    table = TaxTable(TaxRate.objects.filter(country__in=countries))
    basis = replace(
        pricing.tax_basis(taxed, shipping, table, address, method),
        currency=order.currency,
        prices_include_tax=order.prices_include_tax,
    )
    if provider.is_registered():
        taxes = provider.calculate(basis)
    else:
        taxes = by_table(basis, table.rates(basis.country, basis.state, [line.tax_class for line in basis.lines]))
    lines = [copy.copy(line) for line in order.lines]
    for number, line in enumerate(lines):
        line.tax_rate, line.tax = taxes.of_line(number)
    return replace(
        correction, lines=lines, discounts=discounts, shipping=shipping, tax=taxes.total, tax_lines=taxes.by_rate
    )


def _taxed_line(line: OrderLine, offer: Offer | None) -> TaxedLine:
    """A deleted variant has the standard class."""
    tax_class = offer.tax_class if offer else TaxClass.STANDARD.value
    return TaxedLine(line.variant, line.sku, line.quantity, tax_class, line.line_total - line.discount)


def _parcel(order: Order, offered: dict) -> Parcel:
    charged = [line for line in order.lines if not (line.variant in offered and offered[line.variant].free_shipping)]
    return Parcel(
        weight=sum((offered[line.variant].weight or 0) * line.quantity for line in charged if line.variant in offered),
        subtotal=sum((line.line_total - line.discount for line in charged), money.ZERO),
        ships_free=not charged,
    )


def _after_free_shipping(order: Order, price: Decimal) -> tuple[Decimal, list[OrderDiscount]]:
    """Return the price of shipping and the discounts, of which the first that made shipping free still does."""
    promotions = [each.promotion for each in order.discounts if each.promotion]
    kinds = dict(Promotion.objects.filter(pk__in=promotions).values_list("pk", "kind")) if promotions else {}
    discounts = [copy.copy(each) for each in order.discounts]
    for each in discounts:
        if each.shipping or (each.promotion and kinds.get(each.promotion) == Promotion.Kind.FREE_SHIPPING):
            each.shipping = price
            return money.quantize(money.ZERO), discounts
    return price, discounts


@transactional("orders.correct")
def _correct(correction: Correction, *, waive: bool) -> None:
    order = Order.objects.get(pk=correction.order.pk)
    if order.updated_at != correction.order.updated_at:
        raise OrderChanged
    difference = correction.difference
    fields = {
        name: getattr(correction, name)
        for name in ("shipping_address", "billing_address", "lines", "discounts", "shipping", "tax", "tax_lines")
    }
    order.shipping_address, order.billing_address = correction.shipping_address, correction.billing_address
    fields |= {"total": correction.total, "search_words": search_words.of(order)}
    refund = money.ZERO
    if order.paid_at is not None:
        amount_due, adjustment = order.amount_due, order.adjustment
        if difference > 0 and waive:
            adjustment += difference
        elif difference > 0:
            amount_due += difference
            hooks.check_amount(amount=amount_due, currency=order.currency)
        elif difference < 0:
            # Less is due; if nothing was, it is refunded.
            forgiven = min(amount_due, -difference)
            refund = -difference - forgiven
            amount_due, adjustment = amount_due - forgiven, adjustment - refund
            if not _is_chargeable(amount_due, order.currency):
                amount_due, adjustment = money.ZERO, adjustment + amount_due
        fields |= {"amount_due": amount_due, "adjustment": adjustment}
    was = order.total
    transition(
        order,
        Event.CORRECTED,
        actor=Actor.STAFF,
        detail=_detail(was, correction.total, order.currency),
        fields=fields,
        notify=bool(difference),
    )
    if order.paid_on is not None and difference:
        mark_changed(order.paid_on)
    if refund:
        hooks.refund_difference(order=order, amount=refund, reason=REFUND_REASON)
    if order.paid_at is not None:
        issue_later(order)
    hooks.on_corrected(order=order)


def _is_chargeable(amount: Decimal, currency: str) -> bool:
    try:
        hooks.check_amount(amount=amount, currency=currency)
    except AmountTooSmall:
        return False
    return True


def _detail(before: Decimal, after: Decimal, currency: str) -> str:
    if before == after:
        return "The addresses were corrected."
    shown = [money.display(amount, currency) for amount in (before, after)]
    return f"The total was {shown[0]} and is {shown[1]} {currency.upper()}."


@transactional("orders.waive_difference")
def waive_difference(*, order: Order) -> None:
    """Ask for nothing more. Raises ``NothingDue``."""
    order = Order.objects.get(pk=order.pk)
    if not order.has_amount_due:
        raise NothingDue
    waive_amount_due(order)
    if order.paid_on is not None:
        mark_changed(order.paid_on)
    issue_later(order)
    staff_log.record(Action.CHANGE, order, fields=["amount_due"])
    hooks.on_corrected(order=order)
