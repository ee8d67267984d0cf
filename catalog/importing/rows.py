from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bson import ObjectId

from catalog.importing import spreadsheets
from catalog.importing.column_types import MoneyColumn
from catalog.importing.columns import SKU, Columns
from catalog.importing.errors import BadCell, FileRefused
from catalog.importing.formats import Table
from shop.db import identifiers


class CellFault(NamedTuple):
    row: int
    column: str
    detail: str
    # For programs.
    code: str = "invalid"


class Row(NamedTuple):
    number: int
    sku: str
    cells: list[str]


class Cells(Protocol):
    """The cells of rows: those of a file, or of a call."""

    @property
    def names(self) -> Collection[str]: ...

    def text(self, row: Row, name: str) -> str | None:
        """Return the cell, or None to leave the field as it is."""

    def check(self, text: str) -> None:
        """Raises :class:`BadCell` for a text that was not meant."""


@dataclass(frozen=True)
class ProductRows:
    """A new product has no ``product_id``."""

    product_id: ObjectId | None
    rows: list[Row]


class Sheet:
    """Raises :class:`FileRefused`, also while iterating."""

    def __init__(self, table: Table, columns: Columns) -> None:
        self.names = _names(table.headings, columns)
        self._table = table
        self._columns = columns
        self._at = {name: position for position, name in enumerate(self.names)}
        amounts = [at for name, at in self._at.items() if isinstance(columns.get(name), MoneyColumn)]
        self._with_comma = amounts if table.decimal_comma else []

    def rows(self) -> Iterator[Row | CellFault]:
        """Yield the rows once; a fault for a row without a valid SKU."""
        for number, cells in self._table.rows:
            for position in self._with_comma:
                if "." not in cells[position]:
                    cells[position] = cells[position].replace(",", ".")
            try:
                yield Row(number, self._columns.sku.canonical(cells[self._at[SKU]]), cells)
            except BadCell as error:
                yield CellFault(number, SKU, str(error))

    def text(self, row: Row, name: str) -> str:
        """Return the cell; "" without such a column."""
        position = self._at.get(name)
        return "" if position is None else row.cells[position]

    def check(self, text: str) -> None:
        spreadsheets.check_unaltered(text)


def _names(headings: list[str], columns: Columns) -> list[str]:
    names = [identifiers.slug(heading) for heading in headings]
    if SKU not in names:
        raise FileRefused("The file has no column sku, which identifies the variant of a row.")
    if "" in names:
        raise FileRefused(f"Column {names.index('') + 1} has no heading.")
    if unknown := [name[:60] for name in names if not columns.knows(name)]:
        raise FileRefused(f"Unknown columns: {', '.join(unknown[:20])}. Remove them, or see docs/import.md.")
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise FileRefused(f"Duplicate columns: {', '.join(twice)}.")
    return names
