from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal

from bson import ObjectId
from django.conf import settings
from django.utils import timezone

from accounts.models import COUNTRY_CODES, User
from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Product, StockMovement, Variant
from catalog.movement_sums import month_of, summed_variants
from orders import (
    discounts,
    holds,
    search_invariants,  # noqa: F401 (registered there)
)
from orders.events import DISPUTE_EVENTS, Event
from orders.fulfilments import invariants as fulfilment_invariants  # noqa: F401 (registered there)
from orders.invoices import invariants as invoice_invariants  # noqa: F401 (registers its checks)
from orders.lifecycle import STATUSES
from orders.models import Order
from orders.personal_data import personal_data_of
from orders.reports import invariants as report_invariants  # noqa: F401 (registered there)
from orders.returns import invariants as return_invariants  # noqa: F401 (registered there)
from orders.reviews import invariants as review_invariants  # noqa: F401 (registered there)
from orders.services import has_open_or_lost_dispute
from orders.shipping import invariants as shipping_invariants  # noqa: F401 (registered there)
from orders.statuses import AFTER_PAYMENT, EVER_PAID_STATUSES, OrderStatus
from shop.audit import Window, invariant, invariant_over
from shop.db import documents
from shop.jobs import Job
from shop.jobs.email_addresses import normalize_email

# Time allowed for the task and a call to the payment provider.
GRACE = timedelta(minutes=1)
# Time allowed for a backlog of tasks.
ERASURE_DELAY = timedelta(days=1)

STOCK = "an order holds exactly the stock of its lines, apart from units put back; a cancelled one none"
PROMOTION_USES = "an order has used each of its promotions once, a cancelled order none"


