"""Products of a call, compared with the catalog and written by the code of the import."""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bson import ObjectId
from rest_framework.exceptions import PermissionDenied

from catalog import read_model
from catalog.bulk.bodies import KEYS
from catalog.bulk.cells import VARIANT_FIELDS, CallCells, VariantCells, product_cells, variant_cells
from catalog.bulk.errors import AmbiguousRow, DuplicateRow, UnknownRow
from catalog.bulk.results import Errors, Outcome, Row, Status, done, failed, fault, refused
from catalog.errors import SkuTaken, VariantRequired
from catalog.importing import writing
from catalog.importing.columns import STOCK, Columns
from catalog.importing.comparison import Comparison
from catalog.importing.models import ImportStep
from catalog.importing.rows import ProductRows
from catalog.models import Category, Product, Variant
from catalog.serializers import has_fields_of_variants
from catalog.services import refuse_taken, slug_base
from catalog.skus import SkuMap
from shop.api.errors import ShopError
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import identifiers
from shop.db.transactions import queue_for

# Transactions are short, because buyers of the same variants wait for them.
AT_ONCE = 25
# In the notes of stock movements.
ORIGIN = "Bulk call"

Data = Mapping[str, Any]


@refuse_taken()
def write(
    rows: Sequence[Row],
    earlier: Mapping[str, int],
    *,
    actor: str,
    may_add: bool,
    may_change: bool,
    may_change_variants: bool,
) -> list[Outcome]:
    """Create and update products, in the caller's transaction. Raises :class:`SlugTaken`, :class:`SkuTaken`."""
    found, cells = _Found(rows, earlier), CallCells()
    outcomes: list[Outcome] = []
    groups: list[tuple[Row, ProductRows]] = []
    for row in rows:
        try:
            product = found.product_of(row.data)
            if not (may_add if product is None else may_change):
                raise PermissionDenied
            # A new product comes with its variants.
            if product is not None and not may_change_variants and has_fields_of_variants(row.data):
                raise PermissionDenied
            variants = list(found.variants_of(row.data, product))
            variants[0] = variants[0].with_cells(
                product_cells(row.data, attributes=product.attributes if product else ())
            )
            groups.append((row, cells.add(row.index, product.pk if product else None, variants)))
        except (ShopError, PermissionDenied) as error:
            outcomes.append(refused(row, error))
    return outcomes + _apply(groups, cells, actor=actor)


def _skus(data: Data) -> list[str]:
    return [each["sku"] for each in (data, *data.get("variants", ())) if "sku" in each]


class _Found:
    """What the catalog has of the objects that rows name."""

    def __init__(self, rows: Sequence[Row], earlier: Mapping[str, int]) -> None:
        data = [row.data for row in rows]
        skus = {sku for each in data for sku in _skus(each)}
        self._owners: SkuMap[ObjectId] = SkuMap(
            Variant.objects.with_skus(skus).order_by().values_list("sku", "product")
        )
        slugs = {each["slug"] for each in data if "slug" in each}
        self._by_slug = dict(Product.objects.filter(slug__in=slugs).values_list("slug", "pk"))
        ids = {each["id"] for each in data if "id" in each} | set(self._by_slug.values())
        ids |= {owner for sku in skus if (owner := self._owners.find(sku))}
        self._products = Product.objects.in_bulk(list(ids))
        self._variants: dict[ObjectId, list[Variant]] = read_model.group_by_product(
            Variant.objects.filter(product__in=ids).order_by("position", "id")
        )
        # Ids of products, and SKUs and slugs of new ones, that an earlier row is about.
        self._taken = set(earlier)

    def product_of(self, data: Data) -> Product | None:
        """Return the row's product, or None for a new one. Raises :class:`UnknownRow` and :class:`DuplicateRow`."""
        attr = next(name for name in KEYS if name in data)
        pk = data.get("id") or self._owners.find(data.get("sku", "")) or self._by_slug.get(data.get("slug", ""))
        if pk is not None and pk not in self._products:
            raise UnknownRow("There is no product with this id.", attr="id")
        keys = {str(pk)} if pk else {f"sku {identifiers.key(sku)}" for sku in _skus(data)}
        if pk is None and "slug" in data:
            keys.add(f"slug {data['slug']}")
        if not keys.isdisjoint(self._taken):
            raise DuplicateRow(attr=attr)
        self._taken |= keys
        return self._products[pk] if pk else None

    def variants_of(self, data: Data, product: Product | None) -> Iterable[VariantCells]:
        """Raises :class:`SkuTaken`, :class:`VariantRequired` and :class:`AmbiguousRow`."""
        existing = self._variants.get(product.pk, []) if product else []
        if "variants" not in data:
            sku = self._sku_of_only_variant(data, product, existing)
            yield VariantCells(sku, "", variant_cells(data))
            return
        if product is None and "sku" in data and data["sku"] not in [each["sku"] for each in data["variants"]]:
            raise AmbiguousRow("This SKU is none of the new variants'.", attr="sku")
        by_sku = SkuMap((variant.sku, variant) for variant in existing)
        for number, each in enumerate(data["variants"]):
            self._require_free(each["sku"], product, attr=f"variants.{number}.sku")
            variant = by_sku.find(each["sku"])
            cells = variant_cells(each, is_nested=True, option_names=variant.options if variant else ())
            yield VariantCells(each["sku"], f"variants.{number}.", cells)

    def _sku_of_only_variant(self, data: Data, product: Product | None, existing: Sequence[Variant]) -> str:
        if "sku" in data:
            self._require_free(data["sku"], product, attr="sku")
            return data["sku"]
        if product is None or not existing:
            return f"{(data.get('slug') or slug_base(data.get('name', '')))[:50]}-{secrets.token_hex(3)}".upper()
        active = [variant for variant in existing if variant.is_active]
        given = [name for name in VARIANT_FIELDS if name in data]
        if given and len(active) != 1:
            raise VariantRequired(attr=given[0])
        return (active or existing)[0].sku

    def _require_free(self, sku: str, product: Product | None, *, attr: str) -> None:
        owner = self._owners.find(sku)
        if owner is not None and (product is None or owner != product.pk):
            raise SkuTaken(attr=attr)


