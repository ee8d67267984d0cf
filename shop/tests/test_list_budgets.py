"""Lists of the API read as much in a large shop as in a small one: 1,000 orders, or 100,000 with `make test-slow`."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson import Decimal128, ObjectId
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import Address, User
from cart.promotions.models import Promotion
from catalog.collections.models import Collection, CollectionItem
from catalog.listing import search
from catalog.listing.orderings import ORDERINGS
from catalog.listing.parameters import ProductFiltersSerializer
from catalog.models import Category, Product
from catalog.tests.conftest import put_on_shelf
from conftest import ADDRESS, client_of
from orders.lifecycle import STATUSES
from orders.models import Order
from orders.reviews.models import Review
from shop.api import pagination
from shop.db import caches
from shop.dev.testing.plans import Profile, profiled
from shop.dev.testing.routes import operations
from shop.dev.testing.steps import API, place_order
from shop.dev.testing.webhooks import make_webhook
from shop.webhooks.models import WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db

FACETS = f"{API}/products/facets/"
SIZES = [
    pytest.param((1_000, 20), id="small"),
    pytest.param((100_000, 10_000), id="large", marks=[pytest.mark.large, pytest.mark.slow]),
]
PRODUCT_FILTERS = {
    "category": "mugs",
    "min_price": "5",
    "max_price": "5",
    "in_stock": "true",
    "opt_in_stock": "true",
    "search": "mug",
    "brand": "fika",
    "tag": "new",
    "collection": "summer",
    "updated_since": "2020-01-01",
    "sku": "mug",
}
# Those that the facets are asked for in all combinations; others alone.
COMBINED = ("category", "min_price", "max_price", "in_stock", "opt_in_stock", "search")
OPTION_FILTERS = [
    "opt_size=m",
    "opt_size=m&opt_size=l",
    "opt_size=m&opt_colour=red",
    "opt_size=m&opt_colour=red&opt_in_stock=true",
    "opt_size=none&opt_in_stock=true",
]
# They return all rows, of which there are few.
# Suggestions have a budget in `catalog/tests/test_suggestions.py`.
WHOLE = {
    "/products/suggest/",
    "/categories/",
    "/collections/",
    "/shipping-methods/",
    "/orders/{number}/returns/",
}
WHOLE_COLLECTIONS = {Category._meta.db_table, Collection._meta.db_table}


def combinations(values: dict[str, str]) -> Iterator[str]:
    for size in range(len(values) + 1):
        for names in itertools.combinations(values, size):
            yield "&".join(f"{name}={values[name]}" for name in names)


# Statuses of the newest orders, of most, and of none.
NEW = {"status": "completed", "payment_status": "paid", "fulfilment_status": "unfulfilled"}
OLD = {"status": "completed", "payment_status": "paid", "fulfilment_status": "delivered"}
NONE = {"status": "cancelled", "payment_status": "refunded", "fulfilment_status": "shipped"}
STAFF_FILTERS = (
    *("email=ada@example.com", "sku=mug", "tag=vip", "returns=open", "returns=open&email=ada@example.com"),
    "updated_since=2020-01-01T00:00:00Z",
)
PERIOD = "created_after=2020-01-01T00:00:00Z&created_before=2099-01-01T00:00:00Z"
DRAFTS = [
    *("status=draft", "status=all", "status=all&ordering=price", "status=all&category=mugs", "status=all&sku=mug"),
    *("status=all&search=mug", "status=all&updated_since=2020-01-01"),
]
# Of customers.
STATES = ["is_active=true", "is_staff=false&email_verified=false", PERIOD]
SINCE = ["updated_since=2020-01-01T00:00:00Z", "updated_since=2020-01-01T00:00:00Z&is_active=true"]
QUERIES = {
    "/orders/": [
        *dict.fromkeys(query for statuses in (NEW, OLD, NONE) for query in combinations(statuses)),
        *(f"{each}{status}" for each in (*STAFF_FILTERS, PERIOD) for status in ("", "&status=completed")),
    ],
    "/products/": [
        *(f"ordering={name}" for name in ORDERINGS),
        *(f"{name}={value}" for name, value in PRODUCT_FILTERS.items()),
        *OPTION_FILTERS,
        *DRAFTS,
    ],
    "/products/{product_pk}/reviews/": ["", "mine=true"],
    "/users/me/addresses/": [""],
    "/collections/{slug}/products/": [""],
    "/customers/": ["", "email=ada@example.com", *STATES, f"{PERIOD}&is_active=true", *SINCE],
    "/reviews/": ["", "rating=5", "is_hidden=false", "product=PRODUCT", "product=PRODUCT&is_hidden=false&rating=5"],
    "/webhook-endpoints/": [""],
    "/webhook-endpoints/{endpoint_pk}/deliveries/": ["", "status=succeeded", "status=held"],
    "/promotions/": ["", "code=five", "is_active=true", "kind=fixed", "kind=fixed&is_active=false"],
    "/shipping/methods/": [""],
    "/shipping/zones/": [""],
    "/tax-rates/": [""],
}
# Parameters that find few rows, which are sorted.
ONE_ROW = ("sku=", "code=", "customers/?email=")
# Of staff only.
STAFF_LISTS = {
    "/customers/",
    "/reviews/",
    "/collections/{slug}/products/",
    "/promotions/",
    "/shipping/methods/",
    "/shipping/zones/",
    "/tax-rates/",
    "/webhook-endpoints/",
    "/webhook-endpoints/{endpoint_pk}/deliveries/",
}


def lists() -> set[str]:
    def is_list(description: dict[str, Any]) -> bool:
        schema = description["responses"]["200"].get("content", {}).get("application/json", {}).get("schema", {})
        names = {each["name"] for each in description.get("parameters", [])}
        return "page" in names or schema.get("type") == "array"

    reads = [each for each in operations() if each.method == "GET" and "200" in each.description["responses"]]
    return {each.path.removeprefix(API) for each in reads if is_list(each.description)}


def test_every_list_has_a_budget() -> None:
    assert lists() - WHOLE == set(QUERIES)
    assert set(NEW) == set(OLD) == set(NONE) == set(STATUSES)
    assert set(PRODUCT_FILTERS) == set(ProductFiltersSerializer().fields)


@pytest.fixture(params=SIZES)
def rows(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    customer: User,
    as_customer: APIClient,
    make_user: Callable[..., User],
    make_product: Callable[..., Product],
    make_category: Callable[..., Category],
) -> Product:
    """Return a product with many reviews. The customer has half of all orders."""
    number, counted = request.param
    monkeypatch.setattr(pagination, "MAX_COUNTED", counted)
    monkeypatch.setattr(search, "_COMMON", counted)
    mug = make_product("Mug", stock=10, category=make_category("Mugs"))
    place_order(as_customer, mug)
    template = Order._base_manager.values().get() and connection.database[Order._meta.db_table].find_one()
    stranger = make_user()
    fill(
        Order,
        (
            {
                **template,
                "number": f"N{n}",
                "cart": ObjectId(),
                "user_id": (customer, stranger)[n % 2].pk,
                "email": (customer, stranger)[n % 2].email,
                "lines": [{**template["lines"][0], "sku": ("MUG", "SPOON")[n % 2]}],
                "tags": ["blue", "vip"] if n % 2 else [],
                "has_open_return": n % 2 == 0,
                **(NEW if n > number * 0.8 else OLD),
            }
            for n in range(number)
        ),
    )
    review = {"product_id": mug.pk, "rating": 5, "is_hidden": False, "is_withdrawn": False}
    fill(Review, ({**review, "user_id": ObjectId(), "is_withdrawn": n % 2 == 0} for n in range(number)))
    fill(Review, ({**review, "product_id": ObjectId(), "user_id": customer.pk} for n in range(50)))
    Address.objects.bulk_create(Address(user=owner, **ADDRESS) for owner in (customer, stranger) for _ in range(40))
    shelve(mug.category_lineage, number)
    endpoint, _ = make_webhook()
    delivery = {"endpoint": ObjectId(endpoint), "type": "order.paid", "attempts": [], "created_at": mug.created_at}
    fill(
        WebhookDelivery,
        ({**delivery, "status": "succeeded" if n % 50 else "held", "sequence": n} for n in range(number)),
    )
    template = connection.database[User._meta.db_table].find_one({"_id": stranger.pk})
    fill(User, ({**template, "email": f"u{n}@example.com", "is_active": n % 3 > 0} for n in range(number)))
    fill(
        Promotion,
        ({"code": f"P{n}", "kind": ("percentage", "fixed")[n % 2], "is_active": n % 3 > 0} for n in range(number)),
    )
    return mug


def shelve(lineage: list[ObjectId], number: int) -> None:
    """Insert products, of which each filter finds many, and all together few."""
    summer = Collection.objects.create(name="Summer", slug="summer")
    put_on_shelf({"name": "Mug P0", "category_lineage": lineage, "attribute_pairs": ["colour=red"]})
    template = connection.database[Product._meta.db_table].find_one({"name": "Mug P0"})
    fill(
        CollectionItem,
        ({"collection_id": summer.pk, "product_id": ObjectId(), "position": n // 2} for n in range(number)),
    )
    fill(
        Product,
        (
            {
                **template,
                "slug": f"p{n}",
                "price": Decimal128(str(1 + n % 8)),
                "in_stock": n % 3 == 0,
                "category_lineage": lineage if n % 2 else [],
                "attribute_pairs": ["colour=red"] if n % 5 else [],
                "brand_slug": "fika" if n % 4 else "",
                "tags": ["new", "oak"] if n % 7 else [],
                "collections": [summer.pk] if n % 6 else [],
                **variants_of(n),
            }
            for n in range(number)
        ),
    )


def variants_of(n: int) -> dict[str, Any]:
    """Return the read model of a red variant in M, and a blue one in L; the red one may be sold out."""
    found = [
        {"pairs": ["colour=red", "size=m"], "in_stock": n % 2 == 0},
        {"pairs": ["colour=blue", "size=l"], "in_stock": True},
    ]
    return {"combinations": found, "option_pairs": ["colour=blue", "colour=red", "size=l", "size=m"]}


def fill(model: Any, documents: Iterator[dict[str, Any]]) -> None:
    collection = connection.database[model._meta.db_table]
    while batch := list(itertools.islice(documents, 10_000)):
        collection.insert_many({**each, "_id": ObjectId()} for each in batch)


def read(client: APIClient, url: str) -> list[Profile]:
    caches.clear_all()
    with profiled() as found:
        reply = client.get(url)
    assert reply.status_code == 200, reply.content
    return found


def test_a_list_reads_no_more_than_its_page_and_count(
    customer: User, staff: User, rows: Product, subtests: pytest.Subtests
) -> None:
    most = pagination.MAX_COUNTED + 1
    # Tokens of a fixture might expire while the rows are inserted.
    as_customer, as_staff = client_of(customer), client_of(staff)
    for path, queries in QUERIES.items():
        address = f"{API}{path}".replace("{product_pk}", str(rows.pk)).replace("{slug}", "summer")
        address = address.replace("{endpoint_pk}", str(WebhookEndpoint.objects.get().pk))
        for query in (query.replace("PRODUCT", str(rows.pk)) for query in queries):
            urls = [(as_staff, f"{address}?{query}")]
            if query not in DRAFTS and path not in STAFF_LISTS:
                urls.append((as_customer, f"{address}?{query}"))
            if path == "/orders/":
                urls.append((as_staff, f"{address}?{query}&page=2"))
                if not any(each in query for each in STAFF_FILTERS):
                    urls.append((as_staff, f"{address}?{query}&user={customer.pk}"))
            for client, url in urls:
                with subtests.test(url=url, staff=client is as_staff):
                    if url.endswith("page=2") and client.get(url).status_code == 404:
                        continue
                    profiles = read(client, url)
                    assert profiles
                    for profile in profiles:
                        assert not profile.scans_collection, profile
                        assert not profile.sorts_in_memory or any(each in url for each in ONE_ROW), profile
                        assert profile.documents <= 10 * profile.returned + most, profile
                        assert profile.keys <= 10 * profile.returned + 2 * most + 100, profile


def test_facets_look_at_a_limited_number_of_products(
    anonymous: APIClient, rows: Product, subtests: pytest.Subtests
) -> None:
    most = pagination.MAX_COUNTED + 1
    filters = {name: PRODUCT_FILTERS[name] for name in COMBINED} | {"search": "mug+p0", "attr_colour": "red"}
    others = {name: value for name, value in PRODUCT_FILTERS.items() if name not in COMBINED}
    alone = [f"{name}={value}" for name, value in others.items()]
    for query in [*combinations(filters), *OPTION_FILTERS, *alone]:
        with subtests.test(query=query):
            for profile in read(anonymous, f"{FACETS}?{query}"):
                if profile.collection in WHOLE_COLLECTIONS:
                    continue
                assert not profile.scans_collection, profile
                # One command counts the products of each filter, another those of each word.
                counts = "$unionWith" in str(profile.command)
                assert profile.documents <= most * (3 if counts else 1), profile
                # A product may have each of several values.
                assert profile.keys <= most * (6 if counts else 1 + max(1, query.count("opt_size="))), profile
