"""Files as spreadsheets of all countries write them, and files that are none."""

import io
import random
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from catalog.importing import xlsx_format, xlsx_reader
from catalog.importing.models import ImportRun
from catalog.models import Product, Variant
from catalog.tests.files import Rows, csv_of, export_products, import_products, upload, xlsx_of
from shop.testing.admin import browser_of
from shop.testing.steps import everything

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Mug", sku="MUG", price="10.00", stock=5)


ROWS: Rows = [{"sku": "MUG", "name": "Café — größer", "price": "19.90", "stock": "7"}]


def was_imported() -> bool:
    variant = Variant.objects.get(sku="MUG")
    return (variant.product.name, variant.price, variant.stock) == ("Café — größer", variant.price, 7) and (
        f"{variant.price:.2f}" == "19.90"
    )


def refused(folder: Path, content: bytes, *arguments: str) -> str:
    before = everything()
    with pytest.raises(CommandError) as error:
        import_products(folder, content, *arguments)
    assert everything() == before
    return str(error.value)


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_delimiter_and_the_byte_order_mark_are_found(tmp_path: Path, delimiter: str, encoding: str) -> None:
    import_products(tmp_path, csv_of(ROWS, delimiter=delimiter).encode(encoding))
    assert was_imported()


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_where_semicolons_or_tabs_divide_a_comma_is_decimal(tmp_path: Path, delimiter: str) -> None:
    import_products(tmp_path, csv_of([{**ROWS[0], "price": "19,90"}], delimiter=delimiter))
    assert was_imported()


def test_thousands_are_not_guessed_at(tmp_path: Path) -> None:
    assert "1 error" in refused(tmp_path, csv_of([{**ROWS[0], "price": "1.019,90"}], delimiter=";").encode())


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_end_of_line_and_empty_rows_will_do(tmp_path: Path, ending: str) -> None:
    lines = ["sku,name,price,stock", "", ",,,", "MUG,Café — größer,19.90,7", "", ""]
    import_products(tmp_path, ending.join(lines))
    assert was_imported()


def test_rows_are_counted_as_a_spreadsheet_does(tmp_path: Path) -> None:
    content = 'sku,name,price\n\nMUG,"two\nlines",10\nNEW,New,x\n'
    path = tmp_path / "x.csv"
    path.write_text(content)
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("import_products", str(path), stdout=out, stderr=out)
    assert "row 4, price" in out.getvalue()


def test_excels_own_line_about_the_delimiter_is_understood(tmp_path: Path) -> None:
    import_products(tmp_path, "sep=;\r\n" + csv_of(ROWS, delimiter=";"))
    assert was_imported()


def test_windows_letters_are_refused_unless_they_are_announced(tmp_path: Path) -> None:
    content = csv_of(ROWS, delimiter=";").encode("cp1252")
    sentence = refused(tmp_path, content)
    assert "not in UTF-8 (near row 1)" in sentence
    assert "“CSV UTF-8”" in sentence
    import_products(tmp_path, content, "--encoding", "cp1252")
    assert was_imported()


def test_windows_letters_far_down_are_noticed_before_anything_is_written(tmp_path: Path) -> None:
    rows = [{"sku": f"N-{n}", "name": f"N {n}", "price": "1", "description": "d" * 1000} for n in range(200)]
    content = csv_of([*rows, {**rows[0], "sku": "LAST", "name": "größer"}]).encode("cp1252")
    assert "near row" in refused(tmp_path, content)


def test_what_is_not_windows_letters_either_is_refused(tmp_path: Path) -> None:
    assert "not in Windows-1252 either" in refused(tmp_path, b"sku,name\nMUG,\x81\n", "--encoding", "cp1252")


def test_the_admin_is_told_of_windows_letters(staff: User) -> None:
    browser: Client = browser_of(staff)
    content = csv_of(ROWS, delimiter=";").encode("cp1252")
    assert "not in UTF-8" in upload(browser, content).content.decode()
    upload(browser, content, encoding="cp1252")
    assert ImportRun.objects.first().state == "ready"


# --- XLSX -------------------------------------------------------------------------------------------------------------


def test_an_xlsx_file_is_read_with_its_numbers_and_truths(tmp_path: Path) -> None:
    cells = [
        ["SKU", "name", "price", "stock", "active", "option:size", None],
        [None, None, None, None, None, None, None],
        ["MUG", "Café — größer", 19.9, 7.0, False, 41, None],
        [4006381333931, "Book", 0.1 + 0.2, 1, True, 1.5, None],
    ]
    import_products(tmp_path, xlsx_of(cells), name="products.xlsx")
    assert was_imported()
    mug, book = Variant.objects.get(sku="MUG"), Variant.objects.get(sku="4006381333931")
    assert (mug.product.is_active, mug.options) == (False, {"size": "41"})
    assert (str(book.price.normalize()), book.options, book.stock) == ("0.3", {"size": "1.5"}, 1)


