from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from bson import ObjectId
from django.conf import settings
from django.db.models import Count, Sum
from django.utils import timezone

from cart.models import Coupon, CouponUse
from catalog import read_model
from catalog.models import Product, StockMovement, Variant
from orders import holds
from orders.lifecycle import AFTER_PAYMENT, DISPUTE_EVENTS, EVER_PAID_STATUSES, STATUSES, FulfilmentStatus, OrderStatus
from orders.models import Order
from orders.personal_data import personal_data_of
from orders.reviews.models import Review
from orders.services import has_open_or_lost_dispute
from shop.audit import invariant
from shop.jobs import Job

# Time allowed for the task and a call to the payment provider.
GRACE = timedelta(minutes=1)
# Time allowed for a backlog of tasks.
ERASURE_DELAY = timedelta(days=1)


@invariant("an order's totals follow from its lines")
def totals_follow_from_lines() -> Iterator[str]:
    for order in Order.objects.iterator():
        subtotal = sum((line.line_total for line in order.lines), Decimal(0))
        discount = sum((line.discount for line in order.lines), Decimal(0))
        tax = Decimal(0) if order.prices_include_tax else order.tax
        total = subtotal - discount + order.shipping + tax
        if (subtotal, discount, total) != (order.subtotal, order.discount, order.total):
            yield (
                f"{order.number} has subtotal {order.subtotal}, discount {order.discount} and total {order.total}, "
                f"but its lines have {subtotal}, {discount} and {total}"
            )
        if any(line.line_total != line.unit_price * line.quantity for line in order.lines):
            yield f"{order.number} has a line whose total is not price times quantity"
        on_shipping = order.tax - sum((line.tax for line in order.lines), Decimal(0))
        if not 0 <= on_shipping <= order.shipping:
            yield f"{order.number} has {order.tax} tax, {on_shipping} of it on {order.shipping} shipping"


@invariant("an order holds exactly the stock of its lines, a cancelled one none")
def orders_hold_their_stock() -> Iterator[str]:
    moved: dict[str, dict] = defaultdict(dict)
    reasons = (StockMovement.Reason.ORDER, StockMovement.Reason.CANCELLATION, StockMovement.Reason.EXPIRY)
    rows = StockMovement.objects.filter(reason__in=reasons).order_by()
    for reference, variant, delta in rows.values_list("reference", "variant").annotate(total=Sum("delta")):
        if delta:
            moved[reference][variant] = -delta
    for order in Order.objects.iterator():
        expected = {} if order.status == OrderStatus.CANCELLED else order.quantities
        if moved.pop(order.number, {}) != expected:
            yield f"{order.number} ({order.status}) should hold {sum(expected.values())} units; its movements differ"
    for reference in moved:
        yield f"stock is held for {reference}, which does not exist"


@invariant("only pending orders have a hold, which has not expired")
def holds_end_in_time() -> Iterator[str]:
    for order in Order.objects.filter(status=OrderStatus.PENDING).iterator():
        if order.expires_at is None or order.expires_at < timezone.now() - GRACE:
            yield f"{order.number} is pending, but its hold expired at {order.expires_at}"
    for order in Order.objects.exclude(status=OrderStatus.PENDING).exclude(expires_at=None).iterator():
        yield f"{order.number} is {order.status}, but has a hold until {order.expires_at}"


@invariant("an order is completed exactly when it is paid, unless it was cancelled")
def completed_means_paid() -> Iterator[str]:
    for order in Order.objects.exclude(status=OrderStatus.CANCELLED).iterator():
        if (order.status == OrderStatus.COMPLETED) != (order.payment_status in EVER_PAID_STATUSES):
            yield f"{order.number} is {order.status} and {order.payment_status}"


@invariant("paid orders have a payment date")
def paid_orders_have_a_date() -> Iterator[str]:
    for order in Order.objects.iterator():
        paid = order.payment_status in EVER_PAID_STATUSES
        # A payment that does not match never paid the order, even if it is disputed.
        if (order.paid_at is not None, order.paid_on is not None) != (paid, paid) and not order.flagged:
            yield f"{order.number} is {order.payment_status}, but was paid at {order.paid_at}, on {order.paid_on}"


@invariant("an order's statuses match its timeline")
def statuses_follow_from_the_timeline() -> Iterator[str]:
    for order in Order.objects.iterator():
        events = {entry.event for entry in order.timeline}
        for field, statuses in STATUSES.items():
            status = statuses.get(getattr(order, field))
            if not status or events.isdisjoint(status.reported_by) or not events.isdisjoint(status.ruled_out_by):
                yield f"{order.number} is {getattr(order, field)}, but its timeline differs"
        if not events.isdisjoint(DISPUTE_EVENTS) and order.is_disputed != has_open_or_lost_dispute(order.timeline):
            yield f"{order.number} is {order.payment_status}, but its timeline has other disputes"


@invariant("only completed orders are shipped")
def shipped_orders_are_completed() -> Iterator[str]:
    shipped = Order.objects.exclude(status=OrderStatus.COMPLETED).exclude(
        fulfilment_status=FulfilmentStatus.UNFULFILLED
    )
    for order in shipped.iterator():
        yield f"{order.number} is {order.status}, but {order.fulfilment_status}"


