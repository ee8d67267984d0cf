"""Exported products, as CSV and XLSX, are imported unchanged."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from catalog.importing import export, formats
from catalog.models import Category, Product, Variant
from catalog.tests.files import cells_of, csv_of, export_products, import_products, rows_of
from shop.dev.testing.admin import allow, browser_of, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import failing
from shop.dev.testing.server import database_uri
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db


@pytest.fixture
def shirt(make_product: Callable[..., Product], make_category: Callable[..., Category]) -> Product:
    return make_product(
        "Shirt",
        brand="Northfold",
        tags=["summer", "linen"],
        description="Two\nlines, “quoted”",
        category=make_category("Shirts", slug="shirts", parent=make_category("Clothing", slug="clothing")),
        compare_at_price="30",
        attributes={"colour": "red"},
        option_order=[{"name": "size", "values": ["M", "S"]}],
        variants=[
            {"sku": "SHIRT-S", "options": {"size": "S"}, "price": "20", "stock": 5},
            {"sku": "SHIRT-M", "options": {"size": "M"}, "price": "21.5", "stock": 0},
        ],
    )


def body_of(reply: HttpResponse) -> bytes:
    assert reply.streaming
    return b"".join(reply.streaming_content)


def skus(reply: HttpResponse) -> list[str]:
    return [row["sku"] for row in rows_of(body_of(reply))]


def test_a_row_shows_a_variant_with_its_product(tmp_path: Path, shirt: Product) -> None:
    first, second = rows_of(export_products(tmp_path))
    assert first == {
        "sku": "SHIRT-S",
        "name": "Shirt",
        "slug": "shirt",
        "description": "Two\nlines, “quoted”",
        "category": "shirts",
        "additional_categories": "",
        "brand": "Northfold",
        "tags": "linen, summer",
        "collections": "",
        "seo_title": "",
        "seo_description": "",
        "active": "yes",
        "free_shipping": "no",
        "tax_class": "standard",
        "compare_at_price": "30.00",
        "options": "size: M | S",
        "attr:colour": "red",
        "option:size": "S",
        "price": "20.00",
        "weight": "",
        "barcode": "",
        "cost": "",
        "stock": "5",
        "stock_base": "5#1",
        "stock_policy": "deny",
        "backorder_limit": "",
        "expected_on": "",
        "sale_price": "",
        "sale_starts_at": "",
        "sale_ends_at": "",
        "variant_active": "yes",
    }
    assert (second["sku"], second["price"], second["stock"], second["stock_base"]) == ("SHIRT-M", "21.50", "0", "0#0")


def test_a_csv_file_begins_with_the_mark_that_excel_needs_and_standard_output_does_not(
    tmp_path: Path, shirt: Product
) -> None:
    assert export_products(tmp_path).startswith(b"\xef\xbb\xbfsku,")
    command = [sys.executable, "manage.py", "export_products", "-"]
    environment = {**os.environ, "MONGO_URI": database_uri()}
    done = subprocess.run(command, capture_output=True, cwd=django_settings.BASE_DIR, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"sku,")
    assert [row["sku"] for row in rows_of(done.stdout)] == ["SHIRT-S", "SHIRT-M"]


def test_an_xlsx_file_has_its_numbers_as_numbers(tmp_path: Path, shirt: Product) -> None:
    headings, first, _ = cells_of(export_products(tmp_path, "export.xlsx"))
    row = dict(zip(headings, first, strict=True))
    assert (row["sku"], row["price"], row["stock"], row["compare_at_price"]) == ("SHIRT-S", 20, 5, 30)
    assert row["description"] == "Two\nlines, “quoted”"


def test_a_file_that_cannot_be_written_is_a_sentence_and_leaves_nothing(tmp_path: Path, shirt: Product) -> None:
    for name, sentence in (("export.pdf", "must end in"), ("missing/export.csv", "cannot be written")):
        with pytest.raises(CommandError, match=sentence):
            call_command("export_products", str(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_breaks_off_leaves_the_file_of_before(
    tmp_path: Path, shirt: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_products(tmp_path)
    before = (tmp_path / "export.csv").read_bytes()

    def broken(*_: Any) -> Iterable[Any]:
        raise ZeroDivisionError

    monkeypatch.setattr(export.Export, "_rows", broken)
    for name in ("export.csv", "export.xlsx"):
        with pytest.raises(ZeroDivisionError):
            export_products(tmp_path, name)
    assert (tmp_path / "export.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["export.csv"]


def test_more_columns_than_a_file_has_are_refused(
    tmp_path: Path, shirt: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_COLUMNS", 5)
    with pytest.raises(CommandError, match="Export fewer"):
        export_products(tmp_path)


@pytest.mark.parametrize("products", [3, 30])
def test_thirty_products_ask_the_database_as_often_as_three(
    tmp_path: Path, make_product: Callable[..., Product], products: int
) -> None:
    for _ in range(products):
        make_product()
    with count_commands() as commands:
        export_products(tmp_path)
    assert len(commands) <= 9, str(commands)


def test_the_headings_are_collected_from_attributes_and_options_alone(shirt: Product) -> None:
    with count_commands() as commands:
        list(export.Export(Product.objects.all()).collect_headings())
    ids, attributes = commands.on(Product._meta.db_table)
    assert {"$project": {"_id": 1}} in ids.document["pipeline"], str(commands)
    assert {"$project": {"pair": {"$objectToArray": "$attributes"}}} in attributes.document["pipeline"], str(commands)
    assert len(commands.on(Variant._meta.db_table)) == 1


def test_a_row_is_read_without_the_words_of_the_search(tmp_path: Path, shirt: Product) -> None:
    with count_commands() as commands:
        export_products(tmp_path)
    for command in commands.on(Product._meta.db_table):
        assert "search_words" not in str(command.document)
        assert any("$project" in stage or "$group" in stage for stage in command.document["pipeline"]), str(command)


def test_a_large_catalog_is_exported_a_portion_at_a_time(
    tmp_path: Path, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PRODUCTS_AT_ONCE", 2)
    made = [make_product(sku=f"SKU-{n}") for n in range(5)]
    assert [row["name"] for row in rows_of(export_products(tmp_path))] == [product.name for product in made]


# --- There and back ---------------------------------------------------------------------------------------------------

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\t=1",
    "\r=1",
    "'=1",
    "''=1",
    "'",
    "''",
    "=HYPERLINK(“x”)",
    "＝1",
    "'a",
    "-",
    "\n@",
]
AWKWARD = [
    " spaces ",
    'a "quote"',
    "a,b;c\td",
    "ä€😀",
    "_x0041_",
    "_x000D_",
    "\x0b\x1f",
    "a\r\nb",
    "\ufffe",
    "TRUE",
    "1E+5",
    "#N/A",
]


@pytest.fixture
def awkward(make_product: Callable[..., Product]) -> None:
    """Texts that file formats tend to alter, in every field, some of them written without the forms' validation."""
    for number, text in enumerate([*FORMULAS, *AWKWARD]):
        product = make_product(f"P{number}", sku=f"SKU-{number}")
        Product.objects.filter(pk=product.pk).update(
            name=text, description=f"{text}\n{text}", attributes={"colour": text, "a": "=a"}, attribute_pairs=[]
        )
        Variant.objects.filter(product=product).update(options={"size": text})
    Variant.objects.filter(sku="SKU-0").update(sku="=SKU", price=Decimal("1.005"), stock=2_000_000_000)
    Variant.objects.filter(sku="SKU-1").update(sku="@SKU")
    Variant.objects.filter(sku="SKU-2").update(sku="1E+5")
    make_product("Plain", price="0", stock=0)


