"""Purchases that stand: sales and reviews of orders that were cancelled or refunded in full are taken back.

Everything is computed from the orders, so after a crash it is run again.
"""

from collections import Counter
from typing import Any

import django_mongodb_backend.fields
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models


def count_standing_orders(apps: Apps, schema_editor: Any = None) -> None:
    orders, products = apps.get_model("orders", "Order").objects, apps.get_model("catalog", "Product").objects
    variants, jobs = apps.get_model("catalog", "Variant").objects, apps.get_model("shop", "Job").objects
    standing = orders.filter(status="completed").exclude(payment_status="refunded")
    # The status of a disputed order does not tell what was refunded.
    refunded = [order.pk for order in standing.filter(payment_status="disputed").iterator() if _is_refunded(order)]
    orders.filter(pk__in=refunded).update(counts_as_sale=False)
    standing.filter(counts_as_sale=False).exclude(pk__in=refunded).update(counts_as_sale=True)
    sales: Counter = Counter()
    for order in orders.filter(counts_as_sale=True).iterator():
        for line in order.lines:
            sales[line.product] += line.quantity
    # Jobs that are still to be run count theirs themselves.
    of_variants = {str(pk): product for pk, product in variants.values_list("pk", "product")}
    queued = jobs.filter(kind="catalog.count_sales", given_up_at=None).values_list("payload", flat=True)
    for payload in queued:
        for variant, quantity in payload["quantities"].items():
            sales[of_variants.get(variant)] -= quantity
    for pk, counted in products.values_list("pk", "sales"):
        if counted != sales[pk]:
            products.filter(pk=pk).update(sales=sales[pk])


def _is_refunded(order: Any) -> bool:
    refunded = sum(entry.amount for entry in order.refunds if entry.status == "succeeded")
    return bool(refunded) and refunded >= order.total


def check_reviews_later(apps: Apps, schema_editor: Any = None) -> None:
    """Let jobs withdraw the reviews of products that were bought by no order that stands."""
    orders, jobs = apps.get_model("orders", "Order").objects, apps.get_model("shop", "Job").objects
    reviews = apps.get_model("orders", "Review").objects.exclude(user=None)
    reviewers = set(reviews.values_list("user", flat=True).iterator())
    gone = orders.filter(counts_as_sale=False).exclude(paid_at=None).exclude(user=None)
    for pk, user in gone.values_list("pk", "user").iterator():
        if user in reviewers:
            jobs.create(kind="orders.check_reviews", payload={"order": str(pk)})


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("catalog", "0001_initial"),
        ("shop", "0001_initial"),
        ("orders", "0004_detach_orders_of_deleted_accounts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="counts_as_sale",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name="order",
            name="reviews_written",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="review",
            name="is_withdrawn",
            field=models.BooleanField(default=False, editable=False, verbose_name="withdrawn"),
        ),
        migrations.AddField(
            model_name="review",
            name="order",
            field=django_mongodb_backend.fields.ObjectIdField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="review",
            name="purchase_checks",
            field=models.PositiveBigIntegerField(default=0, editable=False),
        ),
        migrations.AddIndex(
            model_name="review",
            index=models.Index(fields=["order"], name="review_order"),
        ),
        migrations.RunPython(count_standing_orders, migrations.RunPython.noop),
        migrations.RunPython(check_reviews_later, migrations.RunPython.noop),
    ]
