"""Options of variants: their order, the filters and facets, and what sales and changes do to them."""

import itertools
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from catalog import stock
from catalog.models import Product, StockMovement, Variant
from catalog.tests.conftest import LIST
from catalog.tests.files import faults
from catalog.tests.product_page import save
from shop.audit import violations
from shop.dev.demo import seeding
from shop.dev.demo.products.clothing import CLOTHING
from shop.dev.testing.commands import count_commands
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import API

pytestmark = pytest.mark.django_db

FACETS = f"{LIST}facets/"
Names = Callable[..., list[str]]


def variant(sku: str, quantity: int = 1, *, price: str = "20", **options: str) -> dict[str, Any]:
    return {"sku": sku, "options": options, "price": price, "stock": quantity}


@pytest.fixture
def shelf(make_product: Callable[..., Product]) -> None:
    """Tee: S red, M blue, M red (sold out). Hoodie: M red, L red (sold out). Cap: red. Mug: none."""
    make_product(
        "Tee",
        variants=[
            variant("T1", size="S", colour="Red"),
            variant("T2", size="M", colour="Blue", price="25"),
            variant("T3", 0, size="M", colour="red"),
        ],
    )
    make_product("Hoodie", variants=[variant("H1", size="M", colour="Red"), variant("H2", 0, size="L", colour="Red")])
    make_product("Cap", variants=[variant("C1", colour="Red"), variant("C2", colour="Green")])
    make_product("Mug")


FILTERED = [
    ("opt_size=m", "Hoodie,Tee"),
    ("opt_size=M&opt_size=L", "Hoodie,Tee"),
    ("opt_size=S", "Tee"),
    ("opt_size=XL", ""),
    ("opt_nothing=M", ""),
    ("opt_size=", "Mug,Cap,Hoodie,Tee"),
    ("opt_size=M&opt_colour=red", "Hoodie,Tee"),
    # No single variant is both.
    ("opt_size=S&opt_colour=blue", ""),
    ("opt_size=S&opt_size=M&opt_colour=blue", "Tee"),
    ("opt_size=M&opt_colour=red&opt_in_stock=true", "Hoodie"),
    ("opt_size=M&opt_colour=red&opt_in_stock=false", "Hoodie,Tee"),
    ("opt_size=L&opt_in_stock=true", ""),
    ("opt_in_stock=true", "Mug,Cap,Hoodie,Tee"),
    ("opt_colour=red&max_price=19", ""),
    ("opt_colour=$ne", ""),
    ("opt_colour=.*", ""),
    ('opt_colour={"$gt":""}', ""),
]


def test_several_options_are_met_by_one_variant(anonymous: APIClient, shelf: None, subtests: pytest.Subtests) -> None:
    for query, expected in FILTERED:
        with subtests.test(query=query), count_commands() as commands:
            found = anonymous.get(f"{LIST}?{query}").json()
            assert [each["name"] for each in found["results"]] == [name for name in expected.split(",") if name]
            assert found["count"] == len(found["results"])
            assert len(commands) == 1, str(commands)


@pytest.mark.parametrize(
    "name",
    ["opt_$where", "opt_", "opt_Size", "opt_a.b", "opt_" + "a" * 41, "option[size]", "options[size]", "opt[size]"],
)
def test_an_unknown_filter_is_refused(anonymous: APIClient, db: None, name: str) -> None:
    for url in (LIST, FACETS):
        assert {attr for _, attr in refusals(anonymous.get(url, {name: "M"}), 400)} == {name}


def test_attributes_and_options_share_one_limit(anonymous: APIClient, db: None) -> None:
    ten = "&".join([*(f"attr_a{n}=x" for n in range(5)), *(f"opt_a{n}=x" for n in range(5))])
    assert anonymous.get(f"{LIST}?{ten}").status_code == 200
    assert refusals(anonymous.get(f"{LIST}?{ten}&opt_b=x"), 400) == [("too_many", "opt_b")]


