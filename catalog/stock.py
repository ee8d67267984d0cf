"""Only this module changes stock, with a :class:`StockMovement` in the same transaction."""

from collections import Counter
from collections.abc import Mapping

from bson import ObjectId
from django.db.models import F
from pymongo import UpdateOne

from catalog import read_model
from catalog.availability import available_quantity, covers
from catalog.errors import OutOfStock
from catalog.metrics import count_stock_outs
from catalog.models import StockMovement, Variant
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.changes import record_all
from shop.db import documents
from shop.db.transactions import queue_for, transactional

Quantities = Mapping[ObjectId, int]
# Fields that decide how many can be ordered.
_STOCK = ("stock", "stock_policy", "backorder_limit")


@transactional("catalog.take_stock")
def reserve(quantities: Quantities, *, reason: StockMovement.Reason, reference: str) -> None:
    """Raises :class:`OutOfStock` with all unavailable variants; then roll the transaction back."""
    queue_for(quantities)
    short, sold_out = set(), set()
    # Sorted, so that concurrent orders do not block each other.
    for variant_id in sorted(quantities):
        quantity = quantities[variant_id]
        enough = {"_id": variant_id, "is_active": True, **covers(quantity)}
        left = documents.find_one_and_update(
            Variant, enough, {"$inc": {"stock": -quantity}}, returning=("product_id", *_STOCK)
        )
        if left is None:
            short.add(variant_id)
        elif _is_sold_out(documents.view(Variant, left)):
            sold_out.add(left["product_id"])
    if short:
        raise OutOfStock(variants=short)
    _record({variant_id: -quantity for variant_id, quantity in quantities.items()}, reason=reason, reference=reference)
    if sold_out:
        count_stock_outs(len(sold_out))
    read_model.refresh_in_stock(sold_out)


@transactional("catalog.give_back_stock")
def release(quantities: Mapping[str, Quantities], *, reason: StockMovement.Reason) -> None:
    """``quantities`` maps each reference (an order's number) to its units by variant."""
    total: Counter[ObjectId] = Counter()
    for released in quantities.values():
        total.update(released)
    queue_for(total)
    returned = {
        variant.product_id
        for variant in Variant.objects.filter(pk__in=list(total))
        if _is_sold_out(variant) and not _is_sold_out(variant, delta=total[variant.pk])
    }
    movements = [
        StockMovement(variant_id=variant_id, delta=quantity, reason=reason, reference=reference)
        for reference, released in quantities.items()
        for variant_id, quantity in released.items()
    ]
    documents.insert(*movements)
    record_all("stock.changed", sorted(total))
    documents.bulk_write(Variant, [UpdateOne({"_id": pk}, {"$inc": {"stock": total[pk]}}) for pk in sorted(total)])
    read_model.refresh_in_stock(returned)


@transactional("catalog.adjust_stock")
def adjust(
    variant: Variant,
    *,
    delta: int | None = None,
    to: int | None = None,
    reason: StockMovement.Reason = StockMovement.Reason.ADJUSTMENT,
    note: str = "",
    reference: str = "",
) -> int:
    """Return the new stock. Raises :class:`OutOfStock` if it would be negative."""
    stored = Variant.objects.get(pk=variant.pk)
    current = stored.stock
    delta = to - current if to is not None else delta or 0
    if delta < 0 and current + delta < 0:
        raise OutOfStock(f"Only {max(current, 0)} in stock; {-delta} cannot be removed.", variants=[variant.pk])
    if delta:
        Variant.objects.filter(pk=variant.pk).update(stock=F("stock") + delta, adjustments=F("adjustments") + 1)
        _record({variant.pk: delta}, reason=reason, reference=reference, notes={variant.pk: note})
        if _is_sold_out(stored) != _is_sold_out(stored, delta=delta):
            read_model.refresh_in_stock({variant.product_id})
        staff_log.record(Action.STOCK, variant)
    variant.stock = current + delta
    return variant.stock


@transactional("catalog.adjust_stocks")
def adjust_many(
    deltas: Quantities, *, reason: StockMovement.Reason, notes: Mapping[ObjectId, str], reference: str = ""
) -> None:
    """Raises :class:`OutOfStock` with the variants deleted or too low."""
    current = Variant.objects.in_bulk(list(deltas))
    short = [pk for pk, delta in deltas.items() if pk not in current or (delta < 0 and current[pk].stock + delta < 0)]
    if short:
        raise OutOfStock(variants=short)
    changes = [UpdateOne({"_id": pk}, {"$inc": {"stock": deltas[pk], "adjustments": 1}}) for pk in sorted(deltas)]
    documents.bulk_write(Variant, changes)
    _record(deltas, reason=reason, reference=reference, notes=notes)
    read_model.refresh_in_stock(
        {
            variant.product_id
            for pk, variant in current.items()
            if _is_sold_out(variant) != _is_sold_out(variant, delta=deltas[pk])
        }
    )


def _is_sold_out(variant: Variant, *, delta: int = 0) -> bool:
    """Return whether none can be ordered, after a change of the stock by ``delta``."""
    return available_quantity(variant.stock + delta, variant.stock_policy, variant.backorder_limit) == 0


def _record(
    deltas: Quantities, *, reason: StockMovement.Reason, reference: str, notes: Mapping[ObjectId, str] | None = None
) -> None:
    documents.insert(
        *(
            StockMovement(
                variant_id=variant_id,
                delta=delta,
                reason=reason,
                reference=reference,
                note=(notes or {}).get(variant_id, ""),
            )
            for variant_id, delta in deltas.items()
        )
    )
    record_all("stock.changed", sorted(deltas))
