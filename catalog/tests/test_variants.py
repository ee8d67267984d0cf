"""Variants: replaced with their product, or changed individually."""

from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from rest_framework.test import APIClient

from catalog import services, stock
from catalog.models import Product, StockMovement, Variant
from catalog.tests.conftest import LIST
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import dump_database

pytestmark = [pytest.mark.django_db, pytest.mark.quick]

NOBODY = "6650c1f2a4b3c2d1e0f9a8b7"

VARIANTS = "/api/v1/variants/"


@pytest.fixture
def shirt(make_product: Callable[..., Product]) -> Product:
    return make_product(
        "Shirt",
        variants=[
            {"sku": "S", "options": {"size": "S"}, "price": "20", "stock": 2},
            {"sku": "M", "options": {"size": "M"}, "price": "22", "stock": 0},
            {"sku": "L", "options": {"size": "L"}, "price": "25", "stock": 1},
        ],
    )


def variant(sku: str) -> Variant:
    return Variant.objects.get(sku=sku)


def ledger_is_right() -> bool:
    return all(each.stock == sum(each.movements.values_list("delta", flat=True)) >= 0 for each in Variant.objects.all())


def sell(sku: str) -> None:
    stock.reserve({variant(sku).pk: 1}, reason=StockMovement.Reason.ORDER, reference="ORDER-1")


# --- One by one -------------------------------------------------------------------------------------------------------


def test_a_variant_is_changed_and_its_products_price_follows(
    as_staff: APIClient, anonymous: APIClient, shirt: Product
) -> None:
    others = list(Variant.objects.exclude(sku="L").order_by("pk").values())
    reply = as_staff.patch(f"{VARIANTS}{variant('L').pk}/", {"price": "15", "sku": "XL", "options": {"size": "XL"}})
    assert reply.status_code == 200
    assert reply.json() == {
        "id": str(variant("XL").pk),
        "sku": "XL",
        "options": {"size": "XL"},
        "price": "15.00",
        "compare_at_price": None,
        "lowest_price_30_days": "25.00",
        "regular_price": "15.00",
        "sale_price": None,
        "sale_starts_at": None,
        "sale_ends_at": None,
        "in_stock": True,
        "availability": "in_stock",
        "expected_on": None,
        "images": [],
        "weight": None,
        "barcode": "",
        "stock": 1,
        "available_quantity": 1,
        "stock_policy": "deny",
        "backorder_limit": None,
        "cost": None,
        "is_active": True,
        "position": 2,
    }
    assert anonymous.get(LIST).json()["results"][0]["price"] == "15.00"
    assert anonymous.get(f"{LIST}shirt/").json()["variants"][2]["sku"] == "XL"
    assert list(Variant.objects.exclude(sku="XL").order_by("pk").values()) == others


def test_the_price_of_the_product_rises_with_its_cheapest_variants(
    as_staff: APIClient, anonymous: APIClient, shirt: Product
) -> None:
    as_staff.patch(f"{VARIANTS}{variant('S').pk}/", {"price": "30"})
    assert anonymous.get(LIST).json()["results"][0]["price"] == "22.00"


def test_fields_of_a_variant_that_the_server_owns_are_ignored(as_staff: APIClient, shirt: Product) -> None:
    before = dump_database()
    wish = {"stock": 99, "in_stock": False, "product": str(ObjectId()), "id": "0" * 24}
    assert as_staff.patch(f"{VARIANTS}{variant('S').pk}/", wish).status_code == 200
    after = dump_database()
    for state in (before, after):
        for product in state["catalog_product"]:
            del product["updated_at"], product["edited_at"]
    # The attempt is logged, too.
    before["shop_staffaction"] = after["shop_staffaction"]
    assert after == before


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"sku": "M"}, ("sku_taken", "sku")),
        ({"sku": ""}, ("blank", "sku")),
        ({"price": "1.234"}, ("max_decimal_places", "price")),
        ({"price": "-1"}, ("min_value", "price")),
        ({"price": None}, ("null", "price")),
        ({"options": {"$set": "x"}}, ("invalid_name", "options")),
        ({"options": {"size": 5}}, ("invalid_value", "options")),
        ({"options": []}, ("invalid", "options")),
    ],
)
def test_a_change_of_a_variant_that_cannot_be_changes_nothing(
    as_staff: APIClient, shirt: Product, change: dict[str, Any], problem: tuple[str, str]
) -> None:
    before = dump_database()
    assert refusal(as_staff.patch(f"{VARIANTS}{variant('S').pk}/", change), 400) == problem
    assert dump_database() == before


