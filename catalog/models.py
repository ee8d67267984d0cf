"""Products include a read model of all that lists show, so that a list is one query."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ArrayField, ObjectIdField

from catalog.attributes import validate_attributes, validate_option_order
from catalog.availability import StockPolicy, available_quantity, validate_barcode
from catalog.bulk.models import BulkProgress  # noqa: F401 (registers the model)
from catalog.collections.models import Collection, CollectionItem  # noqa: F401 (registers the models)
from catalog.importing.models import ImportPart, ImportRun, ImportStep  # noqa: F401 (registers the models)
from catalog.price_history import PriceRecord  # noqa: F401
from catalog.redirects import SlugRedirect  # noqa: F401
from catalog.sales import RecordedPlanField, SalePriced
from catalog.seo import seo_description_field, seo_title_field
from catalog.slugs import validate_slug_not_reserved
from catalog.tags import LONGEST_TAG, validate_tags
from catalog.tax_classes import TaxClass
from catalog.vocabulary.models import SearchWord  # noqa: F401 (registers the model)
from shop.db import identifiers
from shop.db.fields import CodeField, KeyField, LabelField, LabelsField, LowerSlugField, OptionsField, TagsField
from shop.db.money_fields import money_field

# Before all times.
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
SEARCH_INDEX = "product_search"
# A product is written in one transaction.
MAX_VARIANTS = 100
MAX_VARIANT_IMAGES = 50
# In grams.
MAX_WEIGHT = 10_000_000


class CategoryQuerySet(models.QuerySet["Category"]):
    def bump_revision(self) -> int:
        """Make concurrent transactions on these categories conflict. Call it before writing data derived from them."""
        return self.update(revision=models.F("revision") + 1)


class Category(models.Model):
    name = models.CharField(max_length=120)
    slug = LowerSlugField(max_length=140, unique=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    # Slugs from the root to this category, joined by "/".
    path = models.CharField(max_length=1000, editable=False, default="")
    # Ids from the root to this category, inclusive.
    lineage = ArrayField(ObjectIdField(), default=list, editable=False)
    position = models.PositiveIntegerField(default=0, help_text="Sort order (lowest first).")
    seo_title = seo_title_field()
    seo_description = seo_description_field()
    revision = models.PositiveIntegerField(default=0, editable=False)
    # Products of this category only, without descendants; written by `catalog.read_model`.
    active_products = models.IntegerField(default=0, editable=False)
    # Products of several categories, of which this or a descendant is one.
    shared_products = models.IntegerField(default=0, editable=False)
    # Set by `catalog.categories.count_products`.
    product_count: int

    objects = CategoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "categories"
        indexes = [
            models.Index(fields=["path"], name="category_path"),
        ]

    def __str__(self) -> str:
        return self.name


class ProductQuerySet(models.QuerySet["Product"]):
    def active(self) -> "ProductQuerySet":
        return self.filter(is_active=True)


class Product(models.Model):
    name = models.CharField(max_length=200)
    slug = LowerSlugField(max_length=220, unique=True, validators=[validate_slug_not_reserved])
    description = models.TextField(blank=True, max_length=20_000)
    # Indexed by "product_of_category".
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.PROTECT, related_name="products", db_index=False
    )
    # Ids; the product is also found in these categories and their ancestors.
    additional_categories = ArrayField(ObjectIdField(), default=list, blank=True)
    brand = LabelField(max_length=100, blank=True, default="")
    tags = TagsField(models.CharField(max_length=LONGEST_TAG), default=list, blank=True, validators=[validate_tags])
    # Ids of collections, in which `CollectionItem` has the product's place.
    collections = ArrayField(ObjectIdField(), default=list, blank=True)
    compare_at_price = money_field(null=True, blank=True, help_text="The original price, shown struck through.")
    is_active = models.BooleanField("active", default=True, help_text="Inactive products are neither shown nor sold.")
    free_shipping = models.BooleanField(
        default=False, help_text="Neither its weight nor its price counts for the price of shipping."
    )
    tax_class = models.CharField(max_length=10, choices=TaxClass, default=TaxClass.STANDARD)
    seo_title = seo_title_field()
    seo_description = seo_description_field()
    attributes = LabelsField(default=dict, blank=True, validators=[validate_attributes])
    # The order in which `options` shows names and values: [{"name": "size", "values": ["S", "M"]}].
    option_order = OptionsField("option order", default=list, blank=True, validators=[validate_option_order])
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # When an item of the list last changed, for clients that poll `updated_since`: never before the write.
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    # By staff; of a bulk change when it was requested. Null in documents of earlier releases.
    edited_at = models.DateTimeField(null=True, editable=False)

    # The read model, written by `catalog.read_model` only.
    category_name = models.CharField(max_length=120, blank=True, editable=False)
    category_slug = models.CharField(max_length=140, blank=True, editable=False)
    category_lineage = ArrayField(ObjectIdField(), default=list, editable=False)
    brand_slug = models.CharField(max_length=140, blank=True, default="", editable=False)
    # The category whose `active_products` includes this product, or those whose `shared_products` do.
    counted_in = ObjectIdField(null=True, editable=False)
    shared_in = ArrayField(ObjectIdField(), default=list, editable=False)
    # The collections in which the product has a place.
    placed_in = ArrayField(ObjectIdField(), default=list, editable=False)
    # See `catalog.search_terms`.
    sort_name = models.CharField(max_length=200, blank=True, editable=False)
    search_words = ArrayField(models.CharField(max_length=250), default=list, editable=False)
    search_beginnings = ArrayField(models.CharField(max_length=250), default=list, editable=False)
    # "name=value" with normalized values, so that one index serves all names.
    attribute_pairs = ArrayField(models.CharField(max_length=250), default=list, editable=False)
    # See `catalog.options`; only `option_pairs`, which sales do not change, has an index.
    options = models.JSONField(default=list, editable=False)
    option_pairs = ArrayField(models.CharField(max_length=250), default=list, editable=False)
    combinations = models.JSONField(default=list, editable=False)
    # The lowest and highest price of the active variants.
    price = money_field(default=Decimal(0), editable=False)
    price_max = money_field(default=Decimal(0), editable=False)
    # The cheapest variant's own price while it is on sale; when a price changes next, see `catalog.due_prices`.
    regular_price = money_field(null=True, editable=False)
    next_price_at = models.DateTimeField(null=True, editable=False)
    in_stock = models.BooleanField(default=False, editable=False)
    stock_flips = models.PositiveIntegerField(default=0, editable=False)
    # [{"id", "name" (in the default storage), "alt", "width", "height" (if known)}] by position.
    pictures = models.JSONField(default=list, editable=False)
    # Visible reviews only.
    rating_count = models.PositiveIntegerField(default=0, editable=False)
    rating_sum = models.PositiveIntegerField(default=0, editable=False)
    rating_average = models.DecimalField(max_digits=3, decimal_places=2, null=True, editable=False)
    sales = models.PositiveIntegerField(default=0, editable=False, help_text="Units sold.")

    objects = ProductQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["category", "id"], name="product_of_category"),
            models.Index(fields=["additional_categories", "id"], name="product_of_more_categories"),
            models.Index(fields=["is_active", "-created_at", "-id"], name="product_newest"),
            models.Index(fields=["is_active", "price", "id"], name="product_price"),
            models.Index(fields=["is_active", "sort_name", "id"], name="product_name"),
            models.Index(fields=["is_active", "-sales", "-id"], name="product_sales"),
            models.Index(fields=["is_active", "in_stock", "-created_at", "-id"], name="product_in_stock"),
            models.Index(fields=["is_active", "category_lineage", "-created_at", "-id"], name="product_category"),
            models.Index(fields=["is_active", "category_lineage", "price", "id"], name="product_category_price"),
            models.Index(fields=["is_active", "attribute_pairs", "-created_at", "-id"], name="product_attribute"),
            models.Index(fields=["is_active", "option_pairs", "-created_at", "-id"], name="product_option"),
            models.Index(fields=["is_active", "brand_slug", "-created_at", "-id"], name="product_brand"),
            models.Index(fields=["is_active", "tags", "-created_at", "-id"], name="product_tag"),
            models.Index(fields=["is_active", "collections", "-created_at", "-id"], name="product_collection"),
            models.Index(fields=["is_active", "-updated_at", "-id"], name="product_updated_since"),
            models.Index(
                fields=["next_price_at"], condition=models.Q(next_price_at__gt=NO_TIME), name="product_prices_due"
            ),
            models.Index(fields=["is_active", "search_beginnings", "-created_at", "-id"], name=SEARCH_INDEX),
        ]

    def __str__(self) -> str:
        return self.name


class VariantQuerySet(models.QuerySet["Variant"]):
    def active(self) -> "VariantQuerySet":
        return self.filter(is_active=True)

    def with_skus(self, skus: Iterable[str]) -> "VariantQuerySet":
        """Filter by SKU, ignoring case."""
        skus = list(skus)
        return self.filter(models.Q(sku_key__in=[identifiers.key(sku) for sku in skus]) | models.Q(sku__in=skus))


class Variant(SalePriced, models.Model):
    """A product has at least one variant."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    sku = CodeField("SKU", max_length=64, unique=True)
    sku_key = KeyField(of="sku", unique=True)
    # {"size": "M"}; empty for a simple product.
    options = LabelsField(default=dict, blank=True, validators=[validate_attributes])
    price = money_field()
    weight = models.PositiveIntegerField(
        "weight in g", null=True, blank=True, validators=[MaxValueValidator(MAX_WEIGHT)]
    )
    sale_price = money_field(null=True, blank=True)
    sale_starts_at = models.DateTimeField(null=True, blank=True)
    sale_ends_at = models.DateTimeField(null=True, blank=True)
    # Written by `catalog.read_model`: see `catalog.price_history`.
    recorded_plan = RecordedPlanField(max_length=200, default="", blank=True, editable=False)
    lowest_before_price = money_field(null=True, editable=False)
    lowest_before_sale = money_field(null=True, editable=False)
    # Ids of the product's images, the first of which represents the variant; see `catalog.images`.
    images = ArrayField(ObjectIdField(), default=list, blank=True, editable=False)
    # Not unique: several packages of an article may have the same.
    barcode = CodeField(
        max_length=14, blank=True, default="", validators=[validate_barcode], help_text="GTIN (EAN, UPC)."
    )
    cost = money_field(null=True, blank=True, help_text="Only staff see it.")
    # The sum of the variant's movements, negative for units that are owed; written by `catalog.stock` only.
    stock = models.BigIntegerField(default=0, editable=False)
    stock_policy = models.CharField(max_length=10, choices=StockPolicy, default=StockPolicy.DENY)
    backorder_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(settings.MAX_QUANTITY)],
        help_text="Units that can be owed at most. Leave empty for no limit.",
    )
    expected_on = models.DateField("expected on", null=True, blank=True, help_text="Shown to buyers of a back-order.")
    # Stock changes by staff and imports, without sales.
    adjustments = models.PositiveIntegerField(default=0, editable=False)
    is_active = models.BooleanField("active", default=True)
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = VariantQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        indexes = [
            models.Index(fields=["stock", "id"], name="variant_by_stock"),
            models.Index(fields=["is_active", "-id"], name="variant_state"),
            models.Index(fields=["barcode", "id"], name="variant_barcode"),
        ]

    def __str__(self) -> str:
        return f"{self.sku} ({self.label})" if self.options else self.sku

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        if update_fields is not None and "sku" in update_fields:
            update_fields = {*update_fields, "sku_key"}
        super().save(*args, update_fields=update_fields, **kwargs)

    @property
    def label(self) -> str:
        return ", ".join(str(value) for value in self.options.values())

    @property
    def available_quantity(self) -> int | None:
        """Units that can be ordered, or None if there is no limit."""
        return available_quantity(self.stock, self.stock_policy, self.backorder_limit)

    @property
    def in_stock(self) -> bool:
        """Return whether it can be ordered."""
        return self.is_active and self.available_quantity != 0


