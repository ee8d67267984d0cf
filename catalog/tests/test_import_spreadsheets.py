"""Cells whose value differs from what they show: formulas, shortened numbers, leading zeros, errors."""

import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from catalog.models import Product, Variant
from catalog.tests.files import csv_of, export_products, faults, import_products, packed, parts_of, refused, xlsx_of
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Mug", sku="MUG", price="10.00", stock=5)


def test_a_date_in_a_cell_is_refused_with_its_place(tmp_path: Path) -> None:
    sentence = refused(tmp_path, xlsx_of([["sku", "option:size"], ["MUG", date(2026, 5, 12)]]))
    assert "Cell B2 contains a date" in sentence


def test_a_formula_that_failed_is_refused_with_its_place_and_its_text_is_not(tmp_path: Path) -> None:
    sentence = refused(tmp_path, xlsx_of([["sku", "description"], ["MUG", "#N/A"]]))
    assert "Cell B2 contains an error, #N/A" in sentence
    texts = parts_of(xlsx_of([["sku", "description"], ["MUG", "#N/A "]]))
    import_products(tmp_path, packed(texts), name="products.xlsx")
    assert Product.objects.get().description == "#N/A"


@pytest.mark.parametrize("column", ["category", "description", "compare_at_price", "attr:colour", "name", "price"])
def test_a_formula_without_a_saved_value_is_refused_with_its_place(tmp_path: Path, column: str) -> None:
    sentence = refused(tmp_path, xlsx_of([["sku", column], ["MUG", "=A1&1"]]))
    assert "Cell B2 contains a formula without a value" in sentence


def test_a_formula_counts_with_its_saved_value_even_if_that_is_an_empty_text(tmp_path: Path) -> None:
    parts = parts_of(xlsx_of([["sku", "description", "price"], ["MUG", "=A1", "=1+1"]]))
    sheet = parts["xl/worksheets/sheet1.xml"]
    for cell, saved in ((b'r="B2"', b'r="B2" t="str"'), (b"<f>1+1</f><v/>", b"<f>1+1</f><v>2</v>")):
        assert cell in sheet.replace(b"<v />", b"<v/>")
        sheet = sheet.replace(b"<v />", b"<v/>").replace(cell, saved)
    import_products(tmp_path, packed({**parts, "xl/worksheets/sheet1.xml": sheet}), name="x.xlsx")
    assert (Product.objects.get().description, Variant.objects.get().price) == ("", 2)


@pytest.mark.parametrize("number_format", ["[<=99999]00000;00000-0000", "@00000", "000##"])
def test_a_format_that_may_hide_leading_zeros_is_refused_with_its_place(tmp_path: Path, number_format: str) -> None:
    workbook = openpyxl.Workbook()
    for row in (["sku", "attr:code"], ["MUG", 123]):
        workbook.active.append(row)
    workbook.active["B2"].number_format = number_format
    file = io.BytesIO()
    workbook.save(file)
    assert f"Cell B2 shows a number in the format {number_format}" in refused(tmp_path, file.getvalue())


@pytest.mark.parametrize("how", ["another folder", "UTF-16"])
def test_a_formula_without_a_saved_value_is_found_wherever_the_sheet_is(tmp_path: Path, how: str) -> None:
    parts = parts_of(xlsx_of([["sku", "description"], ["MUG", "=A1"]]))
    sheet = parts.pop("xl/worksheets/sheet1.xml")
    if how == "UTF-16":
        declared = f'<?xml version="1.0" encoding="UTF-16"?>{sheet.decode()}'
        parts["xl/worksheets/sheet1.xml"] = declared.encode("utf-16")
    else:
        parts["xl/sheets/one.xml"] = sheet
        for name in ("[Content_Types].xml", "xl/_rels/workbook.xml.rels"):
            assert b"worksheets/sheet1.xml" in parts[name]
            parts[name] = parts[name].replace(b"worksheets/sheet1.xml", b"sheets/one.xml")
    assert "Cell B2 contains a formula without a value" in refused(tmp_path, packed(parts))


@pytest.mark.parametrize("error", ["#BEZUG!", "#NV", "#VALEUR!", "#¡REF!", "#N/D", "#VERW!", "#ССЫЛКА!", "Err:502"])
def test_errors_of_formulas_are_refused_in_other_languages(tmp_path: Path, error: str) -> None:
    for column in ("name", "attr:colour"):
        assert "1 error" in refused(tmp_path, csv_of([{"sku": "MUG", column: error}], delimiter=";").encode())


