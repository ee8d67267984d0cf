"""Changes that an import makes, and data that it does not touch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog.importing import runs
from catalog.importing.models import ImportStep
from catalog.models import Category, Product, StockMovement, Variant
from catalog.tests.files import export_products, import_products, rows_of
from shop import audit
from shop.dev.testing.commands import count_commands
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db


@pytest.fixture
def shirt(make_product: Callable[..., Product], make_category: Callable[..., Category]) -> Product:
    sizes = [
        {"sku": f"SHIRT-{size}", "options": {"size": size, "fit": "slim"}, "price": "20.00", "stock": 5}
        for size in "SM"
    ]
    return make_product(
        "Shirt",
        description="A shirt.",
        category=make_category("Shirts", slug="shirts"),
        compare_at_price="30.00",
        attributes={"colour": "red", "fabric": "linen"},
        variants=sizes,
    )


def values(product: Product, *names: str) -> tuple:
    return Product.objects.values_list(*names).get(pk=product.pk)


# --- New --------------------------------------------------------------------------------------------------------------


def test_rows_of_one_slug_are_one_new_product_with_its_variants(
    tmp_path: Path, make_category: Callable[..., Category]
) -> None:
    make_category("Shoes", slug="shoes", parent=make_category("Clothing", slug="clothing"))
    said = import_products(
        tmp_path,
        [
            {"sku": "S-41", "name": "Shoe", "slug": "a-shoe", "category": "clothing/shoes", "attr:colour": "red",
             "option:size": "41", "price": "80", "stock": "3", "active": ""},
            {"sku": "S-42", "name": "", "slug": "a-shoe", "category": "", "attr:colour": "",
             "option:size": "42", "price": "75.5", "stock": "", "active": "no"},
        ],
    )  # fmt: skip
    assert "2 rows new, 0 changed, 0 unchanged" in said
    assert "1 product written" in said
    product = Product.objects.get()
    assert (product.name, product.slug, product.is_active) == ("Shoe", "a-shoe", False)
    assert (product.category_slug, product.attributes, product.price) == ("shoes", {"colour": "red"}, 75.5)
    assert (product.attribute_pairs, product.in_stock) == (["colour=red"], True)
    first, second = Variant.objects.filter(product=product)
    assert (first.sku, first.options, first.price, first.stock, first.position) == ("S-41", {"size": "41"}, 80, 3, 0)
    assert (second.sku, second.options, second.stock, second.position) == ("S-42", {"size": "42"}, 0, 1)
    assert StockMovement.objects.values_list("delta", "reason", "reference").get() == (3, "import", "")
    assert audit.violations() == []


def test_without_a_slug_rows_of_one_name_are_one_product_and_its_slug_is_made(
    tmp_path: Path, make_product: Callable[..., Product]
) -> None:
    make_product("Shoe", slug="shoe")
    import_products(
        tmp_path,
        [
            {"sku": "S-41", "name": "Shoe", "option:size": "41", "price": "80"},
            {"sku": "HAT", "name": "Hat", "option:size": "", "price": "9"},
            {"sku": "S-42", "name": "Shoe", "option:size": "42", "price": "80"},
        ],
    )
    shoe = Product.objects.get(name="Shoe", variants__sku="S-41")
    assert shoe.slug.startswith("shoe-")
    assert set(Variant.objects.filter(product=shoe).values_list("sku", flat=True)) == {"S-41", "S-42"}
    assert Product.objects.get(name="Hat").slug == "hat"


@pytest.mark.parametrize("with_known_row", [True, False])
def test_a_new_sku_with_a_known_slug_is_another_variant_behind_the_others(
    tmp_path: Path, shirt: Product, with_known_row: bool
) -> None:
    rows = [{"sku": "SHIRT-L", "slug": "shirt", "option:size": "L", "option:fit": "slim", "price": "21", "stock": "4"}]
    if with_known_row:
        rows.append(
            {"sku": "SHIRT-S", "slug": "shirt", "option:size": "S", "option:fit": "slim", "price": "", "stock": ""}
        )
    import_products(tmp_path, rows)
    large = Variant.objects.get(sku="SHIRT-L")
    assert (large.product_id, large.position, large.stock) == (shirt.pk, 2, 4)
    assert Variant.objects.filter(product=shirt).count() == 3
    assert Product.objects.count() == 1


# --- Changed ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "text", "field", "value"),
    [
        ("name", "Blouse", "name", "Blouse"),
        ("name", "'=1+1", "name", "=1+1"),
        ("slug", "blouse", "slug", "blouse"),
        ("description", "Two\nlines", "description", "Two\nlines"),
        ("description", "", "description", ""),
        ("category", "other", "category_slug", "other"),
        ("category", "", "category_id", None),
        ("active", "FALSE", "is_active", False),
        ("free_shipping", "yes", "free_shipping", True),
        ("tax_class", "Reduced", "tax_class", "reduced"),
        ("compare_at_price", "35.5", "compare_at_price", 35.5),
        ("compare_at_price", "", "compare_at_price", None),
        ("attr:colour", "blue", "attributes", {"colour": "blue", "fabric": "linen"}),
        ("attr:colour", "", "attributes", {"fabric": "linen"}),
        ("attr:brand", "Acme", "attributes", {"colour": "red", "fabric": "linen", "brand": "Acme"}),
        ("ATTR:Colour ", "blue", "attributes", {"colour": "blue", "fabric": "linen"}),
    ],
)
def test_a_column_of_the_product_is_changed_and_the_others_are_not(
    tmp_path: Path,
    shirt: Product,
    make_category: Callable[..., Category],
    column: str,
    text: str,
    field: str,
    value: Any,
) -> None:
    make_category("Other", slug="other")
    # The read model, which `audit` checks.
    follows = {"updated_at", "edited_at", "sort_name", "search_words", "search_beginnings", "counted_in"}
    others = [f.name for f in Product._meta.concrete_fields if f.name not in {field, *follows}]
    derived = {"category_slug": {"category", "category_name", "category_lineage"}, "attributes": {"attribute_pairs"}}
    derived["category_id"] = {"category", "category_name", "category_slug", "category_lineage"}
    others = [name for name in others if name not in derived.get(field, ())]
    before, variants = values(shirt, *others), list(Variant.objects.values())
    said = import_products(tmp_path, [{"sku": "SHIRT-S", column: text}])
    assert "1 changed" in said
    assert values(shirt, field) == (value,)
    assert values(shirt, *others) == before
    assert list(Variant.objects.values()) == variants
    assert audit.violations() == []


@pytest.mark.parametrize(
    ("column", "text", "field", "value"),
    [
        ("price", "22", "price", 22),
        ("option:size", "XS", "options", {"size": "XS", "fit": "slim"}),
        ("option:fit", "", "options", {"size": "S"}),
        ("option:length", "short", "options", {"size": "S", "fit": "slim", "length": "short"}),
        ("variant_active", "no", "is_active", False),
        ("weight", "450", "weight", 450),
    ],
)
def test_a_column_of_a_variant_is_changed_and_the_others_are_not(
    tmp_path: Path, shirt: Product, column: str, text: str, field: str, value: Any
) -> None:
    # The price is also in the history of prices.
    written = {field, "recorded_plan", "lowest_before_price"} if field == "price" else {field}
    others = [f.name for f in Variant._meta.concrete_fields if f.name not in written]
    before = Variant.objects.values_list(*others).get(sku="SHIRT-S")
    sister = Variant.objects.values().get(sku="SHIRT-M")
    import_products(tmp_path, [{"sku": "SHIRT-S", column: text}])
    assert getattr(Variant.objects.get(sku="SHIRT-S"), field) == value
    assert Variant.objects.values_list(*others).get(sku="SHIRT-S") == before
    assert Variant.objects.values().get(sku="SHIRT-M") == sister
    assert Product.objects.get(pk=shirt.pk).updated_at > shirt.updated_at
    assert audit.violations() == []


@pytest.mark.parametrize("column", ["name", "slug", "active", "price", "stock", "variant_active"])
def test_what_cannot_be_empty_is_left_alone_by_an_empty_cell(tmp_path: Path, shirt: Product, column: str) -> None:
    before = dump_database()
    assert "1 unchanged" in import_products(tmp_path, [{"sku": "SHIRT-S", column: " "}])
    assert dump_database() == before


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("price", "20"),
        ("price", " 20.000 "),
        ("active", "TRUE"),
        ("active", "1"),
        ("name", " Shirt "),
        ("category", "/shirts/"),
        ("compare_at_price", "30"),
        ("stock", " 5 "),
        ("attr:size", ""),
    ],
)
def test_the_same_in_other_words_is_no_change(tmp_path: Path, shirt: Product, column: str, text: str) -> None:
    before = dump_database()
    assert "1 unchanged" in import_products(tmp_path, [{"sku": "SHIRT-S", column: text}])
    assert dump_database() == before


def test_one_row_may_speak_for_all_of_a_product(tmp_path: Path, shirt: Product) -> None:
    rows = [
        {"sku": "SHIRT-S", "name": "", "description": "", "price": "20"},
        {"sku": "SHIRT-M", "name": "Blouse", "description": "A blouse.", "price": "20"},
    ]
    assert "0 rows new, 1 changed, 1 unchanged" in import_products(tmp_path, rows)
    assert values(shirt, "name", "description") == ("Blouse", "A blouse.")


@pytest.mark.parametrize("edited", [0, 1])
def test_in_an_export_one_row_of_a_product_is_edited_and_the_others_may_say_what_was(
    tmp_path: Path, shirt: Product, edited: int
) -> None:
    rows = rows_of(export_products(tmp_path))
    rows[edited] |= {"description": "Edited.", "active": "no", "compare_at_price": "35"}
    # As a spreadsheet writes the same amount.
    rows[1 - edited]["compare_at_price"] = "30"
    import_products(tmp_path, rows)
    assert values(shirt, "description", "is_active", "compare_at_price") == ("Edited.", False, 35)


def test_variants_exchange_their_options_in_one_import(tmp_path: Path, shirt: Product) -> None:
    import_products(tmp_path, [{"sku": "SHIRT-S", "option:size": "M"}, {"sku": "SHIRT-M", "option:size": "S"}])
    assert Variant.objects.get(sku="SHIRT-S").options["size"] == "M"
    assert Variant.objects.get(sku="SHIRT-M").options["size"] == "S"


# --- Stock ------------------------------------------------------------------------------------------------------------


def test_stock_moves_through_the_ledger_and_is_all_that_changes(tmp_path: Path, shirt: Product) -> None:
    product = Product.objects.values().get()
    import_products(tmp_path, [{"sku": "SHIRT-S", "stock": "2"}, {"sku": "SHIRT-M", "stock": "8"}])
    assert dict(Variant.objects.values_list("sku", "stock")) == {"SHIRT-S": 2, "SHIRT-M": 8}
    movements = StockMovement.objects.filter(reason="import").order_by("delta").values_list("delta", "note")
    assert list(movements) == [(-3, "products.csv, row 2"), (3, "products.csv, row 3")]
    # Not even the time of its last change: shoppers read the same.
    assert Product.objects.values().get() == product
    assert audit.violations() == []


def test_a_product_sells_out_and_comes_back(tmp_path: Path, shirt: Product) -> None:
    import_products(tmp_path, [{"sku": "SHIRT-S", "stock": "0"}, {"sku": "SHIRT-M", "stock": "0"}])
    assert not Product.objects.get().in_stock
    import_products(tmp_path, [{"sku": "SHIRT-S", "stock": "1"}])
    assert Product.objects.get().in_stock
    assert audit.violations() == []


# --- All of it --------------------------------------------------------------------------------------------------------


def test_an_import_done_twice_changes_nothing_the_second_time(tmp_path: Path, shirt: Product) -> None:
    rows = [
        {"sku": "SHIRT-S", "slug": "shirt", "name": "", "price": "22", "stock": "7", "option:size": "S"},
        {"sku": "NEW", "slug": "", "name": "New", "price": "1", "stock": "1", "option:size": ""},
    ]
    import_products(tmp_path, rows)
    before = dump_database()
    assert "0 rows new, 0 changed, 2 unchanged" in import_products(tmp_path, rows)
    assert dump_database() == before


def test_a_dry_run_shows_every_change_and_changes_nothing(tmp_path: Path, shirt: Product) -> None:
    before = dump_database()
    rows = [{"sku": "SHIRT-S", "name": "Blouse", "price": "22"}, {"sku": "NEW", "name": "New", "price": "1"}]
    said = import_products(tmp_path, rows, "--dry-run")
    for line in ("name: Shirt → Blouse", "row 2, SHIRT-S", "price: 20.00 → 22.00", "row 3, NEW (new)"):
        assert line in said
    assert "1 rows new, 1 changed, 0 unchanged" in said
    assert dump_database() == before
    assert not ImportStep.objects.exists()


@pytest.mark.parametrize("products", [2, 60])
def test_writing_sixty_products_asks_the_database_as_often_as_writing_two(
    tmp_path: Path, shirt: Product, products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "FIRST_STEPS", 100)
    rows = [
        {"sku": f"P-{n}-{size}", "slug": f"p-{n}", "name": f"P {n}", "option:size": size, "price": "1", "stock": "1"}
        for n in range(products)
        for size in "SM"
    ]
    rows.append({"sku": "SHIRT-S", "slug": "", "name": "Blouse", "option:size": "S", "price": "22", "stock": "4"})
    with count_commands() as commands:
        import_products(tmp_path, rows)
    assert Product.objects.count() == products + 1
    assert len(commands) <= 48, str(commands)
