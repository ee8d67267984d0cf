"""`POST /products/bulk/`: each row is a change of its own, and repeating a call changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from catalog.collections.models import Collection
from catalog.models import Category, Product, StockMovement, Variant
from shop.audit import violations
from shop.audit.staff_log import StaffAction
from shop.dev.testing.api_keys import key_client
from shop.dev.testing.commands import count_commands
from shop.dev.testing.steps import API, dump_database

pytestmark = pytest.mark.django_db

BULK = f"{API}/products/bulk/"
SCOPES = ["catalog.add_product", "catalog.change_product", "catalog.view_product", "catalog.change_variant"]
SHIRT = {
    "slug": "t-shirt",
    "name": "T-shirt",
    "description": "Of cotton.\n\nWashable.",
    "category": "clothing",
    "additional_categories": ["new"],
    "brand": "Fika",
    "tags": ["Summer", "cotton"],
    "collections": ["summer"],
    "seo": {"title": "A shirt"},
    "compare_at_price": "30.00",
    "is_active": True,
    "free_shipping": True,
    "tax_class": "reduced",
    "attributes": {"colour": "red", "fabric": "cotton"},
    "options": [{"name": "size", "values": ["S", "M"]}],
    "variants": [
        {
            "sku": "TS-M",
            "options": {"size": "M"},
            "price": "19.90",
            "stock": 5,
            "weight": 200,
            "barcode": "4006381333931",
        },
        {
            "sku": "TS-S",
            "options": {"size": "S"},
            "price": "18.90",
            "cost": "7.00",
            "stock_policy": "backorder",
            "backorder_limit": 3,
            "expected_on": "2099-01-31",
            "sale_price": "15.00",
            "sale_starts_at": "2020-01-01T00:00:00.123Z",
            "sale_ends_at": "2099-01-01T00:00:00+01:00",
        },
    ],
}
MUG = {"sku": "MUG", "name": "Mug", "price": "8.00", "stock": 3}


@pytest.fixture
def catalog(make_category: Callable[..., Category]) -> None:
    for name in ("Clothing", "New"):
        make_category(name)
    Collection.objects.create(name="Summer", slug="summer")


@pytest.fixture
def client(staff: User) -> APIClient:
    return key_client(staff, SCOPES)


def outcomes(reply: Any) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """Return the status and errors of each row."""
    assert reply.status_code == 200, reply.content
    results = reply.json()["results"]
    assert [row["index"] for row in results] == list(range(len(results)))
    return [(row["status"], [(error["code"], error["attr"]) for error in row["errors"]]) for row in results]


def test_products_are_created_updated_and_left_alone(catalog: None, client: APIClient) -> None:
    reply = client.post(BULK, [SHIRT, MUG])
    assert outcomes(reply) == [("created", []), ("created", [])]
    body = reply.json()
    assert (body["created"], body["updated"], body["unchanged"], body["failed"]) == (2, 0, 0, 0)
    shirt = client.get(f"{API}/products/t-shirt/").json()
    assert body["results"][0]["id"] == shirt["id"]
    assert [row["sku"] for row in body["results"]] == ["TS-M", "MUG"]
    for name in ("name", "description", "brand", "is_active", "free_shipping", "tax_class", "attributes"):
        assert shirt[name] == SHIRT[name], name
    assert shirt["options"] == [{"name": "size", "values": ["S", "M"]}]
    assert (shirt["category"]["slug"], shirt["collections"][0]["slug"]) == ("clothing", "summer")
    assert ([each["slug"] for each in shirt["additional_categories"]], shirt["tags"]) == (["new"], ["cotton", "summer"])
    assert shirt["seo"] == {"title": "A shirt", "description": ""}
    shown = {each["sku"]: each for each in shirt["variants"]}
    assert (shown["TS-M"]["stock"], shown["TS-M"]["weight"], shown["TS-M"]["barcode"]) == (5, 200, "4006381333931")
    small = Variant.objects.get(sku="TS-S")
    assert (str(small.sale_price), small.stock_policy, small.backorder_limit) == ("15.00", "backorder", 3)
    assert (shirt["price"], shirt["compare_at_price"]) == ("15.00", "30.00")
    movements = StockMovement.objects.order_by("pk").values_list("variant__sku", "delta", "note", "reference")
    key = StaffAction.objects.filter(via="key").first().staff
    assert list(movements) == [("TS-M", 5, "Bulk call, row 1", key), ("MUG", 3, "Bulk call, row 2", key)]
    logged = [(row.action, row.label) for row in StaffAction.objects.filter(via="key").order_by("pk")]
    assert logged == [("add", "T-shirt"), ("add", "Mug")]

    before = dump_database()
    assert outcomes(client.post(BULK, [SHIRT, MUG])) == [("unchanged", []), ("unchanged", [])]
    after = dump_database()
    del before["accounts_apikey"], after["accounts_apikey"]
    assert after == before

    changes = [
        {"id": shirt["id"], "slug": "tee", "attributes": {"colour": "blue"}, "variants": [{"sku": "ts-m", "stock": 9}]},
        {"sku": "mug", "name": "Big mug", "price": "9.00", "description": "", "category": None, "stock": 3},
    ]
    reply = client.post(BULK, changes)
    assert outcomes(reply) == [("updated", []), ("updated", [])]
    assert client.get(f"{API}/products/t-shirt/").status_code == 301
    shirt = client.get(f"{API}/products/tee/").json()
    assert (shirt["attributes"], len(shirt["variants"])) == ({"colour": "blue"}, 2)
    assert [each["stock"] for each in shirt["variants"] if each["sku"] == "TS-M"] == [9]
    mug = Product.objects.get(slug="mug")
    assert (mug.name, str(mug.price), Variant.objects.get(sku="MUG").stock) == ("Big mug", "9.00", 3)
    rows = StaffAction.objects.filter(via="key").order_by("pk")[2:]
    assert [(row.action, row.label, row.fields) for row in rows] == [
        ("change", "T-shirt", ["attr:colour", "attr:fabric", "slug"]),
        ("change", "Mug", ["name", "price"]),
        ("stock", "ts-m", []),
    ]
    assert outcomes(client.post(BULK, changes)) == [("unchanged", []), ("unchanged", [])]
    assert violations() == []


def test_a_row_that_is_refused_affects_no_other(catalog: None, client: APIClient) -> None:
    client.post(BULK, [SHIRT, MUG])
    hat = {"sku": "HAT", "name": "Hat", "price": "5.00"}
    two = [{"sku": "A", "price": "1.00"}, {"sku": "B", "price": "1.00"}]
    rows: list[tuple[Any, list[tuple[str, str | None]]]] = [
        ("text", [("invalid", None)]),
        ({"name": "Nameless", "price": "1.00"}, [("required", "sku")]),
        ({"sku": "X1", "price": "1.00"}, [("required", "name")]),
        ({"sku": "X2", "name": "X"}, [("required", "price")]),
        ({"sku": "X3", "name": "X", "price": "-1"}, [("min_value", "price")]),
        ({"sku": "X4", "name": "X", "price": "1.00", "category": "nowhere"}, [("does_not_exist", "category")]),
        ({"sku": "X5", "name": "X", "price": "1.00", "collections": ["none"]}, [("does_not_exist", "collections")]),
        ({"id": "0" * 24, "name": "X"}, [("does_not_exist", "id")]),
        ({"slug": "facets", "name": "X", "price": "1.00"}, [("reserved_slug", "slug")]),
        ({"slug": "t-shirt", "price": "1.00"}, [("variant_required", "price")]),
        (
            {"slug": "new", "name": "X", "variants": [{"sku": "TS-S", "price": "1.00"}]},
            [("sku_taken", "variants.0.sku")],
        ),
        ({"sku": "C", "name": "X", "variants": two}, [("ambiguous", "sku")]),
        ({"slug": "ab", "name": "AB", "variants": two}, [("duplicate_options", "variants.1.options")]),
        ({"sku": "MUG", "slug": "t-shirt"}, [("slug_taken", "slug")]),
        ({"sku": "TS-M", "compare_at_price": "3.00"}, [("former_price_too_low", "compare_at_price")]),
        ({"sku": "MUG", "price": "5.00", "sale_price": "6.00"}, [("invalid_sale", "sale_price")]),
        ({"sku": "MUG", "sale_price": "9.00"}, [("invalid_sale", "sale_price")]),
        ({"sku": "TS-M", "variants": [{"sku": "TS-M", "stock": 1}], "stock": 1}, [("ambiguous", "stock")]),
    ]
    before = dump_database()
    for row, errors in rows:
        assert outcomes(client.post(BULK, [row])) == [("error", errors)], row
    after = dump_database()
    del before["accounts_apikey"], after["accounts_apikey"]
    assert after == before
    cap = hat | {"sku": "CAP", "name": "Cap"}
    mixed = [(row, errors) for row, errors in rows if not isinstance(row, dict) or "X" in row.get("sku", "X")]
    mixed = [each for each in mixed if "t-shirt" not in str(each)]
    expected: list[tuple[str, list[tuple[str, str | None]]]] = [("error", errors) for _, errors in mixed]
    more = [hat, {"sku": "TS-M", "brand": "New"}, {"sku": "ts-s", "name": "Again"}, cap, cap | {"price": "6.00"}]
    more += [{"sku": "MUG", "sale_price": "9.00"}, {"slug": "mug", "name": "Cup"}, hat | {"sku": "hat"}]
    expected += [("created", []), ("updated", []), ("error", [("duplicate_row", "sku")]), ("created", [])]
    expected += [("error", [("duplicate_row", "sku")]), ("error", [("invalid_sale", "sale_price")])]
    expected += [("updated", []), ("error", [("duplicate_row", "sku")])]
    assert outcomes(client.post(BULK, [*(row for row, _ in mixed), *more])) == expected
    assert set(Product.objects.values_list("name", flat=True)) == {"T-shirt", "Cup", "Hat", "Cap"}


def test_rights_and_bodies(catalog: None, staff: User, client: APIClient) -> None:
    client.post(BULK, [MUG])
    adds, changes = key_client(staff, SCOPES[:1]), key_client(staff, SCOPES[1:2])
    rows = [MUG | {"name": "Cup"}, {"sku": "HAT", "name": "Hat", "price": "5.00"}]
    assert outcomes(adds.post(BULK, rows)) == [("error", [("permission_denied", None)]), ("created", [])]
    # Prices and stock are those of variants, by whichever call.
    changed = [{"sku": "MUG", "name": "Cup"}, rows[1], {"sku": "NEW", "name": "N", "price": "1.00"}]
    refused = ("error", [("permission_denied", None)])
    assert outcomes(changes.post(BULK, changed)) == [("updated", []), refused, refused]
    cup = f"{API}/products/mug/"
    bodies = [{"price": "9.00"}, {"stock": 1}, {"sku": "CUP"}, {"variants": [{"sku": "MUG", "price": "9.00"}]}]
    before = dump_database()
    for body in bodies:
        assert changes.patch(cup, body).status_code == 403, body
    assert changes.put(cup, {"name": "Cup", "price": "9.00"}).status_code == 403
    after = dump_database()
    del before["accounts_apikey"], after["accounts_apikey"]
    assert after == before
    both = key_client(staff, [SCOPES[1], SCOPES[3]])
    assert both.patch(cup, {"price": "9.00"}).status_code == changes.patch(cup, {"brand": "Fika"}).status_code == 200
    assert outcomes(both.post(BULK, [{"sku": "MUG", "price": "8.00"}])) == [("updated", [])]
    bodies: list[tuple[Any, str]] = [
        ({}, "not_a_list"),
        ([], "empty"),
        ([{}] * 1001, "max_length"),
        ("x", "not_a_list"),
    ]
    for body, code in bodies:
        reply = client.post(BULK, body)
        assert (reply.status_code, reply.json()["errors"][0]["code"]) == (400, code)
    # All results are stored in one document.
    faulty = {"slug": "x", "name": "X", "variants": [{}] * 100}
    (status, errors), _ = outcomes(client.post(BULK, [faulty, MUG], headers={"Idempotency-Key": "faulty"}))
    assert (status, errors) == ("error", [("required", f"variants.{number}.sku") for number in range(20)])
    assert client.post(BULK, [{"sku": "A", "name": "A" * 9_000_000}]).status_code == 413
    assert (
        client.post(BULK, [{"sku": "A", "name": "A", "description": "b" * 19_000, "price": "1"}] * 60).status_code
        == 200
    )
    assert client.get(BULK).status_code == 405


def test_the_number_of_commands_does_not_grow_with_the_rows(catalog: None, client: APIClient) -> None:
    def rows(first: int, number: int) -> list[dict[str, Any]]:
        return [
            {"sku": f"P{n}", "name": f"Product {n}", "price": "5.00", "stock": 1, "category": "clothing"}
            for n in range(first, first + number)
        ]

    client.post(BULK, rows(0, 1))
    with count_commands() as few:
        client.post(BULK, rows(10, 2))
    with count_commands() as many:
        assert client.post(BULK, rows(100, 25)).json()["created"] == 25
    assert many.names == few.names
