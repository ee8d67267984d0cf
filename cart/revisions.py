"""Revisions of what prices depend on: each process caches it until the next change, see `PriceRevision`."""

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from django.db import models

from shop.db import documents
from shop.db.documents import Document
from shop.db.transactions import transactional

M = TypeVar("M", bound="Revised")

PROMOTIONS, TARIFFS = 1, 2


class PriceRevision(models.Model):
    """Each of the few rows counts the changes of one subject; a cart is read with them."""

    id = models.PositiveSmallIntegerField(primary_key=True, db_column="_id", default=PROMOTIONS)
    revision = models.PositiveBigIntegerField(default=0)

    class Meta:
        # Its name in earlier releases.
        db_table = "cart_promotionrevision"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.revision)


# Before the stages that read the subjects: these may be newer than the revision, but not older.
LOOKUP: Document = {"$lookup": {"from": PriceRevision._meta.db_table, "pipeline": [], "as": "revisions"}}


def revision_in(document: Document, subject: int) -> int:
    """Return what :data:`LOOKUP` has read."""
    return next((row.get("revision", 0) for row in document["revisions"] if row["_id"] == subject), 0)


def _count_change(subject: int) -> None:
    """Call it in the transaction of the change."""
    collection, session = documents.collection_of(PriceRevision)
    collection.update_one({"_id": subject}, {"$inc": {"revision": 1}}, upsert=True, session=session)


class RevisedQuerySet(models.QuerySet[M]):
    @transactional("cart.update_revised")
    def update(self, **values: Any) -> int:
        _count_change(self.model.revised_as)
        return super().update(**values)

    @transactional("cart.create_revised")
    def bulk_create(self, objs: Iterable[M], *args: Any, **options: Any) -> list[M]:
        rows = list(objs)
        if rows:
            _count_change(self.model.revised_as)
        return super().bulk_create(rows, *args, **options)

    @transactional("cart.delete_revised")
    def delete(self) -> tuple[int, dict[str, int]]:
        _count_change(self.model.revised_as)
        return super().delete()


class Revised(models.Model):
    """Counts its changes. One by raw queries becomes effective when the caches expire."""

    revised_as: ClassVar[int]

    class Meta:
        abstract = True

    @transactional("cart.save_revised")
    def save(self, *args: Any, **kwargs: Any) -> None:
        _count_change(self.revised_as)
        super().save(*args, **kwargs)

    @transactional("cart.delete_one_revised")
    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        _count_change(self.revised_as)
        return super().delete(*args, **kwargs)
