"""SKUs, slugs, attributes and options that look the same are the same, whichever way they are entered."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from django.apps import apps
from django.core.management import CommandError
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from catalog.models import Category, Product, Variant
from catalog.tests.conftest import LIST
from catalog.tests.files import import_products
from shop import audit
from shop.db import identifiers
from shop.dev.testing.admin import filled_in, url_of
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db

# All look like "Café-1", except for the case.
SAME = [
    *("Café-1", "Cafe\u0301-1", "Café\u200b-1", "Ｃafé-1", "\ufeffCafé-1", "CAFÉ-1", "café-\u00ad1", " Café-1 "),
    *("Café\u20101", "Café\u20111", "Café\u20131", "Café\u22121", "Café\uff0d1"),
]


@pytest.mark.parametrize("sku", SAME)
def test_an_sku_is_taken_in_every_spelling(as_staff: APIClient, make_product: Callable[..., Product], sku: str) -> None:
    make_product("Cup", sku="Café-1")
    other = make_product("Hat", sku="HAT")
    before = dump_database()
    assert refusal(as_staff.post(LIST, {"name": "New", "price": "1", "sku": sku}), 400) == ("sku_taken", "sku")
    assert refusal(as_staff.patch(f"{LIST}{other.pk}/", {"sku": sku}), 400) == ("sku_taken", "sku")
    variant = Variant.objects.get(sku="HAT").pk
    assert refusal(as_staff.patch(f"/api/v1/variants/{variant}/", {"sku": sku}), 400) == ("sku_taken", "sku")
    twice = [{"sku": text, "price": "1", "options": {"size": text[-1] + str(n)}} for n, text in enumerate(["X", "x"])]
    assert refusal(as_staff.post(LIST, {"name": "New", "variants": twice}), 400) == ("sku_taken", "variants")
    assert dump_database() == before


@pytest.mark.parametrize("sku", SAME)
def test_an_sku_is_stored_clean_and_in_the_case_it_was_typed_in(as_staff: APIClient, sku: str) -> None:
    created = as_staff.post(LIST, {"name": "Cup", "price": "1", "sku": sku}).json()
    assert created["variants"][0]["sku"] == {"CAFÉ-1": "CAFÉ-1", "café-\u00ad1": "café-1"}.get(sku, "Café-1")
    assert audit.violations() == []


@pytest.mark.parametrize("sku", ["\u200b", "\u3164", " \ufeff "])
def test_what_no_one_sees_is_no_sku(as_staff: APIClient, sku: str) -> None:
    assert refusal(as_staff.post(LIST, {"name": "Cup", "price": "1", "sku": sku}), 400) == ("blank", "sku")


@pytest.mark.parametrize("sku", SAME)
def test_an_import_finds_a_variant_by_every_spelling(
    tmp_path: Path, make_product: Callable[..., Product], sku: str
) -> None:
    cup = make_product("Cup", sku="Café-1", price="5")
    import_products(tmp_path, [{"sku": sku, "price": "7.00"}])
    variant = Variant.objects.get()
    assert (variant.product_id, variant.sku, variant.price) == (cup.pk, "Café-1", 7)


def test_the_admin_finds_an_sku_in_any_case_and_takes_none_twice(
    browser: Client, make_product: Callable[..., Product]
) -> None:
    cup, hat = make_product("Cup", sku="Case-1"), make_product("Hat", sku="HAT")
    found = browser.get(url_of("catalog_product"), {"q": "cASE"}).content.decode()
    assert "Case-1" in found
    assert "HAT" not in found
    page = url_of("catalog_product", "change", hat.pk)
    form = filled_in(browser.get(page))
    before = dump_database()
    reply = browser.post(page, {**form, "variants-0-sku": "case-\u200b1"})
    assert "Another variant has this SKU." in reply.content.decode()
    assert dump_database() == before
    assert browser.post(page, {**form, "variants-0-sku": "hat", "slug": "HAT-2"}).status_code == 302
    variant = Variant.objects.get(product=hat)
    assert (variant.sku, variant.sku_key) == ("hat", "hat")
    assert Product.objects.get(pk=hat.pk).slug == "hat-2"
    assert Variant.objects.get(product=cup).sku == "Case-1"


def test_a_slug_is_one_in_every_case(
    as_staff: APIClient, anonymous: APIClient, make_category: Callable[..., Category], tmp_path: Path
) -> None:
    make_category("Cups", slug="CUPS")
    created = as_staff.post(LIST, {"name": "Cup", "price": "1", "slug": "Big-Cup", "category": "Cups"}).json()
    assert (created["slug"], created["category"]["slug"]) == ("big-cup", "cups")
    assert refusal(as_staff.post(LIST, {"name": "Cup", "price": "1", "slug": "BIG-cup"}), 400) == ("slug_taken", "slug")
    assert refusal(as_staff.post(LIST, {"name": "Cup", "price": "1", "slug": "FACETS"}), 400)[0] == "reserved_slug"
    assert anonymous.get(f"{LIST}BIG-CUP/").json()["id"] == created["id"]
    assert anonymous.get("/api/v1/categories/CUPS/").json()["path"] == "cups"
    assert anonymous.get(LIST, {"category": "cUPS"}).json()["count"] == 1
    import_products(tmp_path, [{"sku": "N", "name": "New", "price": "1", "slug": "Newest", "category": "CUPS"}])
    assert Product.objects.get(name="New").slug == "newest"


def test_the_admin_takes_a_slug_in_every_spelling(browser: Client, make_product: Callable[..., Product]) -> None:
    page = url_of("catalog_product", "change", make_product("Cup", slug="cup").pk)
    assert browser.post(page, {**filled_in(browser.get(page)), "slug": " Ｂig\u2011CUP\u200b"}).status_code == 302
    assert Product.objects.get().slug == "big-cup"


@pytest.mark.parametrize(
    ("name", "slug"), [("Đặc sản", "dac-san"), ("茶 & 咖啡", "cha-kafei"), ("Łódź", "lodz"), ("☕", "category")]
)
def test_the_admin_makes_slugs_from_names_of_any_script(browser: Client, name: str, slug: str) -> None:
    for kind in ("product", "category"):
        page = url_of(f"catalog_{kind}", "add")
        # Its script would drop letters that it does not know.
        assert 'data-prepopulated-fields="[]"' in browser.get(page).content.decode()
    for expected in (slug, f"{slug}-"):
        form = {**filled_in(browser.get(page)), "name": name, "slug": "", "position": "0"}
        assert browser.post(page, form).status_code == 302
        assert Category.objects.order_by("-pk")[0].slug.startswith(expected)
    assert Category.objects.filter(slug=slug).count() == 1


def test_attributes_and_options_are_one_value_whatever_their_case_and_spelling(
    as_staff: APIClient, anonymous: APIClient
) -> None:
    for n, colour in enumerate(["Petrol", "petrol", "PETROL\u200b", "Ｐetrol", "Petrol", "Gru\u0308n"]):
        body = {"name": f"P{n}", "price": "1", "attributes": {"Colour": colour}}
        assert as_staff.post(LIST, body).status_code == 201
    assert Product.objects.get(name="P5").attributes == {"colour": "Grün"}
    for asked, count in {"petrol": 5, "PETROL": 5, "Grün": 1, "GRU\u0308N": 1, "petro": 0}.items():
        assert anonymous.get(LIST, {"attr_colour": asked}).json()["count"] == count, asked
        facets = anonymous.get(f"{LIST}facets/", {"attr_colour": asked}).json()
        assert facets["count"] == count, asked
    (colours,) = anonymous.get(f"{LIST}facets/").json()["attributes"]
    assert sorted(each["count"] for each in colours["values"]) == [1, 5]
    assert {identifiers.key(each["value"]) for each in colours["values"]} == {"petrol", "grün"}
    variants = [{"price": "1", "options": {"size": size}} for size in ("m", "M\u200b")]
    assert refusal(as_staff.post(LIST, {"name": "New", "variants": variants}), 400)[0] == "duplicate_options"


def test_indistinguishable_options_are_refused_in_an_import(
    tmp_path: Path, make_product: Callable[..., Product]
) -> None:
    make_product("Shirt", slug="shirt", variants=[{"sku": "S", "options": {"size": "s"}, "price": "1"}])
    with pytest.raises(CommandError, match="nothing was changed"):
        import_products(tmp_path, [{"sku": "T", "slug": "shirt", "name": "Shirt", "price": "1", "option:size": "S"}])


# --- What was stored before -------------------------------------------------------------------------------------------


@pytest.fixture
def raw() -> Callable[..., Any]:
    """Write to a collection without the models, as before the migration."""

    def insert(model: type, *rows: dict[str, Any]) -> list[ObjectId]:
        collection = connection.database[model._meta.db_table]
        return collection.insert_many([dict(row) for row in rows]).inserted_ids

    return insert


@pytest.fixture
def no_index_of_sku_keys(db: None) -> Iterator[None]:
    """The migration builds it after it has written the keys."""
    connection.database[Variant._meta.db_table].drop_index("sku_key_1")
    yield
    Variant.objects.all().delete()
    with connection.schema_editor() as editor:
        editor.replace_unique_indexes(Variant)


@pytest.mark.usefixtures("no_index_of_sku_keys")
def test_the_migration_keeps_every_variant_and_product(
    raw: Callable[..., Any], make_product: Callable[..., Product], make_category: Callable[..., Category]
) -> None:
    category = make_category("Cups")
    keeper = make_product("Cup", sku="Case-1", slug="cup", category=category, attributes={"colour": "Petrol"})
    table, variants = (connection.database[model._meta.db_table] for model in (Product, Variant))
    document, variant = table.find_one(), variants.find_one()
    for name in ("_id", "sku_key"):
        variant.pop(name)
    variants.update_many({}, {"$unset": {"sku_key": 1}})
    twins = ["case-1", "Case-1\u200b", "NEW\u2013\u200b2"]
    raw(Variant, *({**variant, "sku": sku} for sku in twins))
    table.update_one({}, {"$set": {"attribute_pairs": ["colour=Petrol"], "compare_at_price": document["price"]}})
    raw(Product, {**document, "_id": ObjectId(), "slug": "CUP"}, {**document, "_id": ObjectId(), "slug": "Mug"})
    connection.database[Category._meta.db_table].update_one({}, {"$set": {"slug": "Cups", "path": "Cups"}})
    migration = importlib.import_module("catalog.migrations.0002_normalized_identifiers")

    def migrate() -> dict[str, Any]:
        with connection.schema_editor() as editor:
            migration.normalize(apps, editor)
        return dump_database()

    once = migrate()
    assert migrate() == once
    skus = list(Variant.objects.order_by("id").values_list("sku", flat=True))
    assert skus[:2] == ["Case-1", "case-1"]
    assert skus[2].startswith("Case-1-")
    assert skus[3] == "NEW-2"
    keys = list(Variant.objects.order_by("id").values_list("sku_key", flat=True))
    assert keys[0] == "case-1"
    assert keys[1].startswith("case-1\n")
    slugs = sorted(Product.objects.values_list("slug", flat=True))
    assert slugs[0] == "cup"
    assert slugs[1].startswith("cup-")
    assert slugs[2] == "mug"
    cup = Product.objects.get(pk=keeper.pk)
    assert (cup.attribute_pairs, cup.compare_at_price, cup.category_slug) == (["colour=petrol"], None, "cups")
    assert (Category.objects.get().slug, Category.objects.get().path) == ("cups", "cups")
    # Both are found by their own spelling, and can be saved.
    older, younger = Variant.objects.order_by("id")[:2]
    younger.price = 9
    younger.save()
    assert Variant.objects.get(sku="case-1").price == 9
    assert Variant.objects.get(sku="Case-1").price == older.price
