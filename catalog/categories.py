import secrets
from collections.abc import Iterable

from bson import ObjectId
from django.utils.text import slugify

from catalog.category_products import refresh_category, refresh_shared_products, use_of_category
from catalog.collections.models import Collection
from catalog.errors import CategoryCycle, CategoryInUse
from catalog.models import Category
from catalog.redirects import Kind, leave_redirect, remove_redirects
from catalog.search_terms import sort_name
from catalog.text import in_ascii
from shop.db import identifiers
from shop.db.transactions import transactional

CATEGORY_FIELDS = ("name", "slug", "parent", "path", "lineage", "position", "seo_title", "seo_description")


def in_tree_order(categories: Iterable[Category]) -> list[Category]:
    """Sort parents before children, siblings by position and name."""
    places = {category.pk: (category.position, sort_name(category.name), category.pk) for category in categories}
    return sorted(categories, key=lambda category: [places[pk] for pk in category.lineage if pk in places])


def count_products(categories: Iterable[Category], *, among: Iterable[Category] | None = None) -> None:
    """Set ``product_count``, which includes descendants that are in ``among`` (default: in ``categories``).

    A product of several of these categories counts once.
    """
    totals: dict[ObjectId, int] = {}
    for category in categories if among is None else among:
        for ancestor in category.lineage:
            totals[ancestor] = totals.get(ancestor, 0) + category.active_products
    for category in categories:
        category.product_count = totals.get(category.pk, 0) + category.shared_products


def free_category_slug(name: str, model: type[Category] | type[Collection] = Category) -> str:
    base = slugify(in_ascii(name))[:120].strip("-") or str(model._meta.verbose_name)
    return f"{base}-{secrets.token_hex(3)}" if model._default_manager.filter(slug=base).exists() else base


@transactional("catalog.save_category")
def save_category(*, category: Category, updates_products_at_once: bool = True) -> Category:
    """Also save the descendants' paths; jobs update products, of the category itself partly at once."""
    parent = Category.objects.get(pk=category.parent_id) if category.parent_id else None
    category.slug = identifiers.slug(category.slug)
    category.pk = category.pk or ObjectId()
    if parent is not None:
        if category.pk in parent.lineage:
            raise CategoryCycle(attr="parent")
        Category.objects.filter(pk__in=parent.lineage).bump_revision()
    category.path = f"{parent.path}/{category.slug}" if parent else category.slug
    category.lineage = [*(parent.lineage if parent else []), category.pk]
    former_slug = Category.objects.filter(pk=category.pk).values_list("slug", flat=True).first() or ""
    # Not `save()`, which would also write `active_products`.
    written = {name: getattr(category, name) for name in CATEGORY_FIELDS}
    if not Category.objects.filter(pk=category.pk).update(**written):
        category.save(force_insert=True)
    leave_redirect(Kind.CATEGORY, former=former_slug, slug=category.slug, target=category.pk)
    refresh_category.enqueue(at_once=updates_products_at_once, category=str(category.pk))
    refresh_shared_products.enqueue(at_once=updates_products_at_once, category=str(category.pk))
    for child in Category.objects.filter(parent=category.pk):
        save_category(category=child, updates_products_at_once=False)
    return category


@transactional("catalog.delete_category")
def delete_category(*, category: Category) -> None:
    """Raises :class:`CategoryInUse` if it has products or subcategories."""
    if reason := use_of_category(category):
        raise CategoryInUse(reason)
    remove_redirects(category.pk)
    category.delete()