@invariant_over(Order, "an order's totals follow from its lines")
def totals_follow_from_lines(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        subtotal = sum((line.line_total for line in order.lines), Decimal(0))
        discount = sum((line.discount for line in order.lines), Decimal(0))
        tax = Decimal(0) if order.prices_include_tax else order.tax
        total = subtotal - discount + order.shipping + tax
        if (subtotal, discount, total) != (order.subtotal, order.discount, order.total):
            yield (
                f"{order.number} has subtotal {order.subtotal}, discount {order.discount} and total {order.total}, "
                f"but its lines have {subtotal}, {discount} and {total}"
            )
        yield from discounts.violations_of(order)
        if any(line.line_total != line.unit_price * line.quantity for line in order.lines):
            yield f"{order.number} has a line whose total is not price times quantity"
        if any(line.backordered > line.quantity for line in order.lines):
            yield f"{order.number} has a line with more units on back-order than ordered"
        on_shipping = order.tax - sum((line.tax for line in order.lines), Decimal(0))
        if not 0 <= on_shipping <= order.shipping:
            yield f"{order.number} has {order.tax} tax, {on_shipping} of it on {order.shipping} shipping"
        by_rate = sum((line.amount for line in order.tax_lines), Decimal(0))
        # Orders of earlier releases have no lines of tax.
        if order.tax_lines and by_rate != order.tax:
            yield f"{order.number} has {order.tax} tax, but its lines of tax add up to {by_rate}"
        if any(not 0 <= line.tax <= line.line_total - line.discount for line in order.lines):
            yield f"{order.number} has a line with less than no tax, or with more than its amount"


@invariant_over(Order, "an order with a shipping address is billed to someone in a country")
def orders_are_billed(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        billed_to = order.billed_to
        if order.shipping_address and (billed_to is None or billed_to.country not in COUNTRY_CODES):
            yield f"{order.number} is billed to no country"


@invariant_over(Order, STOCK)
def orders_hold_their_stock(orders: Window[Order]) -> Iterator[str]:
    moved: defaultdict[str, dict] = defaultdict(dict)
    for reference, variant, delta in _moved([order.number for order in orders]):
        moved[reference][variant] = -delta
    expected = {order.number: order.held_units for order in orders}
    differing = [order for order in orders if moved[order.number] != expected[order.number]]
    summed = _summed_variants(differing)
    for order in differing:
        held, due = moved[order.number], expected[order.number]
        if any(held.get(variant) != due.get(variant) for variant in {*held, *due} - summed[order.number]):
            yield f"{order.number} ({order.status}) should hold {sum(due.values())} units; its movements differ"


def _summed_variants(orders: list[Order]) -> dict[str, set[ObjectId]]:
    """Return, by order, the variants whose movements of its months may be in a sum (`catalog.movement_sums`)."""
    variants: defaultdict[date, set[ObjectId]] = defaultdict(set)
    for order in orders:
        for month in _months_of(order):
            variants[month].update(order.quantities)
    summed = {month: summed_variants(each, month=month) for month, each in variants.items()}
    return {order.number: set().union(*(summed[month] for month in _months_of(order))) for order in orders}


def _months_of(order: Order) -> set[date]:
    """Return the months in which its stock can have been moved: when it was placed, closed or partly put back."""
    closed = (entry.at for entry in order.timeline if entry.event in (Event.CANCELLED, Event.EXPIRED))
    refunded = (entry.created_at for entry in order.refunds if entry.lines)
    returned = (at for each in order.returns for at in (each.created_at, each.received_at) if at)
    moved = (order.created_at, *closed, *refunded, *returned)
    return {month_of(at + delay) for at in moved for delay in (timedelta(0), GRACE)}


@invariant_over(StockMovement, STOCK)
def stock_is_held_for_orders(movements: Window[StockMovement]) -> Iterator[str]:
    references = {movement.reference for movement in movements if movement.reason in StockMovement.ORDER_REASONS}
    # A sum has no reference.
    unknown = _without_order(references - {""})
    for reference, _, _ in _moved(unknown):
        yield f"stock is held for {reference}, which does not exist"


def _moved(references: Iterable[str]) -> Iterator[tuple[str, ObjectId, int]]:
    """Yield reference, variant and units, unless these are zero."""
    sums = [
        {"$match": {"reference": {"$in": list(references)}, "reason": {"$in": StockMovement.ORDER_REASONS}}},
        {"$group": {"_id": {"reference": "$reference", "variant": "$variant_id"}, "units": {"$sum": "$delta"}}},
        {"$match": {"units": {"$ne": 0}}},
    ]
    for row in documents.aggregate(StockMovement, sums):
        yield row["_id"]["reference"], row["_id"]["variant"], row["units"]


def _without_order(numbers: set[str]) -> set[str]:
    return numbers - documents.known_values(Order, "number", numbers)


@invariant_over(Order, "only pending orders have a hold, which has not expired")
def holds_end_in_time(orders: Window[Order]) -> Iterator[str]:
    late = timezone.now() - GRACE
    for order in orders:
        if order.status == OrderStatus.PENDING:
            if order.expires_at is None or order.expires_at < late:
                yield f"{order.number} is pending, but its hold expired at {order.expires_at}"
        elif order.expires_at is not None:
            yield f"{order.number} is {order.status}, but has a hold until {order.expires_at}"


@invariant_over(Order, "an order is completed exactly when it is paid, unless it was cancelled")
def completed_means_paid(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        paid = order.payment_status in EVER_PAID_STATUSES
        if order.status != OrderStatus.CANCELLED and (order.status == OrderStatus.COMPLETED) != paid:
            yield f"{order.number} is {order.status} and {order.payment_status}"


@invariant_over(Order, "paid orders have a payment date")
def paid_orders_have_a_date(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        paid = order.payment_status in EVER_PAID_STATUSES
        # A payment that does not match never paid the order, even if it is disputed.
        if (order.paid_at is not None, order.paid_on is not None) != (paid, paid) and not order.flagged:
            yield f"{order.number} is {order.payment_status}, but was paid at {order.paid_at}, on {order.paid_on}"


@invariant_over(Order, "an order's statuses match its timeline")
def statuses_follow_from_the_timeline(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        events = {entry.event for entry in order.timeline}
        for field, statuses in STATUSES.items():
            status = statuses.get(getattr(order, field))
            if not status or events.isdisjoint(status.reported_by) or not events.isdisjoint(status.ruled_out_by):
                yield f"{order.number} is {getattr(order, field)}, but its timeline differs"
        if not events.isdisjoint(DISPUTE_EVENTS) and order.is_disputed != has_open_or_lost_dispute(order.timeline):
            yield f"{order.number} is {order.payment_status}, but its timeline has other disputes"


@invariant_over(Order, "a payment status matches the refunds")
def payment_status_matches_refunds(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        if order.payment_status in AFTER_PAYMENT and order.payment_status != order.payment_status_after_refunds:
            yield f"{order.number} is {order.payment_status}, but by its refunds {order.payment_status_after_refunds}"


@invariant_over(Order, PROMOTION_USES)
def promotions_are_used_by_orders(orders: Window[Order]) -> Iterator[str]:
    numbers = [order.number for order in orders]
    used: defaultdict[str, Counter[ObjectId | None]] = defaultdict(Counter)
    rows = PromotionUse.objects.filter(order_number__in=numbers, reserved_at=None)
    for number, promotion in rows.values_list("order_number", "promotion"):
        used[number][promotion] += 1
    codes = {order.coupon for order in orders if order.coupon}
    coded = dict(Promotion.objects.filter(code__in=codes).values_list("code", "pk"))
    named = {each.promotion for order in orders for each in order.discounts}
    known = documents.known_values(Promotion, "_id", named)
    for order in orders:
        expected = {each.promotion for each in order.discounts} & known
        coupon = coded.get(order.coupon)
        # Orders of earlier releases name only the code, which a later promotion may have.
        if not order.discounts and coupon is not None and coupon.generation_time <= order.created_at:
            expected = {coupon}
        if order.status == OrderStatus.CANCELLED:
            expected = set()
        if used[order.number] != Counter(expected):
            found = used[order.number].total()
            yield f"{order.number} ({order.status}) has used {found} promotions, not {len(expected)}"


@invariant_over(PromotionUse, PROMOTION_USES)
def promotion_uses_have_their_order(uses: Window[PromotionUse]) -> Iterator[str]:
    for number in _without_order({use.order_number for use in uses if use.reserved_at is None} - {""}):
        yield f"a promotion was used for {number}, which does not exist"


@invariant_over(Order, "no personal data of a deleted account is kept longer than needed")
def detached_orders_are_erased(orders: Window[Order]) -> Iterator[str]:
    late = timezone.now() - ERASURE_DELAY
    latest = late - timedelta(days=settings.ERASURE_GRACE_DAYS)
    for order in orders:
        if order.detached_at is None or order.detached_at > late:
            continue
        if order.user_id is not None:
            yield f"{order.number} is detached, but belongs to {order.user_id}"
        if order.erased_at is None:
            if order.detached_at <= latest:
                yield f"{order.number} still has the data of an account deleted at {order.detached_at}"
            elif order.has_nothing_to_send:
                yield f"{order.number} ({order.status}) has the data of a deleted account, but nothing to ship"
        elif left := personal_data_of(order):
            yield f"{order.number} was erased, but has {', '.join(left)}"


@invariant_over(Order, "an order has an account or a guest's address, unless it was detached")
def orders_have_a_customer(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        if order.detached_at is None and order.user_id is None and not order.email:
            yield f"{order.number} has neither an account nor an address"
        if order.detached_at is not None and order.email:
            yield f"{order.number} is detached, but has an address"
        if order.email != normalize_email(order.email):
            yield f"{order.number} has an address that is not normalized"


@invariant_over(Order, "a guest's order is claimed by the account that has verified its address")
def guest_orders_are_claimed(orders: Window[Order]) -> Iterator[str]:
    late = timezone.now() - GRACE
    unclaimed = [order for order in orders if order.is_of_guest and order.created_at < late]
    emails = list({order.email for order in unclaimed})
    accounts = User.objects.active().filter(email__in=emails, email_verified=True)
    verified = set(accounts.values_list("email", flat=True)) if emails else set()
    found = [order for order in unclaimed if order.email in verified]
    # Pending jobs may still claim them.
    if found and not Job.objects.filter(kind__in=["orders.claim", "orders.claim_placed"], given_up_at=None).exists():
        yield from (f"{order.number} is not claimed by the account of its address" for order in found)


@invariant_over(Order, "an order keeps its network address digest only while it counts towards a limit")
def network_digests_are_cleared(orders: Window[Order]) -> Iterator[str]:
    late = timezone.now() - holds.EXPIRED_COUNTS_FOR - ERASURE_DELAY
    for order in orders:
        is_over = order.status != OrderStatus.PENDING and (order.expired_at is None or order.expired_at < late)
        if order.placed_from and is_over:
            yield f"{order.number} ({order.status}) has a network address digest"


@invariant_over(Order, "an order counts as a sale exactly while it is neither cancelled nor refunded")
def valid_purchases_count(orders: Window[Order]) -> Iterator[str]:
    for order in orders:
        if order.counts_as_sale != order.is_valid_purchase:
            yield f"{order.number} is {order.status} and {order.payment_status}, counts_as_sale {order.counts_as_sale}"


@invariant("a product's sales are the units of its orders, apart from queued changes")
def sales_follow_from_orders() -> Iterator[str]:
    queued = _queued_sales()
    # Lines of earlier releases lack the units that went back.
    sold = {
        "$subtract": [
            "$lines.quantity",
            {"$sum": ["$lines.cancelled", "$lines.returned"]},
        ]
    }
    products = [{"$project": {"slug": 1, "sales": documents.stored_or_default(Product, "sales")}}]
    differing = [
        {"$match": {"counts_as_sale": True}},
        {"$unwind": "$lines"},
        {"$group": {"_id": "$lines.product", "sold": {"$sum": sold}}},
        {"$unionWith": {"coll": Product._meta.db_table, "pipeline": products}},
        {
            "$group": {
                "_id": "$_id",
                "slug": {"$max": "$slug"},
                "sales": {"$max": "$sales"},
                "sold": {"$sum": "$sold"},
            }
        },
        # Orders may have lines of deleted products.
        {"$match": {"sales": {"$ne": None}}},
        {"$match": {"$or": [{"$expr": {"$ne": ["$sales", "$sold"]}}, {"_id": {"$in": list(queued)}}]}},
        {"$sort": {"_id": 1}},
    ]
    for row in documents.iterate(Order, differing):
        expected = row["sold"] - queued[row["_id"]]
        if row["sales"] != expected:
            yield f"{row['slug']} has {row['sales']} sales, but its orders have {expected}"


def _queued_sales() -> Counter[ObjectId]:
    """Return units by product that are in its orders, but not in its sales yet."""
    jobs = Job.objects.filter(kind="catalog.count_sales", given_up_at=None).values_list("payload", flat=True)
    units: Counter[ObjectId] = Counter()
    for payload in jobs:
        units.update({ObjectId(variant): quantity for variant, quantity in payload["quantities"].items()})
    products = dict(Variant.objects.filter(pk__in=list(units)).values_list("pk", "product"))
    queued: Counter[ObjectId] = Counter()
    for variant, quantity in units.items():
        if variant in products:
            queued[products[variant]] += quantity
    return queued