@pytest.mark.parametrize("pk", [NOBODY, "abc", "0" * 23, "S"])
def test_a_variant_that_does_not_exist_is_404(as_staff: APIClient, shirt: Product, pk: str) -> None:
    assert refusal(as_staff.patch(f"{VARIANTS}{pk}/", {"price": "1"}), 404) == ("not_found", None)
    assert refusal(as_staff.post(f"{VARIANTS}{pk}/stock/", {"set": 1, "reason": "x"}), 404) == ("not_found", None)


# --- With their product -----------------------------------------------------------------------------------------------


def test_a_new_list_of_variants_keeps_those_it_knows_by_their_sku(as_staff: APIClient, shirt: Product) -> None:
    kept = variant("M").pk
    wanted = [{"sku": "M", "price": "21", "stock": 5}, {"sku": "XL", "price": "30", "options": {"size": "XL"}}]
    shown = as_staff.patch(f"{LIST}shirt/", {"variants": wanted}).json()

    assert [(each["sku"], each["price"], each["stock"]) for each in shown["variants"]] == [
        ("M", "21.00", 5),
        ("XL", "30.00", 0),
    ]
    assert shown["variants"][0]["id"] == str(kept)
    assert shown["variants"][0]["options"] == {"size": "M"}
    assert shown["price"] == "21.00"
    assert sorted(Variant.objects.values_list("sku", flat=True)) == ["M", "XL"]
    assert ledger_is_right()
    assert not StockMovement.objects.exclude(variant__in=Variant.objects.values_list("pk", flat=True)).exists()


def test_a_variant_that_was_sold_is_deactivated_and_may_come_back(
    as_staff: APIClient, anonymous: APIClient, shirt: Product
) -> None:
    sell("S")
    sold = variant("S").pk
    as_staff.patch(f"{LIST}shirt/", {"variants": [{"sku": "L", "price": "25"}]})
    assert [each["sku"] for each in anonymous.get(f"{LIST}shirt/").json()["variants"]] == ["L"]
    assert sorted(Variant.objects.values_list("sku", "is_active")) == [("L", True), ("S", False)]
    assert ledger_is_right()

    as_staff.patch(f"{LIST}shirt/", {"variants": [{"sku": "S", "price": "20"}, {"sku": "L", "price": "25"}]})
    shown = anonymous.get(f"{LIST}shirt/").json()["variants"]
    assert [each["sku"] for each in shown] == ["S", "L"]
    assert shown[0]["id"] == str(sold)
    assert ledger_is_right()


def test_a_product_with_several_variants_wants_to_know_which_is_meant(as_staff: APIClient, shirt: Product) -> None:
    before = dump_database()
    for field, value in (("price", "1"), ("sku", "X"), ("stock", 1)):
        reply = as_staff.patch(f"{LIST}shirt/", {"name": "Blouse", field: value})
        assert refusal(reply, 400) == ("variant_required", field)
    assert dump_database() == before


def test_variants_without_an_sku_are_known_by_their_options(
    as_staff: APIClient, as_customer: APIClient, shirt: Product
) -> None:
    known = as_staff.get(f"{LIST}shirt/").json()["variants"]
    as_customer.post("/api/v1/cart/items/", {"variant": known[0]["id"], "quantity": 1})
    wanted = [{"options": each["options"], "price": "30"} for each in known]
    wanted[0]["options"] = {name: f"{value.lower()}\u200b" for name, value in known[0]["options"].items()}
    for method in (as_staff.put, as_staff.patch):
        shown = method(f"{LIST}shirt/", {"name": "Shirt", "variants": wanted}).json()["variants"]
        for name in ("id", "sku", "stock"):
            assert [each[name] for each in shown] == [each[name] for each in known]
        assert {each["price"] for each in shown} == {"30.00"}
        assert as_customer.get("/api/v1/cart/").json()["items"][0]["variant"]["id"] == known[0]["id"]
    assert ledger_is_right()


