from collections.abc import Mapping, Sequence

from bson import ObjectId

from catalog import stock
from catalog.bulk.errors import DuplicateRow, UnknownRow
from catalog.bulk.results import Outcome, Row, Status, done, refused
from catalog.errors import OutOfStock
from catalog.models import StockMovement, Variant
from catalog.skus import SkuMap
from shop.api.errors import ShopError
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db.transactions import queue_for

# Buyers of the same variants wait for the transaction.
AT_ONCE = 200


def variants_of(rows: Sequence[Row], earlier: Mapping[str, int]) -> dict[int, Variant | ShopError]:
    """Return the variant of each row by its index, or the reason that there is none."""
    variants = Variant.objects.with_skus(row.data["sku"] for row in rows).order_by()
    by_sku = SkuMap((variant.sku, variant) for variant in variants)
    seen = set(earlier)
    found: dict[int, Variant | ShopError] = {}
    for row in rows:
        variant = by_sku.find(row.data["sku"])
        if variant is None:
            found[row.index] = UnknownRow("There is no variant with this SKU.", attr="sku")
        elif str(variant.pk) in seen:
            found[row.index] = DuplicateRow(attr="sku")
        else:
            seen.add(str(variant.pk))
            found[row.index] = variant
    return found


def write(rows: Sequence[Row], earlier: Mapping[str, int], *, actor: str) -> list[Outcome]:
    """Set or change the stock of variants, in the caller's transaction."""
    found = variants_of(rows, earlier)
    outcomes: list[Outcome] = []
    deltas: dict[ObjectId, int] = {}
    notes: dict[ObjectId, str] = {}
    changed: list[Variant] = []
    for row in rows:
        variant = found[row.index]
        if isinstance(variant, ShopError):
            outcomes.append(refused(row, variant))
            continue
        delta = row.data["set"] - variant.stock if "set" in row.data else row.data["delta"]
        if delta < 0 and variant.stock + delta < 0:
            detail = f"Only {max(variant.stock, 0)} in stock; {-delta} cannot be removed."
            outcomes.append(refused(row, OutOfStock(detail, attr="delta"), pk=variant.pk))
            continue
        if delta:
            deltas[variant.pk], notes[variant.pk] = delta, row.data["reason"]
            changed.append(variant)
        outcomes.append(done(row, Status.UPDATED if delta else Status.UNCHANGED, pk=variant.pk, sku=variant.sku))
    if deltas:
        queue_for(deltas)
        stock.adjust_many(deltas, reason=StockMovement.Reason.ADJUSTMENT, notes=notes, reference=actor)
        staff_log.record(Action.STOCK, *changed)
    return outcomes
