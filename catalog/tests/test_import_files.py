"""Files as spreadsheets in all countries write them, and invalid files."""

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.importing import xlsx_format, xlsx_reader
from catalog.importing.models import ImportRun
from catalog.models import Product, Variant
from catalog.tests.files import Rows, csv_of, import_products, packed, parts_of, refused, upload, xlsx_of
from shop import jobs

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


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_delimiter_and_the_byte_order_mark_are_found(tmp_path: Path, delimiter: str, encoding: str) -> None:
    import_products(tmp_path, csv_of(ROWS, delimiter=delimiter).encode(encoding))
    assert was_imported()


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_with_semicolons_or_tabs_as_delimiter_a_comma_is_decimal(tmp_path: Path, delimiter: str) -> None:
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


def test_the_admin_suggests_the_windows_encoding(browser: Client) -> None:
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


@pytest.fixture
def xlsx() -> dict[str, bytes]:
    return parts_of(xlsx_of([["sku", "price"], ["MUG", 11]]))


def refused_upload(browser: Client, content: bytes) -> str:
    """Upload a file that is refused without any change; return why."""
    before = Product.objects.count()
    upload(browser, content, name="bomb.xlsx")
    jobs.run_due()
    run = ImportRun.objects.latest("pk")
    assert (run.state, Product.objects.count()) == ("refused", before)
    return run.problem


def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    browser: Client, tmp_path: Path, xlsx: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_format, "MAX_UNPACKED_BYTES", 2 * 1024 * 1024)
    bomb = packed({**xlsx, "xl/media/random.bin": random.Random(1).randbytes(2 * 1024 * 1024)})
    assert refused_upload(browser, bomb) == xlsx_reader.TOO_LARGE
    # Zeros within the size limit are refused for their compression ratio, even from the command.
    bomb = packed({**xlsx, "xl/media/zeros.bin": bytes(1_900_000)})
    assert len(bomb) < 20_000
    assert refused_upload(browser, bomb) == xlsx_reader.TOO_LARGE
    assert refused(tmp_path, bomb) == xlsx_reader.TOO_LARGE


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path, xlsx: dict[str, bytes]) -> None:
    many = packed({**xlsx, **{f"xl/media/{n}.png": b"" for n in range(1000)}})
    assert refused(tmp_path, many) == xlsx_reader.TOO_LARGE


def test_a_member_with_a_false_size_is_refused(tmp_path: Path, xlsx: dict[str, bytes]) -> None:
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
    browser: Client, xlsx: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx_format, "MAX_SHEET_ROWS", 1000)
    last = b'<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>MUG</t></is></c></row></sheetData>'
    sheet = xlsx["xl/worksheets/sheet1.xml"].replace(b"</sheetData>", last)
    assert "beyond row 1000" in refused_upload(browser, packed({**xlsx, "xl/worksheets/sheet1.xml": sheet}))


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
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old Excel file (.xls) or has a password"),
        (bytes(range(256)) * 4, "not in UTF-8"),
        (b"\x00" * 100, "no column sku"),
        (b"%PDF-1.7\n", "no column sku"),
    ],
)
def test_what_is_no_table_at_all_is_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    assert sentence in refused(tmp_path, content)