@pytest.mark.parametrize("name", ["export.csv", "export.xlsx"])
def test_an_export_comes_back_without_changing_anything(tmp_path: Path, awkward: None, name: str) -> None:
    before = dump_database()
    file = export_products(tmp_path, name)
    said = import_products(tmp_path, file, name=name)
    assert f"0 rows new, 0 changed, {Variant.objects.count()} unchanged" in said
    assert dump_database() == before


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_nor_does_it_after_a_spreadsheet_has_saved_it_its_own_way(
    tmp_path: Path, shirt: Product, delimiter: str
) -> None:
    before = dump_database()
    rows = [
        {**row, "price": row["price"].replace(".", ","), "active": "TRUE", "compare_at_price": "30"}
        for row in rows_of(export_products(tmp_path))
    ]
    import_products(tmp_path, csv_of(rows, delimiter=delimiter))
    assert dump_database() == before


@pytest.mark.parametrize("name", ["export.csv", "export.xlsx"])
def test_no_cell_is_a_formula(tmp_path: Path, awkward: None, name: str) -> None:
    file = export_products(tmp_path, name)
    cells = cells_of(file) if name.endswith("xlsx") else [list(row.values()) for row in rows_of(file)]
    texts = [cell for row in cells for cell in row if isinstance(cell, str)]
    assert "'=1+1" in texts
    assert [text for text in texts if text[:1] in tuple("=+-@\t\r\n＝")] == []