def test_a_simple_product_s_variant_needs_neither_sku_nor_options(
    as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    mug = make_product("Mug", sku="MUG", stock=3)
    shown = as_staff.put(f"{LIST}{mug.pk}/", {"name": "Mug", "variants": [{"price": "5"}]}).json()["variants"]
    assert [(each["sku"], each["stock"], each["price"]) for each in shown] == [("MUG", 3, "5.00")]


def test_a_variant_without_sku_and_options_is_refused_if_it_could_be_several(
    as_staff: APIClient, shirt: Product
) -> None:
    before = dump_database()
    for method in (as_staff.put, as_staff.patch):
        reply = method(f"{LIST}shirt/", {"name": "Shirt", "variants": [{"price": "5"}]})
        assert refusal(reply, 400) == ("variant_required", "variants.0.sku")
    assert dump_database() == before


@pytest.mark.parametrize(
    "options", [{"size": "S", "colour": "red"}, {"size": "small"}, {"groesse": "S"}], ids=["more", "value", "name"]
)
def test_variants_without_an_sku_and_with_changed_options_do_not_replace_others(
    as_staff: APIClient, as_customer: APIClient, shirt: Product, options: dict[str, str]
) -> None:
    known = as_staff.get(f"{LIST}shirt/").json()["variants"]
    as_customer.post("/api/v1/cart/items/", {"variant": known[0]["id"], "quantity": 1})
    before = dump_database()
    wanted = [{"options": each["options"], "price": "30"} for each in known[1:]] + [{"options": options, "price": "30"}]
    for method in (as_staff.put, as_staff.patch):
        reply = method(f"{LIST}shirt/", {"name": "Shirt", "variants": wanted})
        assert refusal(reply, 400) == ("variant_required", f"variants.{len(known) - 1}.sku")
    assert dump_database() == before
    # Another SKU says that it is another variant.
    wanted[-1]["sku"] = "OTHER"
    assert as_staff.put(f"{LIST}shirt/", {"name": "Shirt", "variants": wanted}).status_code == 200


def test_options_of_a_simple_product_s_variant_need_its_sku(
    as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    mug = make_product("Mug", sku="MUG", stock=3)
    body: dict[str, Any] = {"name": "Mug", "variants": [{"price": "5", "options": {"size": "L"}}]}
    assert refusal(as_staff.put(f"{LIST}{mug.pk}/", body), 400) == ("variant_required", "variants.0.sku")
    body["variants"][0]["sku"] = "mug"
    shown = as_staff.put(f"{LIST}{mug.pk}/", body).json()["variants"]
    assert [(each["stock"], each["options"]) for each in shown] == [(3, {"size": "L"})]


def test_a_new_variant_s_sku_is_named_after_the_product(as_staff: APIClient, shirt: Product) -> None:
    known = as_staff.get(f"{LIST}shirt/").json()["variants"]
    wanted = [{"sku": each["sku"], "price": "20"} for each in known] + [{"price": "25", "options": {"size": "XXL"}}]
    shown = as_staff.put(f"{LIST}shirt/", {"name": "Shirt", "variants": wanted}).json()["variants"]
    assert [each["id"] for each in shown[:-1]] == [each["id"] for each in known]
    assert shown[-1]["sku"].startswith("SHIRT-")


def test_price_and_variants_together_are_ambiguous(as_staff: APIClient, shirt: Product) -> None:
    body = {"price": "1", "variants": [{"price": "2"}]}
    assert refusals(as_staff.patch(f"{LIST}shirt/", body), 400) == [("ambiguous", "price")]


def test_a_simple_product_may_become_one_with_variants(as_staff: APIClient, make_product: Callable) -> None:
    make_product("Mug", sku="MUG", stock=3)
    wanted = [{"sku": "MUG", "price": "5"}, {"sku": "MUG-L", "price": "6", "stock": 1, "options": {"size": "L"}}]
    shown = as_staff.patch(f"{LIST}mug/", {"variants": wanted}).json()
    assert [(each["sku"], each["stock"]) for each in shown["variants"]] == [("MUG", 3), ("MUG-L", 1)]
    assert ledger_is_right()


def test_the_product_is_in_stock_while_one_variant_is(anonymous: APIClient, shirt: Product) -> None:
    def in_stock() -> bool:
        return anonymous.get(LIST).json()["results"][0]["in_stock"]

    sell("S")
    sell("S")
    assert in_stock()
    sell("L")
    assert not in_stock()
    stock.release({"ORDER-1": {variant("M").pk: 1}}, reason=StockMovement.Reason.CANCELLATION)
    assert in_stock()
    services.update_product(product=shirt, data={"variants": [{"sku": "S", "price": "1"}]})
    assert not in_stock()
    assert ledger_is_right()
