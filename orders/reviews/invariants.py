from collections.abc import Iterator

from bson import ObjectId
from django.db.models import Count, Sum

from catalog import read_model
from catalog.models import Product
from orders.models import Order
from orders.reviews.models import Review
from shop.audit import Window, invariant_over
from shop.db import documents
from shop.jobs import Job


@invariant_over(Product, "a product's rating is that of its published reviews")
def ratings_follow_from_reviews(products: Window[Product]) -> Iterator[str]:
    shown = Review.objects.shown().filter(product__in=[product.pk for product in products])
    rows = shown.order_by().values_list("product").annotate(count=Count("id"), stars=Sum("rating"))
    reviews = {product: rating for product, *rating in rows}
    for product in products:
        count, stars = reviews.get(product.pk, (0, 0))
        expected = (count, stars, read_model.rating_average(count, stars))
        rating = (product.rating_count, product.rating_sum, product.rating_average)
        if rating != expected:
            yield f"{product.slug} has the rating {rating}, but its reviews have {expected}"


@invariant_over(Review, "a published review has a purchase that is neither cancelled nor refunded")
def reviews_have_a_purchase(reviews: Window[Review]) -> Iterator[str]:
    bought = _bought(reviews)
    orders = Order.objects.valid_purchases().filter(pk__in=[review.order for review in reviews if review.order])
    valid = set(orders.values_list("pk", flat=True))
    violations = []
    for review in reviews:
        known = (review.user_id, review.product_id) in bought if review.user_id else review.order in {None, *valid}
        if review.is_withdrawn == known:
            violations.append(f"the review {review.pk}: withdrawn is {review.is_withdrawn}, purchased is {known}")
    # Pending jobs may still change the reviews.
    if violations and not Job.objects.filter(kind="orders.check_reviews", given_up_at=None).exists():
        yield from violations


def _bought(reviews: Window[Review]) -> set[tuple[ObjectId, ObjectId]]:
    """Return pairs of user and product."""
    users = list({review.user_id for review in reviews if review.user_id})
    products = list({review.product_id for review in reviews})
    lines = {"lines.product": {"$in": products}}
    pairs = documents.aggregate(
        Order,
        [
            {"$match": {"user_id": {"$in": users}, "counts_as_sale": True, **lines}},
            {"$unwind": "$lines"},
            {"$match": lines},
            {"$group": {"_id": {"user": "$user_id", "product": "$lines.product"}}},
        ],
    )
    return {(pair["_id"]["user"], pair["_id"]["product"]) for pair in pairs}