class ProductImage(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="images")
    # Name in the default storage.
    name = models.CharField(max_length=255, editable=False)
    alt = models.CharField(max_length=200, blank=True, help_text="Describes the image for screen readers.")
    position = models.PositiveIntegerField(default=0)
    # In px; null for images of earlier releases until `catalog.images.measure_images` has run.
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["position", "id"]
        indexes = [models.Index(fields=["name"], name="image_name")]

    def __str__(self) -> str:
        return self.alt or self.name

    @property
    def rank(self) -> int:
        """Return the zero-based rank; ``position`` may have gaps and duplicates."""
        before = models.Q(position__lt=self.position) | models.Q(position=self.position, pk__lt=self.pk)
        return ProductImage.objects.filter(before, product=self.product_id).count()


class StockMovement(models.Model):
    class Reason(models.TextChoices):
        INITIAL = "initial", "Initial stock"
        ADJUSTMENT = "adjustment", "Staff adjustment"
        IMPORT = "import", "Import"
        ORDER = "order", "Order placed"
        CANCELLATION = "cancellation", "Order cancelled"
        EXPIRY = "expiry", "Order expired"
        RESTOCK = "restock", "Restocked after a refund"
        RETURN = "return", "Returned"

    # Their reference is the order's number.
    ORDER_REASONS = (Reason.ORDER, Reason.CANCELLATION, Reason.EXPIRY, Reason.RESTOCK, Reason.RETURN)

    variant = models.ForeignKey(Variant, on_delete=models.CASCADE, related_name="movements", db_index=False)
    delta = models.BigIntegerField()
    reason = models.CharField(max_length=20, choices=Reason)
    note = models.CharField(max_length=200, blank=True)
    # Order number or user id; empty in a sum (see `catalog.movement_sums`).
    reference = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["reference", "-id"], name="movement_of"),
            models.Index(fields=["variant", "-id"], name="movement_variant"),
            models.Index(fields=["reason", "-id"], name="movement_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.delta:+d} {self.get_reason_display()}"
