from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Sum
from django.utils import timezone

from catalog import read_model
from catalog.availability import StockPolicy
from catalog.collections.models import Collection, CollectionItem
from catalog.models import Category, Product, ProductImage, StockMovement, Variant
from catalog.redirects import Kind, SlugRedirect
from catalog.sales import PricePlan
from catalog.typing_errors import stored_keys
from catalog.vocabulary.models import SearchWord
from shop.audit import Window, invariant, invariant_over
from shop.db import documents, identifiers
from shop.db.fields import is_distinct_key

STOCK = "stock equals the sum of its movements, and is negative only if the policy allows it"


@invariant_over(Variant, STOCK)
def stock_equals_its_movements(variants: Window[Variant]) -> Iterator[str]:
    movements = StockMovement.objects.filter(variant__in=[variant.pk for variant in variants]).order_by()
    sums = dict(movements.values_list("variant").annotate(total=Sum("delta")))
    for variant in variants:
        moved = sums.get(variant.pk, 0)
        if variant.stock != moved:
            yield f"{variant.sku} has {variant.stock} in stock, but its movements add up to {moved}"
        if variant.stock < 0 and variant.stock_policy == StockPolicy.DENY:
            yield f"{variant.sku} has {variant.stock} in stock"


@invariant_over(StockMovement, STOCK)
def movements_have_their_variant(movements: Window[StockMovement]) -> Iterator[str]:
    variants = {movement.variant_id for movement in movements}
    for variant in variants - documents.known_values(Variant, "_id", variants):
        yield f"there are movements of the variant {variant}, which does not exist"


@invariant_over(Variant, "no two SKUs differ in their case only")
def skus_differ_in_more_than_case(variants: Window[Variant]) -> Iterator[str]:
    for variant in variants:
        if is_distinct_key(variant.sku_key):
            yield f"another variant has the SKU of {variant.sku} ({variant.pk}) in another case; rename one of them"
        elif variant.sku_key != identifiers.key(variant.sku):
            yield f"{variant.sku} has the key {variant.sku_key!r}"


@invariant_over(Product, "a product's list data matches its own data")
def read_model_is_current(products: Window[Product]) -> Iterator[str]:
    pks = [product.pk for product in products]
    categories = read_model.categories_of(products)
    in_window = {"product_id": {"$in": pks}}
    # Sorted here: to sort by key MongoDB would rather scan all variants.
    variants = documents.views(Variant, [{"$match": {**in_window, "is_active": True}}])
    variants_of = read_model.group_by_product(sorted(variants, key=lambda variant: variant.pk))
    images = documents.views(ProductImage, [{"$match": in_window}])
    images_of = read_model.group_by_product(sorted(images, key=lambda image: (image.position, image.pk)))
    now = timezone.now()
    for product in products:
        expected = read_model.fields(
            product,
            categories=categories,
            variants=variants_of[product.pk],
            images=images_of[product.pk],
            moment=_moment_of(product, now),
        )
        for name, value in expected.items():
            if getattr(product, name) != value:
                yield f"{product.slug}: {name} is {getattr(product, name)!r} and should be {value!r}"


@invariant_over(Variant, "a variant's images are those of its product")
def variants_have_images_of_their_product(variants: Window[Variant]) -> Iterator[str]:
    wanted = {pk for variant in variants for pk in variant.images}
    owners = dict(ProductImage.objects.filter(pk__in=wanted).values_list("pk", "product")) if wanted else {}
    for variant in variants:
        if any(owners.get(pk) != variant.product_id for pk in variant.images):
            yield f"{variant.sku} has an image that is not its product's"


@invariant_over(SearchWord, "a word of the search's vocabulary is found by words like it")
def vocabulary_has_its_keys(words: Window[SearchWord]) -> Iterator[str]:
    for word in words:
        if word.keys != stored_keys(word.word):
            yield f"the word {word.word} has outdated keys; delete it, and the worker adds it again"


@invariant("a category counts its active products")
def categories_count_their_products() -> Iterator[str]:
    shared = {"$gt": [{"$size": {"$ifNull": ["$additional_categories", []]}}, 0]}
    counted_in = {
        "$cond": [
            shared,
            {"$map": {"input": "$category_lineage", "in": {"pk": "$$this", "field": "shared_products"}}},
            [{"pk": "$category_id", "field": "active_products"}],
        ]
    }
    pipeline = [
        {"$match": {"is_active": True}},
        {"$project": {"counted_in": counted_in}},
        {"$unwind": "$counted_in"},
        {"$group": {"_id": "$counted_in", "products": {"$sum": 1}}},
    ]
    products = {
        (row["_id"].get("pk"), row["_id"]["field"]): row["products"] for row in documents.iterate(Product, pipeline)
    }
    for category in Category.objects.order_by("path"):
        for field in ("active_products", "shared_products"):
            counted, has = getattr(category, field), products.get((category.pk, field), 0)
            if counted != has:
                yield f"{category.slug} counts {counted} {field.replace('_', ' ')}, but has {has}"


PLACES = "a product has one place in each of its collections, and in no other"


@invariant_over(Product, PLACES)
def products_have_their_places(products: Window[Product]) -> Iterator[str]:
    places = defaultdict(list)
    items = CollectionItem.objects.filter(product__in=[product.pk for product in products]).order_by()
    for product_id, collection in items.values_list("product", "collection"):
        places[product_id].append(collection)
    for product in products:
        if sorted(product.collections) != sorted(places[product.pk]):
            yield f"{product.slug} is in collections {product.collections}, but has places in {places[product.pk]}"


@invariant_over(CollectionItem, PLACES)
def places_have_their_product(items: Window[CollectionItem]) -> Iterator[str]:
    products = {item.product_id for item in items}
    for product in products - documents.known_values(Product, "_id", products):
        yield f"there are places in collections of the product {product}, which does not exist"


@invariant_over(SlugRedirect, "a redirect from a former slug has its object")
def redirects_have_their_object(redirects: Window[SlugRedirect]) -> Iterator[str]:
    for kind, model in ((Kind.PRODUCT, Product), (Kind.CATEGORY, Category), (Kind.COLLECTION, Collection)):
        targets = {redirect.target for redirect in redirects if redirect.kind == kind}
        for target in targets - documents.known_values(model, "_id", targets):
            yield f"there are redirects to the {kind} {target}, which does not exist"


def _moment_of(product: Product, now: datetime) -> datetime:
    """Return a moment at which the stored prices apply, though a worker may be late."""
    due = product.next_price_at
    return now if due is None or due > now else due - timedelta(milliseconds=1)


@invariant_over(Variant, "a variant's price and sale are in the history of prices")
def prices_are_recorded(variants: Window[Variant]) -> Iterator[str]:
    for variant in variants:
        recorded = PricePlan.parse(variant.recorded_plan)
        if variant.is_active and recorded not in (None, variant.price_plan):
            yield f"{variant.sku} has the prices {variant.price_plan}, of which {recorded} are recorded"
