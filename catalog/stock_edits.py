"""Many stocks changed at once by staff, each as a sum or as a count."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bson import ObjectId

from catalog import stock
from catalog.models import StockMovement, Variant
from shop.api import idempotency
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db.transactions import queue_for, transactional


class Edit(NamedTuple):
    """Add ``amount``, which may be negative; or set the stock to it, if the stock still is ``counted_from``."""

    amount: int
    counted_from: int | None = None


@dataclass
class Result:
    """``moved`` and ``short`` map the variants that were not changed to their stock."""

    saved: dict[ObjectId, int] = field(default_factory=dict)
    # Counted while the stock changed.
    moved: dict[ObjectId, int] = field(default_factory=dict)
    # Fewer units than are to be removed.
    short: dict[ObjectId, int] = field(default_factory=dict)
    deleted: set[ObjectId] = field(default_factory=set)


@transactional("catalog.edit_stocks")
def edit_stocks(
    *, edits: Mapping[ObjectId, Edit], note: str, actor: str, form_key: Iterable[str] | None = None
) -> Result:
    """Apply what is possible, in one transaction. Edits that change nothing are neither saved nor refused.

    Raises ``FormRepeated`` if a form with this key was applied.
    """
    if form_key is not None:
        idempotency.require_first_use(*form_key)
    queue_for(edits)
    stored = Variant.objects.in_bulk(list(edits))
    result, deltas = Result(), dict[ObjectId, int]()
    for pk, edit in edits.items():
        if pk not in stored:
            result.deleted.add(pk)
            continue
        current = stored[pk].stock
        is_count = edit.counted_from is not None
        delta = edit.amount - current if is_count else edit.amount
        if not delta:
            continue
        if is_count and current != edit.counted_from:
            result.moved[pk] = current
        elif delta < 0 and current + delta < 0:
            result.short[pk] = current
        else:
            deltas[pk], result.saved[pk] = delta, current + delta
    if deltas:
        stock.adjust_many(
            deltas,
            reason=StockMovement.Reason.ADJUSTMENT,
            notes=dict.fromkeys(deltas, note),
            reference=actor,
        )
        staff_log.record(Action.STOCK, *(stored[pk] for pk in deltas))
    return result
