"""All lists and reads of the API and the admin, found in the router and the registry, with the ids of a database.

``python -m shop.dev.growth.addresses`` prints them as JSON.
"""

import itertools
import json
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import django
from django.urls import resolve

if TYPE_CHECKING:
    from shop.dev.testing.routes import Operation

# Choices of one filter that are measured.
MOST_CHOICES = 4
# Replaced by the number of the last page.
LAST_PAGE = "page=last"
# Combined with each other.
_FILTERS = ("category", "in_stock", "max_price", "search")
_NOTHING = "search=nothing-of-this-name"


class Address(NamedTuple):
    """``name`` is the same in every database; ``who`` is a guest, the regular customer, staff or the admin."""

    who: str
    name: str
    path: str


def all_addresses() -> list[Address]:
    return [*_of_api(), *_of_admin()]


# --- API --------------------------------------------------------------------------------------------------------------


def _of_api() -> Iterator[Address]:
    from shop.dev.testing.routes import operations

    for operation in operations():
        if operation.method != "GET":
            continue
        parameters = operation.description.get("parameters", [])
        for who in _readers(operation):
            path = _with_ids(operation.path, who)
            if path is None:
                continue
            name = operation.path.removeprefix("/api/v1")
            yield Address(who, name, path)
            queries = [query for each in parameters if each["in"] == "query" for query in _queries(each)]
            filters = [query for query in queries if query.partition("=")[0] in _FILTERS and query != _NOTHING]
            queries += ["&".join(pair) for pair in itertools.combinations(filters, 2)]
            queries += ["&".join(three) for three in itertools.combinations(filters, 3)]
            yield from (Address(who, f"{name}?{query}", f"{path}?{query}") for query in queries)


def _readers(operation: "Operation") -> tuple[str, ...]:
    """Return who is measured: a guest, or the customers and staff who may read it."""
    if operation.is_public and "/cart/" not in operation.path:
        return ("guest",)
    from shop.api.permissions import HasModelPermission, KeysOnly

    closed = _permissions(operation.path)
    if KeysOnly in closed:
        return ()
    return ("staff",) if HasModelPermission in closed else ("regular", "staff")


def _permissions(path: str) -> list[Any]:
    view: Any = resolve(re.sub(r"{\w+}", "0" * 24, path)).func
    return list(view.cls.permission_classes)


def _queries(parameter: dict[str, Any]) -> Iterator[str]:
    """Yield parts of a query string, the same for every database."""
    name, schema = parameter["name"], parameter["schema"]
    known = {
        "page": ("last",),
        "page_size": ("100",),
        "search": ("lamp", _NOTHING.partition("=")[2]),
        "min_price": ("500",),
        "max_price": ("100",),
        "in_stock": ("true",),
        "category": ("kitchen",),
        "mine": (),
    }
    for value in schema.get("enum") or known.get(name, ()):
        if value != "relevance":
            yield f"{name}={value}"


def _with_ids(path: str, who: str) -> str | None:
    """Return the path with ids of this database, or None if it has no such object."""
    from accounts.models import User
    from catalog.models import Product
    from orders.models import Order
    from payments.models import Payment
    from shop.dev.demo import history

    regular = User.objects.get(email=history.REGULAR)
    order = Order.objects.owned_by(regular).exclude(payment=None).order_by("-id").first()
    product = Product.objects.active().order_by("-sales", "-id").first()
    ids: dict[str, Any] = {
        "/products/{id}": product and product.pk,
        "{product_pk}": product and product.pk,
        "/categories/{slug}": "kitchen",
        "/orders/{number}": order and order.number,
        "/payments/{id}": order and Payment.objects.filter(order=order).values_list("pk", flat=True).first(),
    }
    for pattern, value in ids.items():
        if pattern in path and value is not None:
            prefix = pattern.rpartition("{")[0]
            path = path.replace(pattern, f"{prefix}{value}")
    return None if "{" in path else path


# --- Admin ------------------------------------------------------------------------------------------------------------


def _of_admin() -> Iterator[Address]:
    from django.contrib import admin
    from django.test import RequestFactory
    from django.urls import reverse

    from accounts.models import User
    from shop.dev.demo import terms

    yield Address("admin", "dashboard", reverse("admin:index"))
    staff = User.objects.get(email=terms.STAFF["email"])
    for model, model_admin in admin.site._registry.items():  # noqa: SLF001
        label = model._meta.label_lower
        path = reverse(f"admin:{label.replace('.', '_')}_changelist")
        request = RequestFactory().get(path)
        request.user = staff
        if not model_admin.has_view_permission(request):
            continue
        changelist = model_admin.get_changelist_instance(request)
        seen = set()
        for title, query in _admin_queries(changelist):
            if title not in seen:
                seen.add(title)
                yield Address("admin", f"{label} {title}".strip(), f"{path}?{urlencode(query)}" if query else path)


def _admin_queries(changelist: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each query that the list's page offers, alone, with a title."""
    yield "", {}
    yield "last page", {"p": str(changelist.paginator.num_pages)}
    for spec in changelist.filter_specs:
        for choice, query in itertools.islice(_choices(spec, changelist), MOST_CHOICES):
            yield f"{spec.title}: {choice}", query
    for place, name in enumerate(changelist.list_display):
        if changelist.get_ordering_field(name) and _is_sortable(changelist, name):
            yield f"by {name}", {"o": str(place)}
            yield f"by {name}, reversed", {"o": f"-{place}"}
    if changelist.search_fields:
        yield "search: nothing found", {"q": "nothing-of-this-name"}
        if found := next(iter(changelist.result_list), None):
            yield "search: the newest", {"q": str(found).split()[0]}


def _is_sortable(changelist: Any, name: str) -> bool:
    sortable = changelist.sortable_by
    return sortable is None or name in sortable


def _choices(spec: Any, changelist: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the choices that a filter offers, as links or in a form."""
    dates = [name for name in spec.expected_parameters() if name.endswith(("_from", "_to"))]
    if len(dates) == 2:
        yield "all days", dict(zip(dates, ("2020-01-01", "2099-01-01"), strict=True))
    for choice in spec.choices(changelist):
        query = dict(parse_qsl(str(choice.get("query_string", "")).lstrip("?")))
        if query:
            yield str(choice["display"]), query
        for name, field in getattr(choice.get("form"), "fields", {}).items():
            # The page does not send the empty choice, which means all.
            yield from (
                (str(label), {name: str(value)}) for value, label in getattr(field, "choices", ()) if value != ""
            )


def main() -> None:
    django.setup()
    json.dump(all_addresses(), sys.stdout)


if __name__ == "__main__":
    main()
