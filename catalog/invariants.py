from collections.abc import Iterator

from django.db.models import Count, Sum

from catalog import read_model
from catalog.models import Category, Product, ProductImage, StockMovement, Variant
from shop.audit import invariant
from shop.db import identifiers
from shop.db.fields import is_distinct_key


@invariant("stock equals the sum of its movements, and is not negative")
def stock_equals_its_movements() -> Iterator[str]:
    sums = dict(StockMovement.objects.order_by().values_list("variant").annotate(total=Sum("delta")))
    for variant in Variant.objects.order_by("id").iterator():
        moved = sums.pop(variant.pk, 0)
        if variant.stock != moved:
            yield f"{variant.sku} has {variant.stock} in stock, but its movements add up to {moved}"
        if variant.stock < 0:
            yield f"{variant.sku} has {variant.stock} in stock"
    for variant_id in sums:
        yield f"there are movements of the variant {variant_id}, which does not exist"


@invariant("no two SKUs differ in their case only")
def skus_differ_in_more_than_case() -> Iterator[str]:
    for variant in Variant.objects.order_by("id").iterator():
        if is_distinct_key(variant.sku_key):
            yield f"another variant has the SKU of {variant.sku} ({variant.pk}) in another case; rename one of them"
        elif variant.sku_key != identifiers.key(variant.sku):
            yield f"{variant.sku} has the key {variant.sku_key!r}"


@invariant("a product's list data matches its own data")
def read_model_is_current() -> Iterator[str]:
    categories = {category.pk: category for category in Category.objects.all()}
    variants = read_model.group_by_product(Variant.objects.filter(is_active=True).order_by("id"))
    images = read_model.group_by_product(ProductImage.objects.order_by("position", "id"))
    for product in Product.objects.order_by("id").iterator():
        expected = read_model.fields(
            product,
            category=categories.get(product.category_id),
            variants=variants[product.pk],
            images=images[product.pk],
        )
        for name, value in expected.items():
            if getattr(product, name) != value:
                yield f"{product.slug}: {name} is {getattr(product, name)!r} and should be {value!r}"


@invariant("a category counts its active products")
def categories_count_their_products() -> Iterator[str]:
    counted = Product.objects.active().order_by().values_list("category").annotate(products=Count("id"))
    products = dict(counted)
    for category in Category.objects.order_by("path"):
        if category.active_products != products.get(category.pk, 0):
            yield f"{category.slug} counts {category.active_products} products, but has {products.get(category.pk, 0)}"
