"""Orders and what belongs to them."""

import random
from collections.abc import Callable
from decimal import Decimal

from bson import Decimal128, ObjectId
from django.conf import settings

from orders import search_words
from orders.discounts import LineDiscount, OrderDiscount
from orders.events import DISPUTE_EVENTS, Actor, Event
from orders.fulfilments.models import FulfilledLine, Fulfilment
from orders.lifecycle import NOTHING_TO_SEND, TRANSITIONS
from orders.mail_log import MailStatus, OrderMail
from orders.models import Note, Order, OrderLine, TimelineEntry
from orders.refund_entries import DisputeEntry, RefundedLine, RefundEntry
from orders.returns.models import OrderReturn, ReturnedLine
from orders.statuses import OrderStatus, PaymentStatus
from shop.audit.staff_log import Action
from shop.db import documents
from shop.dev.demo.bulk import BulkWriter, Document, template
from shop.dev.demo.history import fates, stories
from shop.dev.demo.history.catalog import Ledger, image_name, product_name, sku
from shop.dev.demo.history.coupons import Coupons, coupon_code, coupon_of
from shop.dev.demo.history.fates import Step
from shop.dev.demo.history.invoices import Invoices
from shop.dev.demo.history.payments import Payments
from shop.dev.demo.history.people import PLACES, Addresses, Staff, email
from shop.dev.demo.history.plan import DAY, Amounts, Plan, at, rounded_share
from shop.dev.demo.history.reviews import Reviews
from shop.dev.demo.history.stock import Movements
from shop.dev.demo.history.stories import Story

Tick = Callable[[int, int], None]

_SHIPPING = (("standard", 490), ("standard", 490), ("express", 1290))
# One in this number of orders is a guest's.
GUEST_EVERY = 10


