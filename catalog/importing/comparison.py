from collections.abc import Container, Iterator, Sequence
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db import models

from catalog import read_model
from catalog.attributes import validate_attributes
from catalog.availability import StockPolicy
from catalog.errors import CompareAtPriceTooLow, DuplicateOptions, SlugTaken, StockBelowZero
from catalog.importing.column_types import Column, whole_number
from catalog.importing.columns import ATTRIBUTE, OPTION, SKU, STOCK, STOCK_BASE, Columns, read_stock_base
from catalog.importing.errors import BadCell
from catalog.importing.models import ImportStep
from catalog.importing.rows import CellFault, Cells, ProductRows, Row
from catalog.models import Product, Variant
from catalog.options import validate_options
from catalog.services import free_slug, slug_base
from catalog.skus import SkuMap
from shop.db import identifiers

# Per product of a file.
MAX_VARIANTS = 500

# A column, its text before and after.
Change = list[str]


class EarlierSlugs(Container[str], Protocol):
    """The new slugs of a file, or of a call."""

    def add(self, slug: str, /) -> None: ...


class _Either(Container[str]):
    def __init__(self, *parts: Container[str]) -> None:
        self._parts = parts

    def __contains__(self, text: object) -> bool:
        return any(text in part for part in self._parts)


class Comparison:
    def __init__(self, sheet: Cells, columns: Columns, *, earlier_slugs: EarlierSlugs) -> None:
        self._sheet = sheet
        self._of_product = [column for name in sheet.names if (column := columns.of_product(name))]
        self._of_variant = [column for name in sheet.names if (column := columns.of_variant(name))]
        self._stocked = STOCK in sheet.names
        self._faults: list[CellFault] = []
        self._earlier_slugs = earlier_slugs

    def pop_faults(self) -> list[CellFault]:
        faults, self._faults = self._faults, []
        return faults

    def compare(self, groups: Sequence[ProductRows]) -> Iterator[tuple[ImportStep, int, int]]:
        """Yield steps with their numbers of new and changed rows."""
        ids = [group.product_id for group in groups if group.product_id]
        products = Product.objects.in_bulk(ids)
        variants = read_model.group_by_product(Variant.objects.filter(product__in=ids))
        self._taken = _Either(self._slugs_in_use(groups), self._earlier_slugs)
        for group in groups:
            before = len(self._faults)
            known = group.product_id
            product = products.get(known) or Product()
            found = self._compare_product(group, product, variants.get(known, []) if known else [])
            if found and len(self._faults) == before:
                yield found

    def _compare_product(
        self, group: ProductRows, product: Product, existing: list[Variant]
    ) -> tuple[ImportStep, int, int] | None:
        if len(group.rows) > MAX_VARIANTS:
            self._fault(group.rows[MAX_VARIANTS], SKU, f"At most {MAX_VARIANTS} rows per product.")
            return None
        is_new, name, first = product._state.adding, product.name, group.rows[0]
        changed: set[int] = set()
        changes: list[Change] = []
        for column in self._of_product:
            shown = "" if is_new else column.show(product)
            row, text = self._product_value(group, column, shown)
            if change := self._change(column, product, shown, text, row):
                changes.append(change)
                changed.add(row.number)
        if is_new:
            self._require(first, "name", product.name)
            if not product.slug:
                product.slug = free_slug(product.name, taken=self._taken)
                changes.append(["slug", "", product.slug])
        if any(column == "slug" for column, *_ in changes):
            if product.slug in self._taken:
                detail = "Another product has this slug. A variant cannot move to another product."
                self._fault(first, "slug", detail, code=SlugTaken.default_code)
            self._earlier_slugs.add(product.slug)
        self._check_pairs(first, ATTRIBUTE, product.attributes, changes)

        by_sku = SkuMap((variant.sku, variant) for variant in existing)
        variants = []
        for row in group.rows:
            variant = by_sku.find(row.sku) or Variant(sku=row.sku)
            entry = self._compare_variant(row, variant)
            by_sku.add(variant.sku, variant)
            if entry:
                variants.append(entry)
                changed.add(row.number)
        new = sum(entry["id"] is None for entry in variants)
        self._check_options(group, by_sku)
        all_changes = [*changes, *(change for entry in variants for change in entry["changes"])]
        if any(column in ("price", "variant_active", "compare_at_price") for column, *_ in all_changes):
            self._check_compare_at_price(group, product, by_sku)
        if not changes and not variants:
            return None
        # The preview shows the current name.
        step = ImportStep(product_id=product.pk, name=name or product.name, changes=changes, variants=variants)
        return step, new, len(changed) - new

    def _product_value(self, group: ProductRows, column: Column, shown: str) -> tuple[Row, str | None]:
        """Return the new text of a product's column, and its row; other rows may be empty or unchanged."""
        first = group.rows[0]
        chosen = first, None if self._sheet.text(first, column.name) is None else ""
        differing = set()
        for row in group.rows:
            text = self._sheet.text(row, column.name)
            if text is None or not text.strip() or text in differing or text == chosen[1]:
                continue
            if not chosen[1] or _same_value(column, chosen[1], shown):
                chosen = row, text
            elif not _same_value(column, text, shown):
                differing.add(text)
                detail = f"Row {chosen[0].number} has a different value for the same product."
                self._fault(row, column.name, detail, code="ambiguous")
        return chosen

    def _slugs_in_use(self, groups: Sequence[ProductRows]) -> set[str]:
        wanted = {
            identifiers.slug(self._sheet.text(row, "slug") or "") or slug_base(self._sheet.text(row, "name") or "")
            for group in groups
            for row in group.rows
        }
        return set(Product.objects.filter(slug__in=wanted).values_list("slug", flat=True))

    def _compare_variant(self, row: Row, variant: Variant) -> dict[str, Any] | None:
        is_new = variant._state.adding
        if is_new:
            try:
                self._sheet.check(row.sku)
            except BadCell as error:
                self._fault(row, SKU, str(error))
        changes = []
        for column in self._of_variant:
            shown = "" if is_new else column.show(variant)
            if change := self._change(column, variant, shown, self._sheet.text(row, column.name), row):
                changes.append(change)
        if is_new:
            self._require(row, "price", variant.price)
        self._check_pairs(row, OPTION, variant.options, changes)
        stock_change = self._stock_change(row, variant)
        left = int(stock_change[2]) if stock_change else variant.stock
        if left < 0 and variant.stock_policy == StockPolicy.DENY:
            column_name = "stock_policy" if "stock_policy" in self._sheet.names else STOCK
            self._fault(row, column_name, str(StockBelowZero()), code=StockBelowZero.default_code)
        if stock_change:
            changes.append(stock_change)
        if not changes and not is_new:
            return None
        return {
            "row": row.number,
            "sku": row.sku,
            "id": None if is_new else str(variant.pk),
            "adjustments": variant.adjustments,
            "changes": changes,
        }

    def _stock_change(self, row: Row, variant: Variant) -> Change | None:
        text = (self._sheet.text(row, STOCK) or "").strip()
        if not self._stocked or not text:
            return None
        current = variant.stock
        try:
            base = None if variant._state.adding else read_stock_base(self._sheet.text(row, STOCK_BASE) or "")
            if text == str(base[0] if base else current):
                # Not edited: keep later stock changes.
                return None
            wanted = whole_number(text)
            if base:
                wanted = _apply_difference(wanted, *base, variant)
        except BadCell as error:
            self._fault(row, STOCK, str(error), code=error.code)
            return None
        return None if wanted == current else [STOCK, str(current), str(wanted)]

    def _check_options(self, group: ProductRows, by_sku: SkuMap[Variant]) -> None:
        in_file = SkuMap((row.sku, row) for row in group.rows)
        seen: dict[tuple, str] = {}
        for sku, variant in by_sku.items():
            if not variant.is_active:
                continue
            shown = identifiers.keys(variant.options)
            if (other := seen.setdefault(shown, sku)) != sku and (row := in_file.find(sku) or in_file.find(other)):
                twin = other if row is in_file.find(sku) else sku
                detail = f"{twin} is a variant of the same product with the same options."
                self._fault(row, f"{OPTION}…", detail, code=DuplicateOptions.default_code)

    def _check_compare_at_price(self, group: ProductRows, product: Product, by_sku: SkuMap[Variant]) -> None:
        prices = [variant.price for _, variant in by_sku.items() if variant.is_active and variant.price is not None]
        former = product.compare_at_price
        if former is not None and prices and former <= min(prices):
            column = "compare_at_price" if "compare_at_price" in self._sheet.names else "price"
            detail = f"The compare-at price, {former:f}, must be above the price, {min(prices):f}."
            code = CompareAtPriceTooLow.default_code
            self._fault(group.rows[0], column, f"{detail} Change both or clear it.", code=code)

    def _change(self, column: Column, obj: models.Model, shown: str, text: str | None, row: Row) -> Change | None:
        if text is None or text == shown or (not text.strip() and not (column.field.blank and shown)):
            return None
        try:
            self._sheet.check(text)
            wanted = column.canonical(text)
            if shown and _same_value(column, wanted, shown):
                return None
            column.put(obj, wanted)
        except BadCell as error:
            self._fault(row, column.name, str(error), code=error.code)
            return None
        return [column.name, shown, wanted]

    def _check_pairs(self, row: Row, prefix: str, pairs: dict[str, str], changes: list[Change]) -> None:
        changed = [name for name, *_ in changes if name.startswith(prefix)]
        if changed:
            validate = validate_options if prefix == OPTION else validate_attributes
            try:
                validate(pairs)
            except ValidationError as error:
                self._fault(row, changed[0], " ".join(error.messages), code=getattr(error, "code", None) or "invalid")

    def _require(self, row: Row, name: str, value: object) -> None:
        is_faulty = any((fault.row, fault.column) == (row.number, name) for fault in self._faults)
        if value in (None, "") and not is_faulty:
            self._fault(row, name, f"A new row requires a {name}.", code="required")

    def _fault(self, row: Row, column: str, detail: str, *, code: str = "invalid") -> None:
        self._faults.append(CellFault(row.number, column, detail, code))


def _apply_difference(wanted: int, exported: int, adjustments: int, variant: Variant) -> int:
    """Return the stock changed by the difference only, which keeps later sales.

    Raises :class:`BadCell` after an adjustment.
    """
    current = variant.stock
    if adjustments == variant.adjustments:
        if wanted < exported and current + wanted < exported:
            raise BadCell(f"Only {current} in stock; {exported - wanted} cannot be removed.")
        return current + wanted - exported
    if wanted == current:
        return current
    raise BadCell(
        f"The stock was {exported} at the export, has been counted or imported since, and is now {current}. "
        f"Export again, or clear {STOCK_BASE} to set it to {wanted}."
    )


def _same_value(column: Column, text: str, shown: str) -> bool:
    if text == shown:
        return True
    try:
        return column.canonical(text) == column.canonical(shown)
    except BadCell:
        return False
