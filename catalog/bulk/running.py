from collections import deque
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError

from catalog.bulk.errors import RowChangedConcurrently, RowNotProcessed
from catalog.bulk.progress import Progress
from catalog.bulk.results import Outcome, Row, refused
from shop.api.errors import DatabaseUnavailable, ShopError
from shop.api.idempotency import RequestInProgress
from shop.db.deadline import database_seconds_left
from shop.db.transactions import TransactionContention

# Rows wait for the next call once less database time than this is left, or this time has passed.
DATABASE_SECONDS_KEPT = 1.5
MAX_SECONDS = 20.0

# Called in a transaction with rows, and with the indexes of earlier rows by the ids of the objects they are about;
# returns an outcome per row. What it raises is about one of the rows.
Write = Callable[[Sequence[Row], Mapping[str, int]], list[Outcome]]


def write_rows(rows: Sequence[Row], write: Write, *, at_once: int, progress: Progress) -> list[Outcome]:
    """Write rows in transactions of at most ``at_once``; a half that cannot be written is halved again.

    So each row succeeds or fails alone. Raises ``DatabaseUnavailable``, and ``ClaimLost`` of an ``Idempotency-Key``.
    """
    give_up_at = monotonic() + MAX_SECONDS
    known = {outcome.index for outcome in progress.outcomes}
    left = [row for row in rows if row.index not in known]
    waiting = deque(left[start : start + at_once] for start in range(0, len(left), at_once))
    outcomes: list[Outcome] = []
    while waiting:
        batch = waiting.popleft()
        if monotonic() > give_up_at or database_seconds_left() < DATABASE_SECONDS_KEPT:
            outcomes += [refused(row, RowNotProcessed(), is_final=False) for row in batch]
            continue
        earlier = {each.id: each.index for each in progress.outcomes if each.id}
        try:
            progress.write(lambda batch=batch, earlier=earlier: write(batch, earlier))  # type: ignore[misc]
        except (DatabaseUnavailable, RequestInProgress):
            raise
        except (ShopError, IntegrityError, ObjectDoesNotExist) as error:
            if len(batch) > 1:
                half = len(batch) // 2
                waiting.extendleft((batch[half:], batch[:half]))
                continue
            shown = error if isinstance(error, ShopError) else RowChangedConcurrently()
            outcomes.append(refused(batch[0], shown, is_final=not isinstance(error, TransactionContention)))
    return [*progress.outcomes, *outcomes]
