"""The products of a category, which are updated in steps after it is renamed or moved."""

from collections.abc import Sequence

from bson import ObjectId
from django.db import models

from catalog import read_model
from catalog.models import Category, Product
from shop import jobs
from shop.db.transactions import transactional

# In one step of a job, of which the first is part of the request.
RENAMED_TOGETHER = 500
# In one transaction, with all of their data.
REFRESHED_TOGETHER = 100


def products_in(category: Category) -> models.QuerySet[Product]:
    """Return products of the category itself, without its descendants."""
    also = models.Q(additional_categories__contains=[category.pk])
    return Product.objects.filter(models.Q(category=category.pk) | also)


def use_of_category(category: Category) -> str:
    """Return why it cannot be deleted, or ""."""
    contents = (
        (products_in(category).count(), Product._meta),
        (Category.objects.filter(parent=category.pk).count(), Category._meta),
    )
    counts = [
        f"{number} {options.verbose_name if number == 1 else options.verbose_name_plural}"
        for number, options in contents
        if number
    ]
    return f"{category.name} still contains {' and '.join(counts)}. Move them first." if counts else ""


@jobs.job("catalog.refresh_shared_products", in_transaction=True)
def refresh_shared_products(*, category: str, after: str = "") -> None:
    """Update the products that have the category and others, in order of their ids."""
    shared = Product.objects.filter(additional_categories__contains=[ObjectId(category)])
    products = list((shared.filter(pk__gt=after) if after else shared).order_by("pk")[:REFRESHED_TOGETHER])
    read_model.refresh(*(product.pk for product in products))
    if len(products) == REFRESHED_TOGETHER:
        raise jobs.Continue(category=category, after=str(products[-1].pk))


@jobs.job("catalog.refresh_category")
def refresh_category(*, category: str, after: str = "") -> None:
    """Update the products of the category, in order of their ids."""
    own = Product.objects.filter(category=ObjectId(category))
    left = own.filter(pk__gt=after) if after else own
    products = list(left.order_by("pk").values_list("pk", flat=True)[:RENAMED_TOGETHER])
    written = None
    while products and (row := Category.objects.filter(pk=category).first()):
        if (fields := read_model.category_fields(row)) == written:
            break
        # Repeat until no concurrent change is found.
        read_model.rename_category(row, products=products)
        written = fields
    _refresh_shared(products)
    if len(products) == RENAMED_TOGETHER:
        raise jobs.Continue(category=category, after=str(products[-1]))


@transactional("catalog.refresh_shared")
def _refresh_shared(products: Sequence[ObjectId]) -> None:
    shared = Product.objects.filter(pk__in=products).exclude(
        models.Q(additional_categories=[]) | models.Q(additional_categories__isnull=True)
    )
    if ids := list(shared.values_list("pk", flat=True)):
        read_model.refresh(*ids)
