"""`POST /stock/bulk/` and `POST /prices/bulk/`."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import User
from catalog.bulk import running, stock
from catalog.bulk.models import BulkProgress
from catalog.models import Product, StockMovement, Variant
from catalog.price_history import PriceRecord
from catalog.tests.test_bulk_products import outcomes
from orders.models import Order
from shop.audit import violations
from shop.audit.staff_log import StaffAction
from shop.db import crash_points
from shop.dev.testing.admin import ordered
from shop.dev.testing.api_keys import key_client
from shop.dev.testing.steps import API, dump_database

pytestmark = pytest.mark.django_db(transaction=True)

STOCK, PRICES = f"{API}/stock/bulk/", f"{API}/prices/bulk/"
UNKNOWN = ("error", [("does_not_exist", "sku")])
TWICE = ("error", [("duplicate_row", "sku")])


@pytest.fixture
def client(staff: User) -> APIClient:
    return key_client(staff, ["catalog.change_variant"])


@pytest.fixture
def products(make_product: Callable[..., Product]) -> list[Product]:
    """A, B, … with 5 units each."""
    return [make_product(f"Thing {sku}", sku=sku, price="10.00", stock=5) for sku in "ABCD"]


def stocks() -> dict[str, int]:
    return dict(Variant.objects.values_list("sku", "stock"))


def test_stock_is_set_and_changed_row_by_row(client: APIClient, products: list[Product]) -> None:
    before = StockMovement.objects.count()
    rows = [
        {"sku": "A", "set": 12, "reason": "Counted"},
        {"sku": "b", "delta": -5},
        {"sku": "C", "delta": -6},
        {"sku": "D", "set": 5},
        {"sku": "a", "delta": 1},
        {"sku": "Z", "set": 1},
        {"sku": "D", "set": 1},
        {"sku": "E", "set": 1, "delta": 1},
        {"sku": "F", "set": -1},
    ]
    reply = client.post(STOCK, rows)
    assert outcomes(reply) == [
        ("updated", []),
        ("updated", []),
        ("error", [("out_of_stock", "delta")]),
        ("unchanged", []),
        TWICE,
        UNKNOWN,
        TWICE,
        ("error", [("ambiguous", "delta")]),
        ("error", [("min_value", "set")]),
    ]
    assert (reply.json()["updated"], reply.json()["unchanged"], reply.json()["failed"]) == (2, 1, 6)
    assert reply.json()["results"][1]["id"] == str(Variant.objects.get(sku="B").pk)
    assert stocks() == {"A": 12, "B": 0, "C": 5, "D": 5}
    assert not Product.objects.get(name="Thing B").in_stock
    key = StaffAction.objects.filter(via="key").first().staff
    made = StockMovement.objects.order_by("pk").values_list("variant__sku", "delta", "reason", "note", "reference")
    assert list(made)[before:] == [("A", 7, "adjustment", "Counted", key), ("B", -5, "adjustment", "", key)]
    assert [(row.action, row.label) for row in StaffAction.objects.filter(via="key").order_by("pk")] == [
        ("stock", "A"),
        ("stock", "B"),
    ]


def test_with_a_key_no_delta_is_applied_twice(
    client: APIClient, products: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock, "AT_ONCE", 1)
    rows = [{"sku": sku, "delta": 1} for sku in "ABCDZ"]
    headers = {"Idempotency-Key": "delivery-1"}
    reached = crash_points.reached
    commits: list[str] = []

    def crash(point: str) -> None:
        reached(point)
        if point == "catalog.bulk:after_commit":
            commits.append(point)
            if len(commits) == 2:
                raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(crash_points, "reached", crash)
        assert client.post(STOCK, rows, headers=headers).status_code == 500
    assert stocks() == {"A": 6, "B": 6, "C": 5, "D": 5}
    # Another body is another request.
    first = client.post(STOCK, rows, headers=headers)
    assert outcomes(first) == [*[("updated", [])] * 4, UNKNOWN]
    assert stocks() == dict.fromkeys("ABCD", 6)
    again = client.post(STOCK, rows, headers=headers)
    assert (again["Idempotency-Replayed"], again.json()) == ("true", first.json())
    other = client.post(STOCK, rows[:1], headers=headers)
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "idempotency_key_reused")
    assert stocks() == dict.fromkeys("ABCD", 6)

    # Time runs out after some rows: the same call goes on with the others.
    times = iter([0.0, 0.0, 0.0, *[100.0] * 100])
    headers = {"Idempotency-Key": "delivery-2"}
    with monkeypatch.context() as patch:
        patch.setattr(running, "monotonic", lambda: next(times))
        late = client.post(STOCK, rows, headers=headers)
    left = [("error", [("not_processed", None)])] * 3
    assert outcomes(late) == [("updated", []), ("updated", []), *left]
    rest = client.post(STOCK, rows, headers=headers)
    assert outcomes(rest) == [*[("updated", [])] * 4, UNKNOWN]
    assert stocks() == dict.fromkeys("ABCD", 7)
    assert BulkProgress.objects.count() == 2


def test_prices_keep_their_history_and_rules(
    client: APIClient, staff: User, products: list[Product], make_product: Callable[..., Product]
) -> None:
    variants = [{"sku": f"S{n}", "price": "20.00", "options": {"size": str(n)}} for n in range(3)]
    shirt = make_product("Shirt", variants=variants, compare_at_price="30.00")
    recorded = PriceRecord.objects.count()
    ends = {"sale_price": "8.00", "sale_starts_at": "2020-01-01T00:00:00.123456Z", "sale_ends_at": "2099-01-01"}
    rows = [
        {"sku": "A", "price": "12.00"},
        {"sku": "B", **ends},
        {"sku": "C", "sale_price": "10.00"},
        {"sku": "D", "price": "10.00"},
        {"sku": "S0", "price": "31.00"},
        {"sku": "S1", "price": "32.00"},
        {"sku": "S2", "price": "33.00"},
        {"sku": "s2", "price": "25.00"},
        {"sku": "Z", "price": "1.00"},
        {"sku": "E"},
        {"sku": "F", "price": "5.00", "sale_price": "5.00"},
        {"sku": "G", "price": "0.001"},
    ]
    assert outcomes(client.post(PRICES, rows)) == [
        ("updated", []),
        ("updated", []),
        ("error", [("invalid_sale", "sale_price")]),
        ("unchanged", []),
        ("updated", []),
        ("updated", []),
        # Without a cheaper variant the compare-at price would be too low.
        ("error", [("former_price_too_low", "compare_at_price")]),
        TWICE,
        UNKNOWN,
        ("error", [("required", "price")]),
        ("error", [("invalid_sale", "sale_price")]),
        ("error", [("max_decimal_places", "price")]),
    ]
    prices = dict(Variant.objects.values_list("sku", "price"))
    assert {sku: str(price) for sku, price in prices.items() if sku in ("A", "C", "S0", "S2")} == {
        "A": "12.00",
        "C": "10.00",
        "S0": "31.00",
        "S2": "20.00",
    }
    assert PriceRecord.objects.count() > recorded
    page = client.get(f"{API}/products/?sku=B").json()["results"][0]
    assert (page["price"], page["compare_at_price"]) == ("8.00", "10.00")
    logged = StaffAction.objects.filter(via="key").order_by("pk").values_list("action", "label", "fields")
    assert sorted(map(str, logged)) == sorted(
        [
            "('change', 'A', ['price'])",
            "('change', 'B', ['sale_ends_at', 'sale_price', 'sale_starts_at'])",
            "('change', 'S0', ['price'])",
            "('change', 'S1', ['price'])",
        ]
    )
    before = dump_database()
    again = outcomes(client.post(PRICES, rows[:2]))
    assert again == [("unchanged", []), ("unchanged", [])]
    compare = [{"sku": "S2", "price": "33.00", "compare_at_price": "40.00"}, {"sku": "S1", "compare_at_price": "41.00"}]
    assert outcomes(client.post(PRICES, compare)) == [("error", [("permission_denied", None)])] * 2
    after = dump_database()
    del before["accounts_apikey"], after["accounts_apikey"]
    assert after == before
    may_both = key_client(staff, ["catalog.change_variant", "catalog.change_product"])
    assert outcomes(may_both.post(PRICES, compare)) == [("updated", []), ("error", [("ambiguous", "compare_at_price")])]
    assert violations() == []
    shirt.refresh_from_db()
    assert (str(shirt.compare_at_price), str(shirt.price)) == ("40.00", "31.00")


def test_bulk_calls_race_with_purchases(
    client: APIClient, customer: User, products: list[Product], shipping: Any
) -> None:
    def buy(_: int) -> None:
        for product in products:
            ordered(customer, product)
        connection.close()

    def change(_: int) -> list[str]:
        rows = [{"sku": sku, "delta": 2} for sku in "DCBA"]
        statuses = [status for status, _ in outcomes(client.post(STOCK, rows))]
        statuses += [status for status, _ in outcomes(client.post(PRICES, [{"sku": "A", "price": f"1{_}.00"}]))]
        connection.close()
        return statuses

    with ThreadPoolExecutor(3) as threads:
        buying = threads.submit(lambda: [buy(n) for n in range(3)])
        changed = list(threads.map(change, range(4)))
        buying.result()
    assert all("error" not in statuses for statuses in changed)
    assert stocks() == dict.fromkeys("ABCD", 5 + 8 - 3)
    assert Order.objects.count() == 12
    assert violations() == []
