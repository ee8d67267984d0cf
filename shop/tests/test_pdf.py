"""Documents print any text, over as many pages as it needs."""

from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import reportlab

from shop.dev.testing.images import image_file
from shop.pdf import Document, fonts

ADDRESS = [
    "Ольга Ёлкина",
    "Αθήνα Ωδή",
    "Łódź Ğüneş Thị Ưng",
    "山田さくら",
    "李小龙",
    "김철수",
    "محمد",
    "<b>&\x00\ud800😀",
    "",
]


def document(rows: int) -> Document:
    made = Document(title="Packing slip", footer=["Shop GmbH", "VAT DE123456789"])
    for section in range(2):
        made.start_section()
        made.heading(f"Slip {section}")
        made.address_block(ADDRESS, [("Date", "1 December 2026")], label="Ship to")
        cells = [[["Mug " * (number % 40), "Colour: blue"], str(number)] for number in range(rows)]
        made.table(["Item", "Quantity"], cells, widths=[4, 1], align=["left", "right"])
    made.totals([("Net", "1.00"), ("Total", "1.19")])
    made.paragraph("Thank you.", small=True)
    return made


def pages(pdf: bytes) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]


def test_a_document_prints_any_script_and_numbers_the_pages_of_each_section(settings: Any, tmp_path: Path) -> None:
    settings.SHOP_LOGO = str(tmp_path / "logo.png")
    Path(settings.SHOP_LOGO).write_bytes(image_file().read())
    printed = pages(pdf := document(rows=60).render())
    half = len(printed) // 2

    for text in [*ADDRESS[:6], "mhmd", "<b>&", "Ship to", "1 December 2026"]:
        assert text in printed[0]
    assert "Slip 1" in printed[half]
    for number, page in enumerate(printed):
        assert f"Page {number % half + 1} of" in page
        assert [line for line in page.splitlines() if line == str(half)]
        assert all(text in page for text in ("Item", "VAT DE123456789", settings.SHOP_NAME))
    assert document(rows=60).render() == pdf
    assert pages(document(rows=0).render())

    settings.PAPER_SIZE = "letter"
    assert pypdfium2.PdfDocument(document(rows=1).render())[0].get_size() == (612, 792)


def test_letters_that_the_shops_font_lacks_are_embedded_from_another(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of fonts in the test environment, Vera has letters only that Open Sans has, too."""
    known = fonts.register()
    monkeypatch.setattr(fonts, "register", lambda: known - {"Q"})
    for path, is_embedded in (
        (Path(reportlab.__file__).parent / "fonts" / "Vera.ttf", True),
        (tmp_path / "no.ttf", False),
    ):
        settings.PDF_FONT = str(path)
        made = Document(title="Q")
        made.paragraph("Qat")
        pdf = made.render()
        assert (b"BitstreamVera" in pdf) is is_embedded
        assert "Qat" in pages(pdf)[0]


def test_a_row_longer_than_a_page_is_continued() -> None:
    made = Document(title="Long")
    made.table(["Item", "Note"], [["x " * 5000, "W" * 2000]], widths=[3, 1], align=["left", "left"])
    printed = pages(made.render())
    assert len(printed) > 1
    assert sum(page.count("W") for page in printed) == 2000