class Orders:
    def __init__(self, plan: Plan, amounts: Amounts, ledger: Ledger, staff: Staff, *, seed: int) -> None:
        self._plan, self._amounts, self._ledger, self._staff = plan, amounts, ledger, staff
        self._random = random.Random(f"orders {seed}")  # noqa: S311
        self._addresses = Addresses()
        self._payments = Payments(plan, amounts, staff)
        self._invoices = Invoices(plan, amounts)
        self._coupons = Coupons(plan, amounts)
        self._movements = Movements(plan, ledger)
        self._reviews = Reviews(plan, ledger, self._random)
        any_id = ObjectId()
        zero = dict.fromkeys(("subtotal", "discount", "shipping", "tax", "total"), Decimal(0))
        sample = template(
            Order(
                lines=[
                    OrderLine(
                        product=any_id,
                        variant=any_id,
                        unit_price=Decimal(0),
                        line_total=Decimal(0),
                        discounts=[LineDiscount(promotion=any_id, amount=Decimal(0))],
                    )
                ],
                discounts=[OrderDiscount(promotion=any_id, amount=Decimal(0))],
                fulfilments=[Fulfilment(lines=[FulfilledLine(line=any_id)])],
                timeline=[TimelineEntry()],
                notes=[Note(text="Wrap it as a gift.")],
                refunds=[
                    RefundEntry(
                        refund=any_id,
                        amount=Decimal(0),
                        lines=[RefundedLine(line=any_id, quantity=1, amount=Decimal(0))],
                    )
                ],
                disputes=[DisputeEntry(dispute="", status="", rank=0)],
                mails=[OrderMail(event=Event.PLACED, status=MailStatus.SENT)],
                returns=[OrderReturn(lines=[ReturnedLine(line=any_id, quantity=1)])],
                cart=any_id,
                currency=amounts.currency,
                prices_include_tax=settings.PRICES_INCLUDE_TAX,
                **zero,
            )
        )
        (self._line,), (self._entry,), (self._refund,) = sample["lines"], sample["timeline"], sample["refunds"]
        (self._refunded_line,), (self._return,) = self._refund["lines"], sample["returns"]
        self._refund["lines"] = []
        empty = ("refunds", "discounts", "fulfilments", "returns", "disputes", "notes", "mails")
        self._order = sample | {name: [] for name in empty}
        (self._note,) = sample["notes"]
        (self._dispute,), (self._mail,) = sample["disputes"], sample["mails"]
        (self._parcel,) = sample["fulfilments"]
        (self._parcel_line,) = self._parcel["lines"]
        (self._discount,), (self._line_discount,) = sample["discounts"], self._line["discounts"]

    def write(self, writer: BulkWriter, *, tick: Tick) -> None:
        count = self._plan.sizes.orders
        for number in range(count):
            self._write(number, writer)
            tick(number + 1, count)
        self._invoices.issue(writer)
        self._invoices.write_counters(writer)
        if count:
            self._coupons.write(writer)

    def _write(self, number: int, writer: BulkWriter) -> None:
        plan, chance = self._plan, self._random
        placed = plan.ordered_at(number, chance.random())
        today = number - plan.orders_before
        fate = fates.TODAY[today % len(fates.TODAY)] if today >= 0 else fates.fate_of(number, chance)
        customer = self._customer(number, placed)
        if customer == 0 and fate in fates.OPEN:
            # The regular customer can delete the account.
            fate = "delivered"
        products = self._choose_products(placed)
        if fate in fates.SPLIT and sum(quantity for _, quantity in products) < 2:
            fate = "delivered"
        story = Story(
            number=number,
            id=plan.id("order", number, placed),
            code=plan.order_number(number),
            customer=customer,
            placed=placed,
            total=0,
            document={**self._order},
            parcel=self._parcel,
            parcel_line=self._parcel_line,
            returned=self._return,
            steps=[step for step in fates.steps(fate, placed, chance) if step.moment < plan.now],
        )
        if plan.is_deleted(customer):
            story.detached_at = max(placed + DAY, plan.deleted_at(customer))
        elif customer and number % GUEST_EVERY == 4:
            story.email = f"guest{customer}@example.com"
        else:
            story.user, story.email = plan.customer_id(customer), email(customer)
        self._price(story, products)
        self._run(story, writer)
        self._movements.write(story, products, writer)
        if story.document["coupon"] and not any(step.event in fates.CLOSING for step in story.steps):
            self._coupons.use(story, writer)
        self._reviews.write(story, products[0][0], writer)
        self._add_remarks(story)
        story.document["search_words"] = search_words.of(documents.view(Order, story.document))
        self._invoices.issue(writer, before=placed)
        self._invoices.add(story, writer)

    def _add_remarks(self, story: Story) -> None:
        """Add what staff see, and the time of the last change."""
        placed_at = story.document["timeline"][0]["at"]
        story.document["updated_at"] = story.document["timeline"][-1]["at"]
        if story.number % 9 == 0:
            story.document["tags"] = ["gift"] if story.number % 2 else ["wholesale"]
        if story.number % 18 == 9 and story.detached_at is None:
            story.document["notes"] = [{**self._note, "key": ObjectId(), "at": placed_at}]

    def _customer(self, number: int, moment: float) -> int:
        plan = self._plan
        if number % plan.regular_every == plan.regular_every // 2 and number // plan.regular_every < 5000:
            return 0
        arrived = plan.arrived(plan.sizes.customers, moment)
        customer = 1 + int(self._random.random() * (arrived - 1))
        # An account is not deleted before its order is over.
        if plan.is_deleted(customer) and not moment + DAY < plan.deleted_at(customer) < plan.now:
            return customer - 1
        return customer

    def _choose_products(self, moment: float) -> list[tuple[int, int]]:
        """Return distinct products, some often, with quantities."""
        arrived = self._plan.arrived(self._plan.sizes.products, moment)
        chosen: dict[int, int] = {}
        for _ in range(self._random.choice((1, 1, 2, 2, 2, 3))):
            product = int(arrived * self._random.random() ** 2)
            chosen[product] = 1 + int(self._random.random() * 2.3)
        return list(chosen.items())

    def _price(self, story: Story, products: list[tuple[int, int]]) -> None:
        amounts, prices = self._amounts, self._ledger.prices
        stored = amounts.stored
        number = story.number
        *_, rate, taxes_shipping = PLACES[story.customer % len(PLACES)]
        whole = 100_000 + (rate if settings.PRICES_INCLUDE_TAX else 0)
        method, shipping = _SHIPPING[number % len(_SHIPPING)]
        totals = [prices[product] * quantity for product, quantity in products]
        subtotal = sum(totals)
        coupon = coupon_of(number)
        discounts, promotion = [0] * len(products), {}
        if coupon is not None:
            discounts = [total // 10 for total in totals]
            code, promotion = coupon_code(coupon), {"promotion": self._coupons.id_of(coupon)}
            taken = {**self._discount, **promotion, "code": code, "label": code, "amount": stored(sum(discounts))}
            story.document |= {"coupon": code, "discounts": [taken]}
        taxes = [rounded_share(total - off, rate, whole) for total, off in zip(totals, discounts, strict=True)]
        tax = sum(taxes) + (rounded_share(shipping, rate, whole) if taxes_shipping else 0)
        story.total = subtotal - sum(discounts) + shipping + (0 if settings.PRICES_INCLUDE_TAX else tax)
        paid = totals[0] - discounts[0] + (0 if settings.PRICES_INCLUDE_TAX else taxes[0])
        story.unit = rounded_share(paid, 1, products[0][1])
        story.stored_unit = stored(story.unit)
        stored_rate = Decimal128(Decimal(rate).scaleb(-3))
        address = self._addresses.of(story.customer)
        shipping_tax = tax - sum(taxes)
        story.parts = [*((total - off, part) for total, off, part in zip(totals, discounts, taxes, strict=True))]
        story.parts.append((shipping, shipping_tax))
        story.rate, story.stored_rate, story.buyer = rate, stored_rate, address
        lines = [
            {
                **self._line,
                "product": self._plan.product_id(product),
                "variant": self._plan.variant_id(product),
                "sku": sku(product),
                "name": product_name(product),
                "image": image_name(product),
                "quantity": quantity,
                "unit_price": stored(prices[product]),
                "line_total": stored(total),
                "discount": stored(off),
                "discounts": [{**self._line_discount, **promotion, "amount": stored(off)}] if off else [],
                "tax_rate": stored_rate,
                "tax": stored(line_tax),
            }
            for (product, quantity), total, off, line_tax in zip(products, totals, discounts, taxes, strict=True)
        ]
        story.document |= {
            "_id": story.id,
            "number": story.code,
            "user_id": story.user,
            "email": story.email,
            "lines": lines,
            "subtotal": stored(subtotal),
            "discount": stored(sum(discounts)),
            "shipping": stored(shipping),
            "tax": stored(tax),
            "tax_lines": [{"label": "Tax", "rate": stored_rate, "amount": stored(tax)}] if rate else [],
            "total": stored(story.total),
            "shipping_method": method,
            "shipping_address": address,
            "billing_address": address,
            "note": "Please ring twice." if number % 40 == 7 else "",
            "cart": self._plan.cart_id(story.customer),
            "cart_revision": number,
            "mails": [{**self._mail, "key": ObjectId(story.id.binary[:11] + b"\xfe"), "at": at(story.placed + 180)}],
            "created_at": at(story.placed),
        }

    def _run(self, story: Story, writer: BulkWriter) -> None:
        """Apply the steps as `orders.services` does."""
        document = story.document
        opened = self._payments.open(story)
        timeline, refunds = [], []
        for step in story.steps:
            detail = step.detail
            if opened is not None:
                detail = self._payments.apply(opened, step, unit=story.unit) or detail
            if step.event == Event.REFUNDED and opened is not None:
                refund = opened.refunds[-1]
                steps = refund["amount"] // self._amounts.minor_per_step
                if refund["status"] == "succeeded":
                    story.refunded.append((step.moment, steps, step.is_part, refund["_id"]))
                refunds.append(
                    {
                        **self._refund,
                        "lines": self._refunded_lines(story) if step.is_part else [],
                        "staff": self._staff.member(story.number) if step.actor == Actor.STAFF else None,
                        "refund": refund["_id"],
                        "amount": self._amounts.stored(steps),
                        "status": refund["status"],
                        "created_at": refund["created_at"],
                    }
                )
            stories.apply(story, step)
            if step.event in DISPUTE_EVENTS:
                document["disputes"] = [self._dispute_entry(story, step, detail)]
            if step.event == Event.REFUNDED and step.is_part:
                document["returns"][0]["refund"] = refunds[-1]["refund"]
            entry = {**self._entry, "at": at(step.moment), "event": step.event.value, "actor": step.actor.value}
            entry["detail"] = detail
            timeline.append(entry)
            action = TRANSITIONS[step.event].staff_action
            # Deliveries are reported by the carrier's file, which logs no member of the staff.
            if action and action != Action.DELIVER and step.actor == Actor.STAFF:
                self._staff.log(action, Order, story.id, story.code, step.moment, writer)
        if story.paid_at is None and document["status"] == OrderStatus.PENDING:
            document["expires_at"] = at(self._plan.now + DAY * (0.5 + 0.5 * self._random.random()))
            document["placed_from"] = self._random.randbytes(32).hex()
        is_refunded = document["payment_status"] == PaymentStatus.REFUNDED
        document["counts_as_sale"] = document["status"] == OrderStatus.COMPLETED and not is_refunded
        document["timeline"], document["refunds"] = timeline, refunds
        if story.detached_at is not None:
            self._detach(story)
        if opened is not None:
            document["payment"] = opened.document["_id"]
            self._payments.write(opened, story, writer)

    def _dispute_entry(self, story: Story, step: Step, dispute: str) -> Document:
        is_open = step.event == Event.DISPUTED
        opened = story.steps[-1].moment if is_open else step.moment - 20 * DAY
        return {
            **self._dispute,
            "dispute": dispute,
            "status": {Event.DISPUTE_WON: "won", Event.DISPUTE_LOST: "lost"}.get(step.event, "needs_response"),
            "rank": {Event.DISPUTE_WON: 8, Event.DISPUTE_LOST: 5}.get(step.event, 3),
            "reason": "fraudulent",
            "amount": self._amounts.stored(story.total),
            "currency": self._amounts.currency,
            "due_by": at(opened + 10 * DAY),
            "url": f"https://dashboard.stripe.com/test/disputes/{dispute}",
            "is_open": is_open,
            "lost_at": at(step.moment) if step.event == Event.DISPUTE_LOST else None,
        }

    def _refunded_lines(self, story: Story) -> list[Document]:
        variant = story.document["lines"][0]["variant"]
        return [{**self._refunded_line, "line": variant, "amount": story.stored_unit}]

    def _detach(self, story: Story) -> None:
        document, detached_at = story.document, story.detached_at or 0
        document["detached_at"] = at(detached_at)
        over = [step.moment for step in story.steps if step.event in stories.OVER]
        if any(document[name] in statuses for name, statuses in NOTHING_TO_SEND.items()):
            story.erased_at = max(detached_at, min(over))
        elif detached_at < self._plan.now - settings.ERASURE_GRACE_DAYS * DAY:
            story.erased_at = detached_at + settings.ERASURE_GRACE_DAYS * DAY
        if story.erased_at is None:
            return
        document |= {"erased_at": at(story.erased_at), "note": "", "tracking_number": ""}
        for parcel in document["fulfilments"]:
            parcel |= {"tracking_number": "", "tracking_url": ""}
        for returned in document["returns"]:
            returned["answer"] = ""
            for line in returned["lines"]:
                line["reason"] = ""
        document["shipping_address"] = document["billing_address"] = self._addresses.erased(story.customer)
        for entry in document["timeline"]:
            if TRANSITIONS[entry["event"]].has_typed_detail and entry["actor"] != Actor.SYSTEM:
                entry["detail"] = ""
