"""Rows of a call as cells, which the import compares with the catalog."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from bson import ObjectId

from catalog import options
from catalog.importing.columns import ATTRIBUTE, OPTION
from catalog.importing.rows import CellFault, ProductRows
from catalog.importing.rows import Row as FileRow
from catalog.serializers import OF_VARIANTS
from shop import money

# Columns of other names than the fields of a call.
_OF_PRODUCT = {"is_active": "active", "seo.title": "seo_title", "seo.description": "seo_description"}
_OF_VARIANT = {"is_active": "variant_active"}
# A fault of a pair of variants with equal options.
_ALL_OPTIONS = f"{OPTION}…"
VARIANT_FIELDS = tuple(name for name in OF_VARIANTS if name != "sku")
PRODUCT_FIELDS = (
    "name",
    "slug",
    "description",
    "category",
    "additional_categories",
    "brand",
    "tags",
    "collections",
    "is_active",
    "free_shipping",
    "tax_class",
    "compare_at_price",
)


def product_cells(data: Mapping[str, Any], *, attributes: Iterable[str]) -> dict[str, str]:
    """``attributes`` are the names that the product has, which are removed unless ``data`` names them."""
    cells = {_OF_PRODUCT.get(name, name): _text(data[name]) for name in PRODUCT_FIELDS if name in data}
    cells |= {_OF_PRODUCT[f"seo.{name}"]: text for name, text in data.get("seo", {}).items()}
    if "options" in data:
        cells["options"] = options.to_text(data["options"])
    return cells | _pairs(data, "attributes", ATTRIBUTE, attributes)


def variant_cells(
    data: Mapping[str, Any], *, is_nested: bool = False, option_names: Iterable[str] = ()
) -> dict[str, str]:
    """``option_names`` are those that a nested variant has, which are removed unless ``data`` names them."""
    cells = {name: _text(data[name]) for name in VARIANT_FIELDS if name in data}
    if not is_nested:
        # The product's fields have these names, too.
        return cells
    active = {_OF_VARIANT["is_active"]: _text(data["is_active"])} if "is_active" in data else {}
    return cells | active | _pairs(data, "options", OPTION, option_names)


def _pairs(data: Mapping[str, Any], field: str, prefix: str, known: Iterable[str]) -> dict[str, str]:
    if field not in data:
        return {}
    return {f"{prefix}{name}": data[field].get(name, "") for name in {*known, *data[field]}}


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return money.display(value)
        case datetime() | date():
            return value.isoformat()
        case list():
            return ", ".join(value)
    return str(value)


class VariantCells(NamedTuple):
    """``path`` leads to the variant in the row: "variants.0.", or "" for the row itself."""

    sku: str
    path: str
    cells: dict[str, str]

    def with_cells(self, more: dict[str, str]) -> "VariantCells":
        return self._replace(cells=self.cells | more)


class CallCells:
    """Cells by the number of their row; each row is a variant, and the first one of a product has the product's."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self._cells: list[dict[str, str]] = []
        # By number: the index of the row in the call, and the path of its variant.
        self._places: list[tuple[int, str]] = []

    def add(self, index: int, product_id: ObjectId | None, variants: Iterable[VariantCells]) -> ProductRows:
        """Add the row with this index."""
        rows = []
        for sku, path, cells in variants:
            rows.append(FileRow(len(self._cells), sku, []))
            self._cells.append(cells)
            self._places.append((index, path))
            self.names.update(dict.fromkeys(cells))
        return ProductRows(product_id, rows)

    def text(self, row: FileRow, name: str) -> str | None:
        return self._cells[row.number].get(name)

    def check(self, text: str) -> None:
        """No spreadsheet has changed it."""

    def index_of(self, number: int) -> int:
        return self._places[number][0]

    def error_of(self, fault: CellFault) -> dict[str, Any]:
        _, path = self._places[fault.row]
        return {"code": fault.code, "detail": fault.detail, "attr": _attr(fault.column, path)}


_FIELDS = {column: field for field, column in _OF_PRODUCT.items()}
_NAMES = (*PRODUCT_FIELDS, "options")


def _attr(column: str, path: str) -> str:
    if column == _ALL_OPTIONS:
        return f"{path}options"
    if column.startswith(OPTION):
        return f"{path}options.{column.removeprefix(OPTION)}"
    if column.startswith(ATTRIBUTE):
        return f"attributes.{column.removeprefix(ATTRIBUTE)}"
    if column == _OF_VARIANT["is_active"]:
        return f"{path}is_active"
    field = _FIELDS.get(column, column)
    return field if field in _NAMES or "." in field else f"{path}{field}"