@invariant("a payment status matches the refunds")
def payment_status_matches_refunds() -> Iterator[str]:
    for order in Order.objects.filter(payment_status__in=AFTER_PAYMENT).iterator():
        if order.payment_status != order.payment_status_after_refunds:
            yield f"{order.number} is {order.payment_status}, but by its refunds {order.payment_status_after_refunds}"


@invariant("an order has used its coupon once, a cancelled order never")
def coupons_are_used_by_orders() -> Iterator[str]:
    uses = Counter(CouponUse.objects.values_list("order_number", flat=True))
    coupons = dict(Coupon.objects.values_list("code", "pk"))
    for order in Order.objects.iterator():
        used = uses.pop(order.number, 0)
        coupon = coupons.get(order.coupon)
        # Deleting a coupon deletes its uses.
        known = coupon is not None and coupon.generation_time <= order.created_at
        expected = 1 if known and order.status != OrderStatus.CANCELLED else 0
        if used != expected:
            yield f"{order.number} ({order.status}) has used its coupon {used} times"
    for number in uses:
        yield f"a coupon was used for {number}, which does not exist"


@invariant("a product's rating is that of its published reviews")
def ratings_follow_from_reviews() -> Iterator[str]:
    rows = Review.objects.shown().order_by().values_list("product")
    reviews = {product: rating for product, *rating in rows.annotate(count=Count("id"), stars=Sum("rating"))}
    for product in Product.objects.order_by("id").iterator():
        count, stars = reviews.get(product.pk, (0, 0))
        expected = (count, stars, read_model.rating_average(count, stars))
        rating = (product.rating_count, product.rating_sum, product.rating_average)
        if rating != expected:
            yield f"{product.slug} has the rating {rating}, but its reviews have {expected}"


@invariant("no personal data of a deleted account is kept longer than needed")
def detached_orders_are_erased() -> Iterator[str]:
    late = timezone.now() - ERASURE_DELAY
    latest = late - timedelta(days=settings.ERASURE_GRACE_DAYS)
    for order in Order.objects.filter(detached_at__lte=late).iterator():
        if order.user_id is not None:
            yield f"{order.number} is detached, but belongs to {order.user_id}"
        if order.erased_at is None:
            if order.detached_at and order.detached_at <= latest:
                yield f"{order.number} still has the data of an account deleted at {order.detached_at}"
            elif order.has_nothing_to_send:
                yield f"{order.number} ({order.status}) has the data of a deleted account, but nothing to ship"
        elif left := personal_data_of(order):
            yield f"{order.number} was erased, but has {', '.join(left)}"


@invariant("an order keeps its network address digest only while it counts towards a limit")
def network_digests_are_cleared() -> Iterator[str]:
    late = timezone.now() - holds.EXPIRED_COUNTS_FOR - ERASURE_DELAY
    for order in Order.objects.filter(placed_from__gt="").iterator():
        if order.status != OrderStatus.PENDING and (order.expired_at is None or order.expired_at < late):
            yield f"{order.number} ({order.status}) has a network address digest"


@invariant("an order counts as a sale exactly while it is neither cancelled nor refunded")
def valid_purchases_count() -> Iterator[str]:
    for order in Order.objects.iterator():
        if order.counts_as_sale != order.is_valid_purchase:
            yield f"{order.number} is {order.status} and {order.payment_status}, counts_as_sale {order.counts_as_sale}"


@invariant("a product's sales are the units of its orders, apart from queued changes")
def sales_follow_from_orders() -> Iterator[str]:
    expected: Counter = Counter()
    for order in Order.objects.valid_purchases().iterator():
        for line in order.lines:
            expected[line.product] += line.quantity
    products = dict(Variant.objects.values_list("pk", "product"))
    queued = Job.objects.filter(kind="catalog.count_sales", given_up_at=None)
    for payload in queued.values_list("payload", flat=True):
        for variant, quantity in payload["quantities"].items():
            expected[products.get(ObjectId(variant))] -= quantity
    for product, slug, sales in Product.objects.order_by("id").values_list("pk", "slug", "sales").iterator():
        if sales != expected[product]:
            yield f"{slug} has {sales} sales, but its orders have {expected[product]}"


@invariant("a published review has a purchase that is neither cancelled nor refunded")
def reviews_have_a_purchase() -> Iterator[str]:
    if Job.objects.filter(kind="orders.check_reviews", given_up_at=None).exists():
        # Pending jobs may still change the reviews.
        return
    bought = {
        (order.user_id, line.product) for order in Order.objects.valid_purchases().iterator() for line in order.lines
    }
    valid = set(Order.objects.valid_purchases().values_list("pk", flat=True))
    for review in Review.objects.iterator():
        known = (review.user_id, review.product_id) in bought if review.user_id else review.order in {None, *valid}
        if review.is_withdrawn == known:
            yield f"the review {review.pk}: withdrawn is {review.is_withdrawn}, purchased is {known}"
