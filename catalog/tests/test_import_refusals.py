"""A file with an error changes nothing, and the error names its cell."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.importing import comparison, formats
from catalog.importing.models import ImportRun
from catalog.models import Product, Variant
from catalog.tests.files import Rows, csv_of, faults, import_products, upload, xlsx_of
from shop import jobs
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shirt(make_product: Callable[..., Product]) -> Product:
    sizes = [{"sku": f"SHIRT-{size}", "options": {"size": size}, "price": "20.00", "stock": 5} for size in "SM"]
    make_product("Hat", slug="hat", sku="HAT", attributes={f"a{n}": "x" for n in range(30)})
    return make_product("Shirt", variants=sizes)


def refused(folder: Path, content: str | bytes | Rows) -> str:
    """Import a file that must be refused without any change; return the output."""
    before = dump_database()
    with pytest.raises(CommandError) as error:
        import_products(folder, content)
    assert dump_database() == before
    return str(error.value)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("name", "n" * 201),
        ("name", "a\0b"),
        ("slug", "not a slug"),
        ("slug", "facets"),
        ("slug", "a" * 24),
        ("slug", "hat"),
        ("description", "d" * 20_001),
        ("category", "no-such-category"),
        ("active", "perhaps"),
        ("tax_class", "luxury"),
        ("weight", "1.5"),
        ("weight", "10000001"),
        ("compare_at_price", "-1"),
        ("price", "dear"),
        ("price", "1.005"),
        ("price", "-1"),
        ("price", "1e3"),
        ("price", "NaN"),
        ("price", "19,90"),
        ("price", "１９"),
        ("price", "1000000001"),
        ("price", "9" * 40),
        ("stock", "-1"),
        ("stock", "1.5"),
        ("stock", "many"),
        ("stock", "1000001"),
        ("stock", "9" * 40),
        ("variant_active", "2"),
        ("attr:colour", "c" * 201),
        ("option:size", "s" * 201),
    ],
)
def test_a_bad_cell_in_the_middle_is_named_and_nothing_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, text: str
) -> None:
    rows = [
        {"sku": "NEW-1", "name": "New 1", "price": "1.00", column: ""},
        {"sku": "SHIRT-S", "name": "", "price": "", column: text},
        {"sku": "NEW-2", "name": "New 2", "price": "1.00", column: ""},
    ]
    if column in ("name", "price"):
        rows[0][column], rows[2][column] = "1.00", "2.00"
    assert faults(tmp_path, rows, monkeypatch) == [(3, column)]


def test_all_errors_of_a_file_are_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"sku": "", "name": "Nameless", "price": "1", "stock": ""},
        {"sku": "NEW", "name": "", "price": "", "stock": "x"},
        {"sku": "SHIRT-S", "name": "", "price": "x", "stock": "x"},
        {"sku": "SHIRT-S", "name": "", "price": "", "stock": ""},
        {"sku": "s" * 65, "name": "Long", "price": "1", "stock": ""},
    ]
    assert sorted(faults(tmp_path, rows, monkeypatch)) == [
        (2, "sku"),
        (3, "name"),
        (3, "price"),
        (3, "stock"),
        (4, "price"),
        (4, "stock"),
        (5, "sku"),
        (6, "sku"),
    ]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        # Two variants with the same options: one or both of them in the file.
        ([{"sku": "SHIRT-S", "option:size": "M"}], [(2, "option:…")]),
        ([{"sku": "N", "slug": "shirt", "price": "1", "option:size": "S"}], [(2, "option:…")]),
        (
            [
                {"sku": "N", "slug": "new", "name": "N", "price": "1", "option:size": "S"},
                {"sku": "M", "slug": "new", "name": "", "price": "1", "option:size": "S"},
            ],
            [(3, "option:…")],
        ),
        # Two rows of one product that contradict each other.
        ([{"sku": "SHIRT-S", "name": "A"}, {"sku": "SHIRT-M", "name": "B"}], [(3, "name")]),
        # A slug for two products; a variant that is to move.
        ([{"sku": "SHIRT-S", "slug": "same"}, {"sku": "HAT", "slug": "same"}], [(3, "slug")]),
        ([{"sku": "SHIRT-S", "slug": "hat"}], [(2, "slug")]),
        # More attributes than a product may have.
        ([{"sku": "HAT", "attr:colour": "red"}], [(2, "attr:colour")]),
        # A long number that a spreadsheet has shortened.
        ([{"sku": "4.00639E+12", "name": "Book", "price": "1"}], [(2, "sku")]),
        # A new product without all required fields.
        ([{"sku": "N", "stock": "1"}], [(2, "name"), (2, "price")]),
    ],
)
def test_what_does_not_go_together_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: Rows, found: list[tuple[int, str]]
) -> None:
    assert faults(tmp_path, rows, monkeypatch) == found


def test_the_errors_are_listed_by_row_and_column(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(csv_of([{"sku": f"NEW-{n}", "name": f"New {n}", "price": "x"} for n in range(60)]))
    with pytest.raises(CommandError, match="60 errors; nothing was changed"):
        call_command("import_products", str(path))
    told = capsys.readouterr().err
    assert "row 2, price: Enter an amount as digits with a decimal point, such as 19.90." in told
    assert "and 10 more" in told


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("name,price\nA,1\n", "no column sku"),
        ("sku,foo,bar:x,attr:,attr:UPPER CASE\nA,1,2,3,4\n", "Unknown columns: foo, bar:x, attr:, attr:upper case"),
        ("sku,price,price\nA,1,2\n", "Duplicate columns: price"),
        ("sku,,price\nA,x,1\n", "Column 2 has no heading"),
        ("sku,price\nSHIRT-S,21,extra\n", "Row 2 has a value in a column without a heading"),
        ('sku,price\n"SHIRT-S,21\n', "Row 2 is not valid CSV"),
        ('sku,price\n"SHIRT"-S,21\n', "Row 2 is not valid CSV"),
        ("sku,price\nSHIRT-S," + "9" * 40_000 + "\n", "Row 2 has a cell of more than"),
        ("sku,price\nSHIRT-S," + "9" * 200_000 + "\n", "Row 2 is not valid CSV"),
        (",".join(["sku", *(f"attr:a{n}" for n in range(300))]) + "\n", "more than 300 columns"),
    ],
)
def test_a_file_that_is_no_list_of_variants_is_refused_with_a_sentence(
    tmp_path: Path, content: str, sentence: str
) -> None:
    assert sentence in refused(tmp_path, content)


@pytest.mark.parametrize(
    ("limit", "value", "sentence"),
    [
        ("MAX_ROWS", 2, "more than 2 rows"),
        ("MAX_CELLS", 11, "more than 11 cells"),
        ("MAX_TEXT_LENGTH", 20, "more than 20 characters"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_upload_beyond_a_limit_is_refused_and_the_command_has_none(
    browser: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, sentence: str, kind: str
) -> None:
    monkeypatch.setattr(formats, limit, value)
    rows = [{"sku": f"NEW-{n}", "name": f"New {n}", "price": "1"} for n in range(3)]
    content = (
        csv_of(rows).encode() if kind == "csv" else xlsx_of([list(rows[0]), *(list(row.values()) for row in rows)])
    )
    before = Product.objects.count()
    upload(browser, content)
    jobs.run_due()
    run = ImportRun.objects.get()
    assert run.state == "refused"
    assert sentence in run.problem
    assert "manage.py import_products" in run.problem
    assert Product.objects.count() == before
    import_products(tmp_path, content)
    assert Product.objects.count() == before + 3


def test_too_many_rows_of_one_product_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "MAX_VARIANTS", 3)
    rows = [{"sku": f"N-{n}", "name": "N", "price": "1", "option:size": str(n)} for n in range(5)]
    assert faults(tmp_path, rows, monkeypatch) == [(5, "sku")]


def test_a_file_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_products", "/nowhere/products.csv")


def test_known_skus_stay_known_however_they_look(tmp_path: Path, make_product: Callable[..., Product]) -> None:
    make_product("Book", sku="4E+12", price="10.00")
    import_products(tmp_path, [{"sku": "4E+12", "price": "11"}])
    assert Variant.objects.get(sku="4E+12").price == 11