def test_the_name_of_an_xlsx_file_does_not_matter(tmp_path: Path) -> None:
    import_products(tmp_path, xlsx_of([list(ROWS[0]), list(ROWS[0].values())]), name="products.csv")
    assert was_imported()


def test_a_date_in_a_cell_is_refused_with_its_place(tmp_path: Path) -> None:
    sentence = refused(tmp_path, xlsx_of([["sku", "option:size"], ["MUG", date(2026, 5, 12)]]))
    assert "Cell B2 holds a date" in sentence


def test_a_formula_that_failed_is_refused_with_its_place_and_its_text_is_not(tmp_path: Path) -> None:
    sentence = refused(tmp_path, xlsx_of([["sku", "description"], ["MUG", "#N/A"]]))
    assert "Cell B2 holds an error, #N/A" in sentence
    texts = parts_of(xlsx_of([["sku", "description"], ["MUG", "#N/A "]]))
    import_products(tmp_path, packed(texts), name="products.xlsx")
    assert Product.objects.get().description == "#N/A"


@pytest.mark.parametrize("column", ["category", "description", "compare_at_price", "attr:colour", "name", "price"])
def test_a_formula_without_a_saved_value_is_refused_with_its_place(tmp_path: Path, column: str) -> None:
    sentence = refused(tmp_path, xlsx_of([["sku", column], ["MUG", "=A1&1"]]))
    assert "Cell B2 holds a formula without a value" in sentence


def test_a_formula_counts_with_its_saved_value_even_if_that_is_an_empty_text(tmp_path: Path) -> None:
    parts = parts_of(xlsx_of([["sku", "description", "price"], ["MUG", "=A1", "=1+1"]]))
    sheet = parts["xl/worksheets/sheet1.xml"]
    for cell, saved in ((b'r="B2"', b'r="B2" t="str"'), (b"<f>1+1</f><v/>", b"<f>1+1</f><v>2</v>")):
        assert cell in sheet.replace(b"<v />", b"<v/>")
        sheet = sheet.replace(b"<v />", b"<v/>").replace(cell, saved)
    import_products(tmp_path, packed({**parts, "xl/worksheets/sheet1.xml": sheet}), name="x.xlsx")
    assert (Product.objects.get().description, Variant.objects.get().price) == ("", 2)


@pytest.mark.parametrize("error", ["#REF!", "#VALUE!", "#DIV/0!", "#NAME?"])
@pytest.mark.parametrize("column", ["name", "price", "attr:colour"])
def test_errors_of_formulas_are_refused_in_every_column(tmp_path: Path, error: str, column: str) -> None:
    assert f"Cell B2 holds an error, {error}" in refused(tmp_path, xlsx_of([["sku", column], ["MUG", error]]))
    assert "1 error" in refused(tmp_path, csv_of([{"sku": "MUG", column: error}]).encode())


def test_a_truth_value_is_the_text_that_a_spreadsheet_shows(tmp_path: Path) -> None:
    cells = [["sku", "active", "attr:organic"], ["MUG", False, True]]
    import_products(tmp_path, xlsx_of(cells), name="x.xlsx")
    product = Product.objects.get()
    assert (product.is_active, product.attributes) == (False, {"organic": "TRUE"})


SHORTENED = ["4.00638E+12", "4,00638E+12", "4.00638e+12", "4E+12", "4.01E+012", "1.5E-07", " 4.00638E+12 "]


@pytest.mark.parametrize("text", SHORTENED)
@pytest.mark.parametrize("column", ["sku", "name", "description", "attr:ean", "option:size"])
@pytest.mark.parametrize("known", [True, False])
def test_numbers_that_a_spreadsheet_shortened_are_refused_everywhere(
    tmp_path: Path, text: str, column: str, known: bool
) -> None:
    row = {"sku": "MUG" if known else "NEW", "name": "Mug", "price": "10", column: text}
    for delimiter in ",;":
        assert "1 error" in refused(tmp_path, csv_of([row], delimiter=delimiter).encode())


def test_what_was_shortened_long_ago_may_be_imported_unchanged(
    tmp_path: Path, make_product: Callable[..., Product]
) -> None:
    make_product("Book", sku="4.00638E+12", attributes={"ean": "4.00638E+12"})
    content = export_products(tmp_path)
    before = everything()["catalog_product"]
    import_products(tmp_path, content)
    assert everything()["catalog_product"] == before


