from django.db import models
from django.utils import timezone

from catalog.seo import seo_description_field, seo_title_field
from shop.db.fields import LowerSlugField

COLLECTION_ORDER = "collection_order"


class CollectionQuerySet(models.QuerySet["Collection"]):
    def active(self) -> "CollectionQuerySet":
        return self.filter(is_active=True)


class Collection(models.Model):
    name = models.CharField(max_length=120)
    slug = LowerSlugField(max_length=140, unique=True)
    description = models.TextField(blank=True, max_length=5_000)
    # Name in the default storage.
    image = models.CharField(max_length=255, blank=True, editable=False)
    seo_title = seo_title_field()
    seo_description = seo_description_field()
    is_active = models.BooleanField("active", default=True, help_text="Inactive collections are not shown.")
    position = models.PositiveIntegerField(default=0, help_text="Sort order (lowest first).")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        ordering = ["position", "name", "id"]

    def __str__(self) -> str:
        return self.name


class CollectionItem(models.Model):
    """A product's place in a collection; equal positions are sorted by id."""

    # Deleted in steps, see `catalog.collections.membership`.
    collection = models.ForeignKey(
        Collection, on_delete=models.DO_NOTHING, related_name="items", db_index=False, db_constraint=False
    )
    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE, related_name="collection_items")
    position = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["collection", "product"], name="one_place_in_a_collection")]
        indexes = [models.Index(fields=["collection", "position", "id", "product"], name=COLLECTION_ORDER)]

    def __str__(self) -> str:
        return f"{self.collection_id} {self.position}"