def options_of(found: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {each["name"]: {value["value"]: value["count"] for value in each["values"]} for each in found["options"]}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "opt_size=M",
        "opt_size=S",
        "opt_size=M&opt_colour=blue",
        "opt_in_stock=true",
        "opt_size=M&opt_in_stock=true&max_price=20",
        "opt_size=XL&opt_taste=sweet",
        "opt_colour=red&opt_in_stock=true&search=tee",
    ],
)
def test_facets_count_the_products_that_have_an_option(anonymous: APIClient, shelf: None, query: str) -> None:
    found = anonymous.get(f"{FACETS}?{query}").json()
    assert found["count"] == anonymous.get(f"{LIST}?{query}").json()["count"]
    counts = options_of(found)
    asked = [each.partition("=")[::2] for each in query.split("&") if each]
    for name, values in counts.items():
        others = "&".join(f"{key}={value}" for key, value in asked if key != f"opt_{name}")
        for value, count in values.items():
            listed = anonymous.get(f"{LIST}?{others}&opt_{name}={value}").json()["count"]
            assert count == listed, (name, value)
    chosen = {name.removeprefix("opt_") for name, _ in asked if name.startswith("opt_")} - {"in_stock"}
    assert chosen <= set(counts)


def test_facets_spell_options_like_the_products(anonymous: APIClient, shelf: None) -> None:
    assert options_of(anonymous.get(FACETS).json()) == {
        "colour": {"Red": 3, "Blue": 1, "Green": 1},
        "size": {"M": 2, "L": 1, "S": 1},
    }


def test_size_m_finds_every_product_of_the_demo_that_has_an_m(anonymous: APIClient, db: None) -> None:
    seeding.seed_categories()
    seeding.seed_products(CLOTHING, tick=lambda done, total: None)
    expected = {product.name for product in CLOTHING if "M" in product.options.get("size", ())}
    found = anonymous.get(LIST, {"opt_size": "m"}).json()
    assert {each["name"] for each in found["results"]} == expected
    assert len(expected) >= 3
    assert options_of(anonymous.get(FACETS).json())["size"]["M"] == len(expected)
    (sizes,) = [each["values"] for each in found["results"][0]["options"] if each["name"] == "size"]
    assert sizes[:3] == ["S", "M", "L"]


# --- Order ------------------------------------------------------------------------------------------------------------


def test_options_are_in_the_order_of_staff_then_of_the_variants(as_staff: APIClient, anonymous: APIClient) -> None:
    variants = [
        variant(f"{colour}{size}", size=size, colour=colour)
        for size, colour in itertools.product("XMSL", ("red", "blue"))
    ]
    url = f"{LIST}tee/"
    body = {
        "name": "Tee",
        "slug": "tee",
        "variants": [*variants, variant("dear", size="XXL", colour="gold", price="30")],
    }
    assert as_staff.post(LIST, body).status_code == 201
    first = [
        {"name": "size", "values": ["X", "M", "S", "L", "XXL"]},
        {"name": "colour", "values": ["red", "blue", "gold"]},
    ]
    assert anonymous.get(url).json()["options"] == first

    order = [{"name": "colour", "values": ["Blue", "black"]}, {"name": "size", "values": ["S", "M", "L", "X"]}]
    changed = as_staff.patch(url, {"options": order}).json()
    wanted = [
        {"name": "colour", "values": ["blue", "red", "gold"]},
        {"name": "size", "values": ["S", "M", "L", "X", "XXL"]},
    ]
    assert changed["options"] == wanted
    item = anonymous.get(LIST).json()["results"][0]
    assert (item["options"], item["price_min"], item["price_max"]) == (wanted, "20.00", "30.00")
    assert violations() == []


