"""Only this module changes stock, with a :class:`StockMovement` in the same transaction."""

from collections import Counter
from collections.abc import Mapping

from bson import ObjectId
from django.db.models import F
from pymongo import UpdateOne

from catalog import read_model
from catalog.errors import OutOfStock
from catalog.models import StockMovement, Variant
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.transactions import queue_for, transactional

Quantities = Mapping[ObjectId, int]


@transactional("catalog.take_stock")
def reserve(quantities: Quantities, *, reason: StockMovement.Reason, reference: str) -> None:
    """Raises :class:`OutOfStock` with all unavailable variants; then roll the transaction back."""
    queue_for(quantities)
    short, sold_out = set(), set()
    # Sorted, so that concurrent orders do not block each other.
    for variant_id in sorted(quantities):
        quantity = quantities[variant_id]
        enough = {"_id": variant_id, "is_active": True, "stock": {"$gte": quantity}}
        left = documents.find_one_and_update(
            Variant, enough, {"$inc": {"stock": -quantity}}, returning=("stock", "product_id")
        )
        if left is None:
            short.add(variant_id)
        elif left["stock"] == 0:
            sold_out.add(left["product_id"])
    if short:
        raise OutOfStock(variants=short)
    _record({variant_id: -quantity for variant_id, quantity in quantities.items()}, reason=reason, reference=reference)
    read_model.refresh_in_stock(sold_out)


@transactional("catalog.give_back_stock")
def release(quantities: Mapping[str, Quantities], *, reason: StockMovement.Reason) -> None:
    """``quantities`` are given by reference."""
    total: Counter[ObjectId] = Counter()
    for released in quantities.values():
        total.update(released)
    queue_for(total)
    returned = set(Variant.objects.filter(pk__in=list(total), stock=0).values_list("product", flat=True))
    movements = [
        StockMovement(variant_id=variant_id, delta=quantity, reason=reason, reference=reference)
        for reference, released in quantities.items()
        for variant_id, quantity in released.items()
    ]
    documents.insert(*movements)
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
    current = Variant.objects.values_list("stock", flat=True).get(pk=variant.pk)
    delta = to - current if to is not None else delta or 0
    if current + delta < 0:
        raise OutOfStock(f"Only {current} in stock; {-delta} cannot be removed.", variants=[variant.pk])
    if delta:
        Variant.objects.filter(pk=variant.pk).update(stock=F("stock") + delta, adjustments=F("adjustments") + 1)
        _record({variant.pk: delta}, reason=reason, reference=reference, notes={variant.pk: note})
        if 0 in (current, current + delta):
            read_model.refresh_in_stock({variant.product_id})
        staff_log.record(Action.STOCK, variant)
    variant.stock = current + delta
    return variant.stock


@transactional("catalog.adjust_stocks")
def adjust_many(
    deltas: Quantities, *, reason: StockMovement.Reason, notes: Mapping[ObjectId, str], reference: str = ""
) -> None:
    """Raises :class:`OutOfStock` with the variants deleted or too low."""
    rows = Variant.objects.filter(pk__in=list(deltas)).values_list("pk", "product", "stock")
    current = {pk: (product_id, stock) for pk, product_id, stock in rows}
    short = [pk for pk, delta in deltas.items() if pk not in current or current[pk][1] + delta < 0]
    if short:
        raise OutOfStock(variants=short)
    changes = [UpdateOne({"_id": pk}, {"$inc": {"stock": deltas[pk], "adjustments": 1}}) for pk in sorted(deltas)]
    documents.bulk_write(Variant, changes)
    _record(deltas, reason=reason, reference=reference, notes=notes)
    flipped = {product_id for pk, (product_id, stock) in current.items() if 0 in (stock, stock + deltas[pk])}
    read_model.refresh_in_stock(flipped)


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
