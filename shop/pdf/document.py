import io
import threading
from collections.abc import Sequence
from typing import Any, Literal

from django.conf import settings
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from shop.pdf.fonts import BOLD, REGULAR, markup, register

Align = Literal["left", "right"]
# The second and further lines of a cell are smaller.
Cell = str | Sequence[str]

PAPER_SIZES = {"a4": A4, "letter": LETTER}
_MARGIN = 20 * mm
_HEADER, _FOOTER = 22 * mm, 22 * mm
_LOGO = (60 * mm, 16 * mm)
_INK, _GREY, _LINE = HexColor("#111827"), HexColor("#6b7280"), HexColor("#d1d5db")
_SIZE, _SMALL, _LARGE = 9.5, 8, 16
_PADDING = 3
# Fonts are shared, and a page takes the interpreter's lock anyway.
_lock = threading.Lock()


def _style(size: float, *, align: Align = "left", grey: bool = False) -> ParagraphStyle:
    return ParagraphStyle(
        f"{size} {align} {grey}",
        fontName=REGULAR,
        fontSize=size,
        leading=size * 1.4,
        textColor=_GREY if grey else _INK,
        alignment=TA_RIGHT if align == "right" else 0,
    )


class Document:
    """A PDF with the shop's name and logo on each page; the same content gives the same bytes.

    Each section begins on a new page and numbers its own pages. Text may be of any script and length.
    """

    def __init__(self, *, title: str, footer: Sequence[str] = ()) -> None:
        self._title, self._footer = title, footer
        width, self._height = PAPER_SIZES[settings.PAPER_SIZE]
        self._left, self._right = _MARGIN, width - _MARGIN
        self._size = (width, self._height)
        self._sections: list[list[Flowable]] = [[]]

    def start_section(self) -> None:
        """Begin a new page, unless nothing was added to this one."""
        if self._sections[-1]:
            self._sections.append([])

    def heading(self, text: str) -> None:
        self._add(_paragraph(text, _style(_LARGE), font=BOLD), Spacer(0, 4 * mm))

    def paragraph(self, text: str, *, small: bool = False) -> None:
        self._add(_paragraph(text, _style(_SMALL if small else _SIZE, grey=small)), Spacer(0, 2 * mm))

    def address_block(self, lines: Sequence[str], facts: Sequence[tuple[str, str]] = (), *, label: str = "") -> None:
        """Add an address, and beside it pairs of label and value."""
        block = [_paragraph(label, _style(_SMALL, grey=True))] if label else []
        block += [_paragraph(line, _style(_SIZE)) for line in lines]
        pairs = [
            [_paragraph(name, _style(_SIZE, grey=True)), _paragraph(value, _style(_SIZE))] for name, value in facts
        ]
        width = self._right - self._left
        beside: Any = Table(pairs, colWidths=[0.16 * width, 0.29 * width], style=_PLAIN) if pairs else ""
        self._add(Table([[block, beside]], colWidths=[0.55 * width, 0.45 * width], style=_PLAIN), Spacer(0, 8 * mm))

    def table(
        self, head: Sequence[str], rows: Sequence[Sequence[Cell]], *, widths: Sequence[float], align: Sequence[Align]
    ) -> None:
        """``widths`` are shares of the page. ``head`` is repeated on each page."""
        unit = (self._right - self._left) / sum(widths)
        columns = list(zip(head, align, strict=True))
        body: list[list[Any]] = [[_paragraph(name, _style(_SMALL, align=side), font=BOLD) for name, side in columns]]
        body += [[_cell(cell, side) for cell, side in zip(row, align, strict=True)] for row in rows]
        self._add(
            Table(
                body,
                colWidths=[width * unit for width in widths],
                repeatRows=1,
                splitInRow=1,
                style=[
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ("LINEBELOW", (0, 0), (-1, 0), 0.8, _INK),
                    ("LINEBELOW", (0, 1), (-1, -1), 0.4, _LINE),
                    *_paddings(_PADDING),
                    ("LEFTPADDING", (0, 0), (0, -1), 0),
                    ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
                ],
            ),
            Spacer(0, 4 * mm),
        )

    def totals(self, rows: Sequence[tuple[str, str]]) -> None:
        """Add pairs of label and amount at the right; the last one is emphasized."""
        width = self._right - self._left
        last = len(rows) - 1
        body = [
            [
                _paragraph(label, _style(_SIZE), font=BOLD if number == last else REGULAR),
                _paragraph(amount, _style(_SIZE, align="right"), font=BOLD if number == last else REGULAR),
            ]
            for number, (label, amount) in enumerate(rows)
        ]
        self._add(
            Table(
                body,
                colWidths=[0.35 * width, 0.2 * width],
                hAlign="RIGHT",
                style=[
                    ("LINEABOVE", (0, -1), (-1, -1), 0.8, _INK),
                    *_paddings(_PADDING),
                    ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
                ],
            ),
            Spacer(0, 6 * mm),
        )

    def render(self) -> bytes:
        with _lock:
            register()
            output = io.BytesIO()
            template = BaseDocTemplate(
                output, pagesize=self._size, title=self._title, author=settings.SHOP_NAME, creator="Shop", invariant=1
            )
            counts: dict[int, int] = {}
            template.addPageTemplates([self._page(number, counts) for number in range(len(self._sections))])
            story: list[Flowable] = []
            for number, flowables in enumerate(self._sections):
                if number:
                    story += [NextPageTemplate(_template_name(number)), PageBreak()]
                story += flowables or [Spacer(0, 0)]
            template.build(story, canvasmaker=_canvas_class(counts))
            return output.getvalue()

    def _add(self, *flowables: Flowable) -> None:
        self._sections[-1] += flowables

    def _page(self, section: int, counts: dict[int, int]) -> PageTemplate:
        width, height = self._size
        frame = Frame(
            _MARGIN,
            _FOOTER,
            width - 2 * _MARGIN,
            height - _HEADER - _FOOTER - 8 * mm,
            leftPadding=0,
            rightPadding=0,
            topPadding=0,
            bottomPadding=0,
        )

        def draw(canvas: Canvas, _: BaseDocTemplate) -> None:
            counts[section] = counts.get(section, 0) + 1
            canvas.saveState()
            self._draw_header(canvas)
            self._draw_footer(canvas, section=section, page=counts[section])
            canvas.restoreState()

        return PageTemplate(id=_template_name(section), frames=[frame], onPage=draw)

    def _draw_header(self, canvas: Canvas) -> None:
        top = self._height - 12 * mm
        if settings.SHOP_LOGO:
            image = ImageReader(settings.SHOP_LOGO)
            width, height = image.getSize()
            scale = min(_LOGO[0] / width, _LOGO[1] / height)
            canvas.drawImage(image, self._left, top - height * scale, width * scale, height * scale, mask="auto")
        name = _paragraph(settings.SHOP_NAME, _style(_SIZE if settings.SHOP_LOGO else 13, align="right"), font=BOLD)
        _, used = name.wrap((self._right - self._left) / 2, _LOGO[1])
        name.drawOn(canvas, (self._left + self._right) / 2, top - used)

    def _draw_footer(self, canvas: Canvas, *, section: int, page: int) -> None:
        bottom = 10 * mm
        for line in reversed(self._footer):
            text = _paragraph(line, _style(_SMALL, grey=True))
            _, used = text.wrap((self._right - self._left) * 0.8, _FOOTER)
            text.drawOn(canvas, self._left, bottom)
            bottom += used
        canvas.setFont(REGULAR, _SMALL)
        canvas.setFillColor(_GREY)
        # The number of pages is drawn by a form that is defined after the last page.
        count = stringWidth("000", REGULAR, _SMALL)
        canvas.drawRightString(self._right - count, 10 * mm, f"Page {page} of ")
        canvas.translate(self._right - count, 10 * mm)
        canvas.doForm(_count_name(section))


