"""Invoices and credit notes, numbered in the order of time.

Orders whose documents are not all issued wait in memory: for some seconds, or until their refund.
"""

import heapq
from collections import Counter
from decimal import Decimal
from functools import partial
from typing import Any

from bson import Decimal128, ObjectId
from django.conf import settings
from django.utils import timezone

from accounts.postal import postal_lines
from orders.invoices.models import Invoice, InvoiceCounter, InvoiceEntry, InvoiceKind, InvoiceLine, InvoiceTax, seller
from orders.models import Order
from orders.taxes.calculation import DEFAULT_LABEL
from shop.db import documents
from shop.dev.demo.bulk import BulkWriter, Document, template
from shop.dev.demo.history.people import PLACES
from shop.dev.demo.history.plan import Amounts, Plan, at, day_of, rounded_share
from shop.dev.demo.history.stories import Story

# The worker issues them moments after the payment or refund.
_DELAY = 2.0
_NAME = "Name of the Buyer"
_FORMATS = {
    InvoiceKind.INVOICE: ("invoices", "INVOICE_NUMBER"),
    InvoiceKind.CREDIT_NOTE: ("credit-notes", "CREDIT_NOTE_NUMBER"),
}
# The net amount and the tax of each line; the last is the shipping.
Parts = list[tuple[int, int]]