@pytest.mark.parametrize(
    "options",
    [
        "size",
        {"size": ["S"]},
        [{"name": "size"}],
        [{"name": "Size!", "values": ["S"]}],
        [{"name": "size", "values": "SM"}],
        [{"name": "size", "values": [1]}],
        [{"name": "size", "values": ["S", "s"]}],
        [{"name": "size", "values": ["S|M"]}],
        [{"name": "size", "values": []}],
        [{"name": "size", "values": [str(n) for n in range(101)]}],
        [{"name": "size", "values": ["S"]}, {"name": "size", "values": ["M"]}],
        [{"name": {"$gt": ""}, "values": ["S"]}],
    ],
)
def test_an_order_that_cannot_be_understood_is_refused(as_staff: APIClient, shelf: None, options: Any) -> None:
    reply = as_staff.patch(f"{LIST}tee/", {"options": options})
    assert {attr.partition(".")[0] for _, attr in refusals(reply, 400)} == {"options"}
    assert Product.objects.get(name="Tee").option_order == []


def test_a_value_with_the_separator_of_files_and_forms_is_refused(
    as_staff: APIClient, browser: Client, shelf: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tee = Product.objects.get(name="Tee")
    first = tee.variants.first()
    before = list(Variant.objects.values())
    reply = as_staff.patch(f"{API}/variants/{first.pk}/", {"options": {"size": "S|M"}})
    assert refusal(reply, 400) == ("invalid_value", "options")
    assert "must not contain |" in save(browser, tee, variants__0__options="size: S|M").content.decode()
    assert faults(tmp_path, [{"sku": first.sku, "option:size": "S|M"}], monkeypatch) == [(2, "option:size")]
    assert list(Variant.objects.values()) == before


# --- Changes ----------------------------------------------------------------------------------------------------------


def test_a_sale_writes_the_product_only_if_a_variant_sells_out(names: Names, shelf: None) -> None:
    medium = Variant.objects.get(sku="H1")
    stock.adjust(medium, delta=1)
    with count_commands() as commands:
        stock.reserve({medium.pk: 1}, reason=StockMovement.Reason.ORDER, reference="A")
    assert commands.on(Product._meta.db_table) == []
    assert names(opt_size="M", opt_in_stock="true") == ["Hoodie", "Tee"]
    stock.reserve({medium.pk: 1}, reason=StockMovement.Reason.ORDER, reference="B")
    assert names(opt_size="M", opt_in_stock="true") == ["Tee"]
    assert names(opt_size="M") == ["Hoodie", "Tee"]
    stock.release({"A": {medium.pk: 1}, "B": {medium.pk: 1}}, reason=StockMovement.Reason.CANCELLATION)
    assert names(opt_size="M", opt_in_stock="true") == ["Hoodie", "Tee"]
    assert violations() == []


def test_changed_and_deactivated_variants_are_found_as_they_are_now(
    as_staff: APIClient, names: Names, shelf: None
) -> None:
    medium = Variant.objects.get(sku="H1")
    assert as_staff.patch(f"/api/v1/variants/{medium.pk}/", {"options": {"size": "XS"}}).status_code == 200
    assert (names(opt_size="M"), names(opt_size="XS")) == (["Tee"], ["Hoodie"])
    kept = [{"sku": "H2", "options": {"size": "L", "colour": "Red"}, "price": "20"}]
    assert as_staff.patch(f"{LIST}hoodie/", {"variants": kept}).status_code == 200
    assert names(opt_size="XS") == []
    assert violations() == []


def test_the_audit_and_the_migration_find_products_from_before(names: Names, shelf: None) -> None:
    wanted = list(Product.objects.order_by("pk").values())
    unset = {"option_pairs": "", "combinations": "", "options": "", "price_max": ""}
    connection.database[Product._meta.db_table].update_one({"name": "Tee"}, {"$unset": unset})
    Product.objects.filter(name="Hoodie").update(combinations=[], price_max=1)
    assert {problem.split(": ")[1] for problem in violations()} == {"tee", "hoodie"}
    with connection.schema_editor() as editor:
        import_module("catalog.migrations.0012_option_filters").rebuild(None, editor)
    assert list(Product.objects.order_by("pk").values()) == wanted
    assert names(opt_size="M") == ["Hoodie", "Tee"]
