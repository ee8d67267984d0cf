"""Progress of a call with an ``Idempotency-Key``, which a repeated call takes up where the first one ended."""

from collections.abc import Callable, Sequence

from django.db import IntegrityError
from django.utils import timezone

from catalog.bulk.models import BulkProgress
from catalog.bulk.results import Outcome
from shop.api import idempotency
from shop.db import documents
from shop.db.transactions import transactional


class Progress:
    def __init__(self) -> None:
        self._key = idempotency.work_of_claim()
        self._done = 0
        self.outcomes: list[Outcome] = []
        if self._key:
            self._resume()

    def _resume(self) -> None:
        try:
            BulkProgress(id=self._key, expires_at=timezone.now() + idempotency.KEPT_FOR).save(force_insert=True)
        except IntegrityError:
            stored = BulkProgress.objects.get(pk=self._key)
            self._done, self.outcomes = stored.done, list(map(Outcome.stored, stored.results))

    def write(self, work: Callable[[], list[Outcome]]) -> None:
        """Run ``work`` and store its outcomes, in one transaction. Raises ``ClaimLost``."""
        outcomes = self._write(work)
        self.outcomes += outcomes
        self._done += len(outcomes)

    @transactional("catalog.bulk")
    def _write(self, work: Callable[[], list[Outcome]]) -> list[Outcome]:
        outcomes = work()
        self._store(outcomes)
        return outcomes

    def _store(self, outcomes: Sequence[Outcome]) -> None:
        """A call that took over an expired claim conflicts here."""
        if not self._key:
            return
        change = {
            "$set": {"done": self._done + len(outcomes)},
            "$push": {"results": {"$each": [outcome.shown() for outcome in outcomes]}},
        }
        if not documents.update_one(BulkProgress, {"_id": self._key, "done": self._done}, change):
            raise idempotency.ClaimLost

    @transactional("catalog.finish_bulk")
    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Keep the results of all rows for repeated calls. Raises ``ClaimLost``."""
        if not self._key:
            return
        results = [outcome.shown() for outcome in sorted(outcomes, key=lambda outcome: outcome.index)]
        BulkProgress.objects.filter(pk=self._key).update(results=results, done=len(results))
        idempotency.finish(status=200, reference=self._key)
