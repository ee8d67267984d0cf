from collections.abc import Iterator

from django.db.models import Count, Sum

from catalog import read_model
from catalog.availability import StockPolicy
from catalog.models import Category, Product, ProductImage, StockMovement, Variant
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
    categories = Category.objects.in_bulk({product.category_id for product in products if product.category_id})
    in_window = {"product_id": {"$in": pks}}
    # Sorted here: to sort by key MongoDB would rather scan all variants.
    variants = documents.views(Variant, [{"$match": {**in_window, "is_active": True}}])
    variants_of = read_model.group_by_product(sorted(variants, key=lambda variant: variant.pk))
    images = documents.views(ProductImage, [{"$match": in_window}])
    images_of = read_model.group_by_product(sorted(images, key=lambda image: (image.position, image.pk)))
    for product in products:
        expected = read_model.fields(
            product,
            category=categories.get(product.category_id),
            variants=variants_of[product.pk],
            images=images_of[product.pk],
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


@invariant("a category counts its active products")
def categories_count_their_products() -> Iterator[str]:
    counted = Product.objects.active().order_by().values_list("category").annotate(products=Count("id"))
    products = dict(counted)
    for category in Category.objects.order_by("path"):
        if category.active_products != products.get(category.pk, 0):
            yield f"{category.slug} counts {category.active_products} products, but has {products.get(category.pk, 0)}"
