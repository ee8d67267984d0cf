from typing import Any

from bson import ObjectId
from django.db.models import QuerySet
from django.http import Http404
from rest_framework.generics import get_object_or_404

from catalog.collections.models import Collection
from catalog.models import Category, Product
from catalog.redirects import Kind, find_targets
from shop.api.permissions import staff_may

# Permissions to see inactive products and stock.
SEE_ALL = ("catalog.view_product", "catalog.change_product")


def match_id_or_slug(id_or_slug: str) -> dict[str, Any]:
    return {"_id": ObjectId(id_or_slug)} if ObjectId.is_valid(id_or_slug) else {"slug": {"$eq": id_or_slug.lower()}}


def find_product(id_or_slug: str, *, user: Any) -> Product:
    """Inactive products are for staff only. Raises ``Http404``."""
    lookup = {"pk": id_or_slug} if ObjectId.is_valid(id_or_slug) else {"slug": id_or_slug}
    product = get_object_or_404(Product.objects.all(), **lookup)
    if not product.is_active and not staff_may(user, *SEE_ALL):
        raise Http404
    return product


def current_slug(kind: Kind, former: str, *, user: Any) -> str | None:
    """Return the slug of the object that had another, if ``user`` may see it."""
    former = former.lower()
    target = find_targets(kind, [former]).get(former)
    if target is None:
        return None
    found: QuerySet[Any]
    if kind == Kind.CATEGORY:
        found = Category.objects.all()
    elif kind == Kind.COLLECTION:
        found = Collection.objects.active()
    else:
        found = Product.objects.all() if staff_may(user, *SEE_ALL) else Product.objects.active()
    return found.filter(pk=target).values_list("slug", flat=True).first()