def _canvas_class(counts: dict[int, int]) -> type[Canvas]:
    class CountedCanvas(Canvas):
        def save(self) -> None:
            for section, pages in counts.items():
                self.beginForm(_count_name(section), 0, -_SMALL, 20 * mm, 2 * _SMALL)
                self.setFont(REGULAR, _SMALL)
                self.setFillColor(_GREY)
                self.drawString(0, 0, str(pages))
                self.endForm()
            super().save()

    return CountedCanvas


def _template_name(section: int) -> str:
    return f"section-{section}"


def _count_name(section: int) -> str:
    return f"pages-of-section-{section}"


def _paragraph(text: str, style: ParagraphStyle, *, font: str = REGULAR) -> Paragraph:
    return Paragraph(markup(text, font), style)


def _cell(cell: Cell, align: Align) -> list[Paragraph]:
    first, *others = [cell] if isinstance(cell, str) else cell
    return [
        _paragraph(first, _style(_SIZE, align=align)),
        *(_paragraph(line, _style(_SMALL, align=align, grey=True)) for line in others),
    ]


def _paddings(points: float) -> list[tuple[Any, ...]]:
    sides = ("LEFTPADDING", "RIGHTPADDING", "TOPPADDING", "BOTTOMPADDING")
    return [(side, (0, 0), (-1, -1), points) for side in sides]


_PLAIN = [("VALIGN", (0, 0), (-1, -1), "TOP"), *_paddings(0)]
