"""XLSX files written row by row.

Source: ECMA-376, https://ecma-international.org/publications-and-standards/standards/ecma-376/
"""

import re
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from typing import IO

from catalog.importing.errors import TooLargeForXLSX

# Limit of the format.
MAX_ROWS = 1_048_576
# Limit of a member without ZIP64, which spreadsheets need not read.
MAX_BYTES = 2**31 - 64 * 1024**2

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SHEET = "xl/worksheets/sheet1.xml"
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType='
        f'"application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/{_SHEET}" ContentType="{_TYPES}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_RELATIONSHIPS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_RELATIONSHIPS}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}

_WORKBOOK = (
    f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONSHIPS}"><sheets>'
    '<sheet name="%s" sheetId="1" r:id="rId1"/></sheets></workbook>'
)

# Escaped as _x000B_ (ECMA-376, ST_Xstring), also underscores of texts that look like it.
_TO_ESCAPE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Writer:
    """Raises :class:`TooLargeForXLSX`. Always call :meth:`finish`."""

    def __init__(self, file: IO[bytes], *, sheet: str = "Products") -> None:
        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        for name, content in {**_PARTS, "xl/workbook.xml": _WORKBOOK % sheet}.items():
            self._archive.writestr(name, _DECLARATION + content)
        self._sheet = self._archive.open(_SHEET, "w")
        self._rows = self._bytes = 0
        self._letters: list[str] = []
        self._put(f'{_DECLARATION}<worksheet xmlns="{_MAIN}"><sheetData>')

    def write(self, rows: Sequence[Sequence[str | int | Decimal]]) -> None:
        self._put("".join(map(self._row, rows)))
        if self._rows > MAX_ROWS or self._bytes > MAX_BYTES:
            raise TooLargeForXLSX

    def finish(self) -> None:
        self._put("</sheetData></worksheet>")
        self._sheet.close()
        self._archive.close()

    def _row(self, cells: Sequence[str | int | Decimal]) -> str:
        self._rows += 1
        while len(self._letters) < len(cells):
            self._letters.append(_letters(len(self._letters)))
        filled = [
            _cell(f"{letters}{self._rows}", cell)
            for letters, cell in zip(self._letters, cells, strict=False)
            if cell != ""
        ]
        return f'<row r="{self._rows}">{"".join(filled)}</row>'

    def _put(self, text: str) -> None:
        self._bytes += self._sheet.write(text.encode())


def _cell(reference: str, value: str | int | Decimal) -> str:
    if not isinstance(value, str):
        return f'<c r="{reference}"><v>{value}</v></c>'
    text = _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", value).translate(_ENTITIES)
    return f'<c r="{reference}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _letters(position: int) -> str:
    """Return the name of a column: A to Z, AA …"""
    letters, number = "", position + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