@pytest.mark.parametrize(
    ("error", "column"),
    [("#REF!", "name"), ("#VALUE!", "price"), ("#DIV/0!", "attr:colour"), ("#NAME?", "name"), ("#REF!", "price")],
)
def test_errors_of_formulas_are_refused_in_every_column(tmp_path: Path, error: str, column: str) -> None:
    assert f"Cell B2 contains an error, {error}" in refused(tmp_path, xlsx_of([["sku", column], ["MUG", error]]))
    assert "1 error" in refused(tmp_path, csv_of([{"sku": "MUG", column: error}]).encode())


def test_a_truth_value_is_the_text_that_a_spreadsheet_shows(tmp_path: Path) -> None:
    cells = [["sku", "active", "attr:organic"], ["MUG", False, True]]
    import_products(tmp_path, xlsx_of(cells), name="x.xlsx")
    product = Product.objects.get()
    assert (product.is_active, product.attributes) == (False, {"organic": "TRUE"})


SHORTENED = [
    *("4.00638E+12", "4,00638E+12", "4.00638e+12", "4E+12", "4.01E+012", "1.5E-07", " 4.00638E+12 "),
    *("40.0638E+11", "-4.00638E+12", "4.00638E+12\u200b", "٤٫٠٠٦٣٨E+12", "4.00638 E+12", "########"),
]


COLUMNS = ["sku", "name", "description", "attr:ean", "option:size"]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_numbers_that_a_spreadsheet_shortened_are_refused_everywhere(
    tmp_path: Path, column: str, delimiter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = [{"sku": f"NEW-{n}", "name": f"New {n}", "price": "10", column: text} for n, text in enumerate(SHORTENED)]
    found = faults(tmp_path, csv_of(new, delimiter=delimiter), monkeypatch)
    assert set(found) >= {(row, column) for row in range(2, len(new) + 2)}
    known = {"sku": "MUG", "name": "Mug", "price": "10", column: SHORTENED[0]}
    assert faults(tmp_path, csv_of([known], delimiter=delimiter), monkeypatch) == [(2, column)]


def test_what_was_shortened_long_ago_may_be_imported_unchanged(
    tmp_path: Path, make_product: Callable[..., Product]
) -> None:
    make_product("Book", sku="4.00638E+12", attributes={"ean": "4.00638E+12"})
    content = export_products(tmp_path)
    before = dump_database()["catalog_product"]
    import_products(tmp_path, content)
    assert dump_database()["catalog_product"] == before


@pytest.mark.parametrize(
    ("number", "column"),
    [(1e15, "sku"), (4006381333931000.0, "attr:ean"), (1234567890123456789, "sku"), (-1e15, "price"), (1e300, "price")],
)
def test_numbers_of_which_spreadsheets_do_not_keep_every_digit_are_refused(
    tmp_path: Path, number: float, column: str
) -> None:
    cells = [["stock", column], ["1", number]] if column == "sku" else [["sku", column], ["MUG", number]]
    assert "Cell B2 contains a number of more than 15 digits" in refused(tmp_path, xlsx_of(cells))


SHOWN = [
    (123, "00000", "00123"),
    (0, "00", "00"),
    (1234567, "00000", "1234567"),
    (1234567, "000-0000", "123-4567"),
    (12, '"A"000', "A012"),
    (12, "00\\-000", "00-012"),
    (123, "0", "123"),
    (123, "General", "123"),
    (123.5, "00000", "123.5"),
    (123, "00000;-00000", "00123"),
    (123, "#00000", "00123"),
    (123, "[Red]00000_)", "00123"),
    (123, "[$-407]00000", "00123"),
    (123, '"a_b"00000', "a_b00123"),
    (930, "00:00", "09:30"),
    (123, "00.00", "123"),
    (1234, "#,##0", "1234"),
]


def test_leading_zeros_of_a_number_format_are_kept(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(["sku", "name", "price", "attr:code"])
    for row, (number, number_format, _) in enumerate(SHOWN, start=2):
        workbook.active.append([f"NEW-{row}", f"New {row}", 1, number])
        workbook.active[f"D{row}"].number_format = number_format
    workbook.active.append([7, "Seven", 1, 7])
    for cell in ("A", "D"):
        workbook.active[f"{cell}{len(SHOWN) + 2}"].number_format = "000"
    file = io.BytesIO()
    workbook.save(file)
    import_products(tmp_path, file.getvalue(), name="x.xlsx")
    found = {variant.sku: variant.product.attributes for variant in Variant.objects.exclude(sku="MUG")}
    expected = {f"NEW-{row}": {"code": shown} for row, (*_, shown) in enumerate(SHOWN, start=2)}
    assert found == {**expected, "007": {"code": "007"}}