class Invoices:
    def __init__(self, plan: Plan, amounts: Amounts) -> None:
        self._plan, self._amounts = plan, amounts
        zero = dict.fromkeys(("net", "tax", "gross"), Decimal(0))
        any_id = ObjectId()
        sample = template(
            Invoice(
                order=any_id,
                seller=seller(),
                buyer=seller(),
                lines=[InvoiceLine(name="", quantity=1, unit_price=Decimal(0), tax_rate=Decimal(0), **zero)],
                tax_lines=[InvoiceTax(label="", rate=Decimal(0), **zero)],
                prices_include_tax=settings.PRICES_INCLUDE_TAX,
                currency=amounts.currency,
                note=settings.INVOICE_NOTE,
                **dict.fromkeys(("net", "tax", "total"), Decimal(0)),
            )
        )
        (self._line,), (self._tax_line,) = sample["lines"], sample["tax_lines"]
        self._buyer = sample["buyer"] | dict.fromkeys(("tax_id", "registration", "contact"), "")
        self._invoice = sample
        entry = InvoiceEntry(invoice=any_id, number="", total=Decimal(0), issued_at=timezone.now())
        self._entry = documents.stored_values(Order, {"invoice": entry})["invoice"]
        self._waiting: list[tuple[float, int, Story, Any]] = []
        self._pending: Counter[ObjectId] = Counter()
        self._count = 0
        self._last: Counter[str] = Counter()
        self._lines_of_place: dict[int, list[str]] = {}
        self._zero_rate = Decimal128("0")

    def add(self, story: Story, writer: BulkWriter) -> None:
        """Write the order, now or with its last document."""
        if not settings.INVOICES_ENABLED or story.paid_at is None:
            writer.add(Order, story.document)
            return
        story.document |= {"invoice_due": True, "credit_notes": []}
        buyer = self._buyer_of(story)
        self._wait(story, story.paid_at, partial(self._issue_invoice, story, buyer))
        for moment, amount, is_part, refund in story.refunded:
            self._wait(story, moment, partial(self._issue_credit_note, story, buyer, amount, is_part, refund))

    def issue(self, writer: BulkWriter, *, before: float = float("inf")) -> None:
        while self._waiting and self._waiting[0][0] < before:
            moment, _, story, make = heapq.heappop(self._waiting)
            writer.add(Invoice, make(moment))
            self._pending[story.id] -= 1
            if not self._pending[story.id]:
                del self._pending[story.id]
                writer.add(Order, story.document)

    def write_counters(self, writer: BulkWriter) -> None:
        for series, last in self._last.items():
            writer.add(InvoiceCounter, {"_id": series, "last": last})

    # --- Documents ----------------------------------------------------------------------------------------------------

    def _wait(self, story: Story, moment: float, make: Any) -> None:
        self._count += 1
        self._pending[story.id] += 1
        heapq.heappush(self._waiting, (moment + _DELAY, self._count, story, make))

    def _issue_invoice(self, story: Story, buyer: Document, moment: float) -> Document:
        order = story.document
        fields = {"refund": None, "corrects": "", "source": f"invoice {story.id}"}
        fields["discounts"] = [each["label"] for each in order["discounts"]]
        made = self._document(story, buyer, InvoiceKind.INVOICE, moment, self._parts_of(story), fields)
        order["invoice"] = self._entry_of(made)
        return made

    def _issue_credit_note(
        self, story: Story, buyer: Document, amount: int, is_part: bool, refund: ObjectId, moment: float
    ) -> Document:
        parts = self._parts_of(story)
        gross = [net + tax for net, tax in parts]
        is_whole = amount == sum(gross)
        if is_part:
            shares = [amount, *[0] * (len(gross) - 1)]
        else:
            shares = [amount * each // sum(gross) for each in gross]
            # At most a step for each line.
            for index in range(amount - sum(shares)):
                shares[index] += 1
        taxes = [rounded_share(part[1], share, sum(part) or 1) for part, share in zip(parts, shares, strict=True)]
        credited = [(share - tax, tax) for share, tax in zip(shares, taxes, strict=True)]
        fields = {
            "refund": refund,
            "corrects": story.document["invoice"]["number"],
            "source": f"credit_note {refund}",
            "is_for_amount": not is_part and not is_whole,
        }
        made = self._document(
            story, buyer, InvoiceKind.CREDIT_NOTE, moment, credited, fields, units=None if is_whole else int(is_part)
        )
        story.document["credit_notes"].append(self._entry_of(made))
        return made

    def _parts_of(self, story: Story) -> Parts:
        """Return net amounts and taxes."""
        if settings.PRICES_INCLUDE_TAX:
            return [(amount - tax, tax) for amount, tax in story.parts]
        return story.parts

    def _document(
        self,
        story: Story,
        buyer: Document,
        kind: InvoiceKind,
        moment: float,
        parts: Parts,
        fields: Document,
        *,
        units: int | None = None,
    ) -> Document:
        """``units``: of the first line of a credit note; None for all of all lines."""
        order, stored = story.document, self._amounts.stored
        lines: list[Document] = []
        sums: dict[int, tuple[int, int]] = {}
        rows = [*order["lines"], None]
        for index, (row, (net, tax)) in enumerate(zip(rows, parts, strict=True)):
            if not net + tax and (row is None or kind == InvoiceKind.CREDIT_NOTE):
                continue
            amounts = {"net": stored(net), "tax": stored(tax), "gross": stored(net + tax)}
            if row is None:
                rate = story.rate if tax else 0
                line = {"variant": None, "name": f"Shipping, {order['shipping_method'].title()}", "quantity": 1}
                line |= {"unit_price": order["shipping"], "tax_rate": story.stored_rate if tax else self._zero_rate}
            else:
                rate = story.rate
                line = {name: row[name] for name in ("variant", "sku", "name", "unit_price", "tax_rate")}
                line |= {"quantity": row["quantity"], "discount": row["discount"]}
            if units is not None:
                line |= {"quantity": 0 if index else units, "discount": stored(0)}
            lines.append({**self._line, **line, **amounts})
            before = sums.get(rate, (0, 0))
            sums[rate] = (before[0] + net, before[1] + tax)
        net, tax = (sum(each[index] for each in parts) for index in (0, 1))
        issued_on = day_of(moment)
        return {
            **self._invoice,
            "_id": self._plan.id(kind, self._last.total(), moment),
            "kind": kind.value,
            **self._number(kind, issued_on.year),
            "order": story.id,
            "order_number": story.code,
            "payment": order["payment"],
            "issued_at": at(moment),
            "issued_on": issued_on,
            "paid_on": order["paid_on"],
            "buyer": buyer,
            "country": order["shipping_address"]["country"],
            "lines": lines,
            "tax_lines": [
                {
                    **self._tax_line,
                    "label": DEFAULT_LABEL,
                    "rate": story.stored_rate if rate else self._zero_rate,
                    **{"net": stored(each[0]), "tax": stored(each[1]), "gross": stored(sum(each))},
                }
                for rate, each in sorted(sums.items(), reverse=True)
            ],
            "shipping_method": order["shipping_method"].title(),
            "net": stored(net),
            "tax": stored(tax),
            "total": stored(net + tax),
            **fields,
        }

    def _number(self, kind: InvoiceKind, year: int) -> Document:
        series, form = _FORMATS[kind]
        if settings.INVOICE_NUMBERS_RESTART_YEARLY:
            series += f"-{year}"
        self._last[series] += 1
        number = self._last[series]
        return {
            "series": series,
            "sequence": number,
            "number": getattr(settings, form).format(year=year, number=number),
        }

    def _entry_of(self, made: Document) -> Document:
        copied = {name: made[name] for name in ("kind", "number", "refund", "total", "issued_at")}
        return {**self._entry, "invoice": made["_id"], **copied}

    def _buyer_of(self, story: Story) -> Document:
        """Return the buyer; the format of a country's addresses is found once per place."""
        place = story.customer % len(PLACES)
        address = story.buyer
        if place not in self._lines_of_place:
            sample = {**address, "name": _NAME, "line1": "Line1"}
            self._lines_of_place[place] = postal_lines(
                documents.view(Order, {"billing_address": sample}).billing_address
            )
        lines = [
            line.replace(_NAME, address["name"]).replace("Line1", address["line1"])
            for line in self._lines_of_place[place]
        ]
        return {**self._buyer, "name": address["name"], "lines": lines, "email": story.email}