def test_guarding_a_text_can_be_undone_exactly() -> None:
    texts = [*FORMULAS, *AWKWARD, ""]
    assert [formats.unescape_formula(formats.escape_formula(text)) for text in texts] == texts


def test_texts_of_an_export_come_back_exactly_into_an_empty_shop(tmp_path: Path, awkward: None) -> None:
    shown = {row["sku"]: row for row in rows_of(export_products(tmp_path))}
    # New products are validated: a text that no form accepts is normalized or refused.
    kept = [row for row in shown.values() if row["sku"] in ("SKU-6", "SKU-10", "'=SKU", "SKU-16", "SKU-18")]
    for row in kept:
        row["price"] = "1.00"
        row["stock"] = "1"
    Product.objects.all().delete()
    import_products(tmp_path, kept)
    again = {row["sku"]: row for row in rows_of(export_products(tmp_path))}
    for row in kept:
        assert {**again[row["sku"]], "stock_base": ""} == {**row, "stock_base": ""}


# --- From the admin ---------------------------------------------------------------------------------------------------


def test_what_the_list_shows_is_exported(browser: Client, shirt: Product, make_product: Callable[..., Product]) -> None:
    make_product("Hat", sku="HAT", is_active=False)
    page = browser.get(url_of("catalog.product"))
    csv, xlsx = (item["path"] for item in page.context["actions_list"][1]["items"])
    assert skus(browser.get(csv)) == ["SHIRT-S", "SHIRT-M", "HAT"]
    reply = browser.get(xlsx)
    assert reply.headers["Content-Disposition"].endswith('.xlsx"')
    assert [row[0] for row in cells_of(body_of(reply))] == ["sku", "SHIRT-S", "SHIRT-M", "HAT"]

    for query, found in (
        ({"is_active__exact": "0"}, ["HAT"]),
        ({"q": "shirt"}, ["SHIRT-S", "SHIRT-M"]),
        ({"category__id__exact": str(Category.objects.get(slug="clothing").pk), "p": "1"}, ["SHIRT-S", "SHIRT-M"]),
    ):
        page = browser.get(url_of("catalog.product"), query)
        assert skus(browser.get(page.context["actions_list"][1]["items"][0]["path"])) == found


def test_chosen_products_are_exported(browser: Client, shirt: Product, make_product: Callable[..., Product]) -> None:
    hat = make_product("Hat", sku="HAT")
    make_product("Sock", sku="SOCK")
    chosen = {"_selected_action": [str(shirt.pk), str(hat.pk)]}
    url = url_of("catalog.product")
    assert skus(browser.post(url, {"action": "export_chosen_csv", **chosen})) == ["SHIRT-S", "SHIRT-M", "HAT"]
    everything_shown = {"action": "export_chosen_xlsx", "select_across": "1", "_selected_action": [str(hat.pk)]}
    cells = cells_of(body_of(browser.post(url, everything_shown)))
    assert [row[0] for row in cells] == ["sku", "SHIRT-S", "SHIRT-M", "HAT", "SOCK"]


def test_a_filter_that_does_not_exist_leads_back_to_the_list(browser: Client, shirt: Product) -> None:
    page = browser.get(url_of("catalog.product", "export_csv"), {"created_at__year": "x"})
    assert (page.status_code, page.url) == (302, url_of("catalog.product"))


@pytest.mark.parametrize("name", ["export_csv", "export_xlsx"])
def test_a_database_that_does_not_answer_is_an_outage(
    browser: Client, shirt: Product, settings: Any, name: str
) -> None:
    settings.REQUEST_DATABASE_SECONDS = 0.2
    with failing("aggregate", times=None, blockConnection=True, blockTimeMS=3000):
        assert browser.get(url_of("catalog.product", name)).status_code == 503


@pytest.mark.parametrize(
    ("rights", "allowed"),
    [
        (["view_product", "view_variant"], True),
        (["view_product", "change_variant"], True),
        (["view_product"], False),
        (["view_variant"], False),
        ([], False),
    ],
)
def test_an_export_needs_the_right_to_see_products_and_variants(
    make_user: Callable[..., User], shirt: Product, rights: list[str], allowed: bool
) -> None:
    browser = browser_of(allow(make_user(), *(f"catalog.{right}" for right in rights)))
    for name in ("export_csv", "export_xlsx"):
        assert (browser.get(url_of("catalog.product", name)).status_code == 200) is allowed
    data = {"action": "export_chosen_csv", "_selected_action": str(shirt.pk)}
    reply = browser.post(url_of("catalog.product"), data)
    assert bool(getattr(reply, "streaming", False)) is allowed