@pytest.mark.parametrize("number", [1e15, 4006381333931000.0, 1234567890123456789, -1e15, 1e300])
@pytest.mark.parametrize("column", ["attr:ean", "sku", "price"])
def test_numbers_of_which_spreadsheets_do_not_keep_every_digit_are_refused(
    tmp_path: Path, number: float, column: str
) -> None:
    cells = [["stock", column], ["1", number]] if column == "sku" else [["sku", column], ["MUG", number]]
    assert "Cell B2 holds a number of which a spreadsheet keeps 15 digits" in refused(tmp_path, xlsx_of(cells))


@pytest.mark.parametrize(
    ("number", "number_format", "shown"),
    [
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
    ],
)
def test_leading_zeros_of_a_number_format_are_kept(
    tmp_path: Path, number: float, number_format: str, shown: str
) -> None:
    workbook = openpyxl.Workbook()
    for row in (["sku", "name", "price", "attr:code"], [number, "New", 1, number]):
        workbook.active.append(row)
    for cell in ("A2", "D2"):
        workbook.active[cell].number_format = number_format
    file = io.BytesIO()
    workbook.save(file)
    import_products(tmp_path, file.getvalue(), name="x.xlsx")
    variant = Variant.objects.exclude(sku="MUG").get()
    assert (variant.sku, variant.product.attributes) == (shown, {"code": shown})


def packed(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def parts_of(xlsx: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(xlsx)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def xlsx() -> dict[str, bytes]:
    return parts_of(xlsx_of([["sku", "price"], ["MUG", 11]]))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, xlsx: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_format, "MAX_UNPACKED_BYTES", 2 * 1024 * 1024)
    bomb = packed({**xlsx, "xl/media/random.bin": random.Random(1).randbytes(2 * 1024 * 1024)})
    assert refused(tmp_path, bomb) == xlsx_reader.TOO_LARGE
    # As many zeros as pass by their size are given away by how well they pack.
    bomb = packed({**xlsx, "xl/media/zeros.bin": bytes(1_900_000)})
    assert len(bomb) < 20_000
    assert refused(tmp_path, bomb) == xlsx_reader.TOO_LARGE


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path, xlsx: dict[str, bytes]) -> None:
    many = packed({**xlsx, **{f"xl/media/{n}.png": b"" for n in range(1000)}})
    assert refused(tmp_path, many) == xlsx_reader.TOO_LARGE


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path, xlsx: dict[str, bytes]) -> None:
    honest = packed({**xlsx, "xl/worksheets/sheet1.xml": xlsx["xl/worksheets/sheet1.xml"] + b" " * 10_000})
    size = len(xlsx["xl/worksheets/sheet1.xml"]) + 10_000
    lying = honest.replace(size.to_bytes(4, "little"), (200).to_bytes(4, "little"))
    assert lying != honest
    assert refused(tmp_path, lying) == xlsx_reader.UNREADABLE


@pytest.mark.parametrize(
    "entities",
    [
        b'<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">',
        b'<!ENTITY b SYSTEM "file:///etc/passwd">',
    ],
    ids=["multiplying", "reading files"],
)
def test_entities_in_its_xml_are_refused(tmp_path: Path, xlsx: dict[str, bytes], entities: bytes) -> None:
    sheet = xlsx["xl/worksheets/sheet1.xml"].replace(b"<v>11</v>", b"<v>&b;</v>")
    bad = packed({**xlsx, "xl/worksheets/sheet1.xml": b"<!DOCTYPE x [" + entities + b"]>" + sheet})
    assert refused(tmp_path, bad) == xlsx_reader.UNREADABLE


def test_a_sheet_that_goes_on_for_ever_is_refused(
    tmp_path: Path, xlsx: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_format, "MAX_SHEET_ROWS", 1000)
    last = b'<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>MUG</t></is></c></row></sheetData>'
    sheet = xlsx["xl/worksheets/sheet1.xml"].replace(b"</sheetData>", last)
    assert "below row 1000" in refused(tmp_path, packed({**xlsx, "xl/worksheets/sheet1.xml": sheet}))


@pytest.mark.parametrize("broken", ["[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"])
@pytest.mark.parametrize("how", ["missing", "nonsense", "cut"])
def test_a_broken_xlsx_file_is_a_sentence(tmp_path: Path, xlsx: dict[str, bytes], broken: str, how: str) -> None:
    whole = xlsx.pop(broken)
    if how != "missing":
        xlsx[broken] = b"nonsense" if how == "nonsense" else whole[: len(whole) // 2]
    assert refused(tmp_path, packed(xlsx)) == xlsx_reader.UNREADABLE


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PK\x03\x04 and nothing more", xlsx_reader.UNREADABLE),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old Excel file (.xls), or one with a password"),
        (bytes(range(256)) * 4, "not in UTF-8"),
        (b"\x00" * 100, "no column sku"),
        (b"%PDF-1.7\n", "no column sku"),
    ],
)
def test_what_is_no_table_at_all_is_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    assert sentence in refused(tmp_path, content)