def _apply(groups: Sequence[tuple[Row, ProductRows]], cells: CallCells, *, actor: str) -> list[Outcome]:
    by_product = {group.product_id: row.index for row, group in groups if group.product_id}
    earlier_slugs: set[str] = set()
    comparison = Comparison(cells, Columns(Category.objects.all()), earlier_slugs=earlier_slugs)
    steps: dict[int, ImportStep] = {}
    for step, _, _ in comparison.compare([group for _, group in groups]):
        index = by_product[step.product_id] if step.product_id else cells.index_of(step.variants[0]["row"])
        step.pk = ObjectId()
        for entry in step.variants:
            # As shown in the notes of stock movements.
            entry["row"] = index + 1
        steps[index] = step
    faults: defaultdict[int, Errors] = defaultdict(list)
    for each in comparison.pop_faults():
        faults[cells.index_of(each.row)].append(cells.error_of(each))
    queue_for(_stock_changes(steps.values()))
    conflicts = writing.write(list(steps.values()), actor=actor, origin=ORIGIN, drops_low_compare_at_prices=False)
    written = {index: step for index, step in steps.items() if step.pk not in conflicts}
    ids = _ids_of(written)
    _log(written, ids)
    outcomes = []
    for row, group in groups:
        planned, sku = steps.get(row.index), group.rows[0].sku
        if row.index in faults:
            outcomes.append(failed(row, faults[row.index], pk=group.product_id))
        elif planned is None and group.product_id:
            outcomes.append(done(row, Status.UNCHANGED, pk=group.product_id, sku=sku))
        elif row.index not in written:
            detail = conflicts[planned.pk] if planned else "The product was deleted."
            outcomes.append(failed(row, fault("conflict", detail), pk=group.product_id))
        else:
            status = Status.UPDATED if group.product_id else Status.CREATED
            outcomes.append(done(row, status, pk=ids[row.index], sku=sku))
    return outcomes


def _stock_changes(steps: Iterable[ImportStep]) -> dict[ObjectId, str]:
    """Return the SKUs of existing variants whose stock changes, by id."""
    return {
        ObjectId(entry["id"]): entry["sku"]
        for step in steps
        for entry in step.variants
        if entry["id"] and any(name == STOCK for name, *_ in entry["changes"])
    }


def _ids_of(written: Mapping[int, ImportStep]) -> dict[int, ObjectId]:
    """Return the products' ids by the index of their rows."""
    skus = {index: step.variants[0]["sku"] for index, step in written.items() if not step.product_id}
    found = dict(Variant.objects.filter(sku__in=skus.values()).order_by().values_list("sku", "product")) if skus else {}
    known = {index: step.product_id for index, step in written.items() if step.product_id}
    return known | {index: found[sku] for index, sku in skus.items()}


def _log(written: Mapping[int, ImportStep], ids: Mapping[int, ObjectId]) -> None:
    added: list[Product] = []
    changed: defaultdict[tuple[str, ...], list[Product]] = defaultdict(list)
    for index, step in written.items():
        product = Product(pk=ids[index], name=step.name)
        changes = [*step.changes, *(change for entry in step.variants for change in entry["changes"])]
        fields = tuple(sorted({name for name, *_ in changes} - {STOCK}))
        if not step.product_id:
            added.append(product)
        elif fields:
            changed[fields].append(product)
    staff_log.record(Action.ADD, *added)
    for fields, products in changed.items():
        staff_log.record(Action.CHANGE, *products, fields=fields)
    stocked = [Variant(pk=pk, sku=sku) for pk, sku in _stock_changes(written.values()).items()]
    staff_log.record(Action.STOCK, *stocked)
