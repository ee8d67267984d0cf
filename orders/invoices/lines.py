"""The lines of invoices and credit notes. Nets, taxes and totals add up exactly."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from bson import ObjectId

from orders.invoices.models import Invoice, InvoiceLine, InvoiceTax
from orders.models import Order
from orders.refund_entries import RefundEntry
from orders.taxes.calculation import DEFAULT_LABEL
from orders.taxes.models import TaxLine
from shop import money

# A variant, or one of the following.
Key = ObjectId | str
SHIPPING, SURPLUS = "shipping", "surplus"


def _key(line: InvoiceLine) -> Key:
    return line.variant or (SURPLUS if line.is_surplus else SHIPPING)


def invoice_lines(order: Order, *, shipping_method: str, amount: Decimal) -> list[InvoiceLine]:
    """Return lines over ``amount``.

    Less than the order's total, because the rest was waived or is still due, lowers all lines in proportion. More,
    because the refund of a difference failed, is a line of its own, without tax.
    """
    lines = _lines_of(order, shipping_method=shipping_method)
    total = sum((line.gross for line in lines), money.ZERO)
    if amount < total:
        parts = money.allocate(amount, [line.gross for line in lines], order.currency)
        return [_lowered(line, part, order) for line, part in zip(lines, parts, strict=True)]
    return [*lines, *([_surplus(amount - total)] if amount > total else [])]


def _lowered(line: InvoiceLine, gross: Decimal, order: Order) -> InvoiceLine:
    lowered = copy.copy(line)
    tax = _tax_of(line, gross, order.currency)
    lowered.gross, lowered.tax, lowered.net = gross, tax, gross - tax
    lowered.discount += line.gross - gross if order.prices_include_tax else line.net - lowered.net
    return lowered


def _surplus(amount: Decimal) -> InvoiceLine:
    return InvoiceLine(
        is_surplus=True,
        name="Paid in addition",
        quantity=1,
        unit_price=amount,
        tax_rate=None,
        net=amount,
        tax=money.ZERO,
        gross=amount,
    )


def _lines_of(order: Order, *, shipping_method: str) -> list[InvoiceLine]:
    lines = [
        _line(
            order,
            amount=line.line_total - line.discount,
            tax=line.tax,
            variant=line.variant,
            sku=line.sku,
            name=line.name,
            options=", ".join(f"{name}: {value}" for name, value in line.options.items())[:1000],
            quantity=line.quantity,
            unit_price=line.unit_price,
            discount=line.discount,
            tax_rate=line.tax_rate,
        )
        for line in order.lines
    ]
    tax = order.tax - sum((line.tax for line in order.lines), money.ZERO)
    if order.shipping or tax:
        lines.append(
            _line(
                order,
                amount=order.shipping,
                tax=tax,
                name=f"Shipping, {shipping_method}" if shipping_method else "Shipping",
                quantity=1,
                unit_price=order.shipping,
                tax_rate=_shipping_rate(order, tax),
            )
        )
    return lines


def _line(order: Order, *, amount: Decimal, tax: Decimal, **fields: object) -> InvoiceLine:
    gross = amount if order.prices_include_tax else amount + tax
    return InvoiceLine(net=gross - tax, tax=tax, gross=gross, **fields)


def _shipping_rate(order: Order, tax: Decimal) -> Decimal | None:
    """Return the rate whose tax the lines do not explain; an order stores none for shipping."""
    if not tax:
        return money.ZERO
    for each in order.tax_lines:
        of_lines = sum((line.tax for line in order.lines if line.tax_rate == each.rate), money.ZERO)
        if each.amount - of_lines == tax:
            return each.rate
    return None


def tax_lines(lines: Iterable[InvoiceLine], labels: Mapping[Decimal, str]) -> list[InvoiceTax]:
    """Return the sums by rate, the highest first."""
    sums: dict[Decimal | None, InvoiceTax] = {}
    for line in lines:
        rate = None if line.tax_rate is None else line.tax_rate.normalize()
        if rate not in sums:
            label = labels.get(rate, DEFAULT_LABEL) if rate is not None else DEFAULT_LABEL
            sums[rate] = InvoiceTax(label=label, rate=rate, net=money.ZERO, tax=money.ZERO, gross=money.ZERO)
        found = sums[rate]
        found.net, found.tax, found.gross = found.net + line.net, found.tax + line.tax, found.gross + line.gross
    return sorted(sums.values(), key=lambda each: -1 if each.rate is None else each.rate, reverse=True)


def labels_of(taxes: Iterable[TaxLine | InvoiceTax]) -> dict[Decimal, str]:
    return {each.rate.normalize(): each.label for each in taxes if each.rate is not None}


# --- Credit notes -----------------------------------------------------------------------------------------------------


def credit_lines(invoice: Invoice, earlier: Sequence[Invoice], refund: RefundEntry) -> list[InvoiceLine]:
    """Return the parts of the invoice's lines that a refund gives back.

    ``earlier`` are credit notes of the invoice, and cancellations of such. A surplus and named lines come first; what
    they do not explain is spread in proportion over what is left. The tax of a line is calculated from all that was
    credited of it, so that it is exact once the whole line is.
    """
    credited: dict[Key, list[Decimal]] = {_key(line): [money.ZERO, money.ZERO] for line in invoice.lines}
    for document in earlier:
        for line in document.lines:
            known = credited[_key(line)]
            known[0] -= document.sign * line.gross
            known[1] -= document.sign * line.tax
    left = {_key(line): line.gross - credited[_key(line)][0] for line in invoice.lines}
    wanted: dict[Key, Decimal] = {each.line: each.amount for each in refund.lines}
    wanted[SHIPPING] = refund.shipping
    wanted[SURPLUS] = refund.amount - sum(wanted.values(), money.ZERO)
    shares = {key: min(amount, wanted.get(key, money.ZERO)) for key, amount in left.items()}
    rest = refund.amount - sum(shares.values(), money.ZERO)
    spare = [left[key] - shares[key] for key in shares]
    for key, part in zip(shares, money.allocate(rest, spare, invoice.currency), strict=True):
        shares[key] += part
    if sum(shares.values(), money.ZERO) != refund.amount:
        raise ValueError(f"Less than {refund.amount} of {invoice.number} is left.")
    quantities: dict[Key, int] = {each.line: each.quantity for each in refund.lines}
    lines = []
    for line in invoice.lines:
        key = _key(line)
        gross, before = shares[key], credited[key]
        if not gross and not quantities.get(key):
            continue
        is_whole = gross == line.gross
        tax = _tax_of(line, before[0] + gross, invoice.currency) - before[1]
        lines.append(
            InvoiceLine(
                variant=line.variant,
                is_surplus=line.is_surplus,
                sku=line.sku,
                name=line.name,
                options=line.options,
                quantity=line.quantity if is_whole else quantities.get(key, 0),
                unit_price=line.unit_price,
                discount=line.discount if is_whole else money.ZERO,
                tax_rate=line.tax_rate,
                net=gross - tax,
                tax=tax,
                gross=gross,
            )
        )
    return lines


def _tax_of(line: InvoiceLine, gross: Decimal, currency: str) -> Decimal:
    return money.round_to_step(line.tax * gross / line.gross, currency) if line.gross else money.ZERO
