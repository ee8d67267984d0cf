"""``manage.py seed``, and error messages of ``manage.py demo``."""

import io
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum
from PIL import Image

from accounts.models import Address, User
from cart.models import Cart
from cart.promotions.models import Promotion
from catalog import images, read_model, services
from catalog.models import Category, Product, ProductImage, StockMovement, Variant
from orders.models import ShippingMethod, ShippingZone, TaxRate
from shop.db.transactions import transactional
from shop.dev.demo import bench, journey, seeding
from shop.dev.demo.products import CATEGORIES, PRODUCTS
from shop.dev.demo.products.model import MEDIA
from shop.dev.demo.visit import MUG
from shop.dev.management.commands import seed as seed_command
from shop.dev.testing.images import stored_images
from shop.media.urls import SIZES, derived_name

# Some with variants, one that is sold out, and what the demo's journey needs.
A_FEW = tuple(
    product for product in PRODUCTS if product.slug in {*journey.PRODUCTS, "pond-side-table", "harvest-hoodie"}
)


@pytest.fixture(autouse=True)
def _small_shop(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> None:
    """A few of the products, in a media folder of the test's own."""
    monkeypatch.setattr(seed_command, "PRODUCTS", A_FEW)
    settings.MEDIA_ROOT = tmp_path
    # As with `make run`; the test runner disables DEBUG.
    settings.DEBUG = True


def seed(**options: int) -> str:
    output = io.StringIO()
    call_command("seed", stdout=output, **options)
    return output.getvalue()


def dump_database() -> dict[str, list[dict]]:
    """All documents of the database, but for what migrations made."""
    database = connection.database
    names = [name for name in database.list_collection_names() if not name.startswith(("django_", "auth_", "system."))]
    return {name: list(database[name].find().sort("_id")) for name in sorted(names)}


# --- The demo ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_demo_is_complete_and_the_second_run_changes_nothing():
    seed()
    once = dump_database()
    files = stored_images("products")

    output = seed()

    assert dump_database() == once
    assert stored_images("products") == files
    assert "nothing was changed" in output
    there_are_products_terms_and_people()
    pictures_are_files_with_their_thumbnails()
    read_model_and_ledger_are_what_the_services_keep()


def there_are_products_terms_and_people() -> None:
    assert Product.objects.active().count() == len(A_FEW)
    assert Category.objects.count() == len(CATEGORIES)
    methods = {method.code: method for method in ShippingMethod.objects.all()}
    assert set(methods) == {"standard", "express", "pickup", "pickup-hamburg"}
    assert (methods["pickup"].pickup_city, methods["pickup"].pickup_country) == ("Berlin", "DE")
    assert ShippingZone.objects.count() == 5
    assert methods["standard"].rates.count() == 9
    assert dict(TaxRate.objects.filter(country="DE").values_list("tax_class", "rate")) == {"standard": 19, "reduced": 7}
    assert TaxRate.objects.get(country="US", state="CA").rate == Decimal("7.25")
    assert Promotion.objects.get(code="WELCOME10").value == Decimal(10)
    mugs = Promotion.objects.get(name="3 for 2 mugs")
    assert (mugs.automatic, mugs.targets) == (True, [Category.objects.get(slug="mugs-cups").pk])
    staff = authenticate(username="staff@example.com", password="staff-demo-password")
    assert staff.is_superuser
    assert staff.is_staff
    customer = authenticate(username="customer@example.com", password="customer-demo-password")
    assert not customer.is_staff
    assert list(Address.objects.owned_by(customer).order_by("pk").values_list("company", "is_default")) == [
        ("", True),
        ("Lindenstudio GmbH", False),
    ]


def read_model_and_ledger_are_what_the_services_keep() -> None:
    for product in Product.objects.all():
        before = connection.database["catalog_product"].find_one({"_id": product.pk}, {"updated_at": 0, "edited_at": 0})
        transactional("tests.refresh")(read_model.refresh)(product.pk)
        assert (
            connection.database["catalog_product"].find_one({"_id": product.pk}, {"updated_at": 0, "edited_at": 0})
            == before
        )
    for variant in Variant.objects.all():
        moved = StockMovement.objects.filter(variant=variant).aggregate(sum=Sum("delta"))["sum"] or 0
        assert variant.stock == moved, variant.sku
    assert not Product.objects.get(slug="pond-side-table").in_stock
    hoodie = Product.objects.get(slug="harvest-hoodie")
    assert {v.options["size"] for v in Variant.objects.filter(product=hoodie, stock=0)} == {"XL"}
    assert hoodie.in_stock


def pictures_are_files_with_their_thumbnails() -> None:
    for product in Product.objects.all():
        assert 2 <= len(product.pictures) <= 5
        assert len({picture["alt"] for picture in product.pictures}) == len(product.pictures)
        for picture in product.pictures:
            with default_storage.open(picture["name"]) as file:
                assert Image.open(file).size == (640, 640)
            for size in SIZES:
                assert default_storage.exists(derived_name(picture["name"], size))


@pytest.mark.django_db
def test_with_debug_off_the_demo_is_refused_and_nothing_is_written(settings):
    settings.DEBUG = False
    before = dump_database()

    with pytest.raises(CommandError, match="DEBUG=1"):
        seed()

    assert dump_database() == before
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_run_that_was_killed_is_completed_by_the_next_one(monkeypatch):
    add_image, create_product = images.add_image, services.create_product
    added, created = [], []

    def dies_at_the_third_product(**kwargs: Any) -> Product:
        if len(created) == 2:
            raise KeyboardInterrupt
        created.append(kwargs)
        return create_product(**kwargs)

    def dies_at_the_fourth_picture(**kwargs: Any) -> ProductImage:
        if len(added) >= 3:
            raise RuntimeError("killed")
        added.append(kwargs)
        return add_image(**kwargs)

    monkeypatch.setattr(services, "create_product", dies_at_the_third_product)
    with pytest.raises(KeyboardInterrupt):
        seed()
    monkeypatch.setattr(services, "create_product", create_product)
    monkeypatch.setattr(images, "add_image", dies_at_the_fourth_picture)
    with pytest.raises(RuntimeError, match="killed"):
        seed()
    assert 0 < ProductImage.objects.count() <= 4
    monkeypatch.setattr(images, "add_image", add_image)

    seed()

    assert set(Product.objects.values_list("slug", flat=True)) == {product.slug for product in A_FEW}
    for product in A_FEW:
        row = Product.objects.get(slug=product.slug)
        wanted = [picture.alt for picture in product.pictures()]
        assert sorted(picture["alt"] for picture in row.pictures) == sorted(wanted)
        assert row.variants.count() == len(product.data()["variants"])


def test_every_product_has_what_the_shop_needs_and_small_pictures():
    assert 24 <= len(PRODUCTS) <= 36
    assert len({product.slug for product in PRODUCTS}) == len(PRODUCTS)
    skus = [variant["sku"] for product in PRODUCTS for variant in product.data()["variants"]]
    assert len(set(skus)) == len(skus)
    known = {category.slug for category in CATEGORIES}
    for product in PRODUCTS:
        assert product.category in known
        pictures = product.pictures()
        assert 2 <= len(pictures) <= 5
        assert len({picture.alt for picture in pictures}) == len(pictures)
        for picture in pictures:
            assert Image.open(picture.path).size == (640, 640)
            assert picture.path.stat().st_size <= 20_000
    assert {folder.name for folder in MEDIA.iterdir()} == {product.slug for product in PRODUCTS}


def test_prices_follow_the_currency(settings):
    settings.CURRENCY = "jpy"
    mug = next(product for product in PRODUCTS if product.slug == MUG)

    assert {str(variant["price"]) for variant in mug.data()["variants"]} == {"2400"}


# --- The benchmark's catalog ------------------------------------------------------------------------------------------


def documents_of_product(slug: str) -> dict[str, list[dict]]:
    """A product's documents, without what differs at every writing: ids and times, whose kinds are compared."""
    product = Product.objects.get(slug=slug)
    variants = [variant.pk for variant in product.variants.all()]
    database = connection.database
    found = {
        "product": list(database["catalog_product"].find({"_id": product.pk})),
        "variants": list(database["catalog_variant"].find({"product_id": product.pk})),
        "images": list(database["catalog_productimage"].find({"product_id": product.pk}).sort("position")),
        "movements": list(database["catalog_stockmovement"].find({"variant_id": {"$in": variants}})),
    }
    changing = {"_id", "product_id", "variant_id", "created_at", "updated_at", "edited_at"}
    for documents in found.values():
        for document in documents:
            for name in changing & document.keys():
                document[name] = type(document[name])
            for picture in document.get("pictures", ()):
                picture["id"] = len(picture["id"])
    return found


@pytest.mark.django_db
def test_bench_documents_are_those_that_the_services_write():
    seed(products=40, categories=3, images=3, users=0)
    in_bulk = documents_of_product("product-38")
    category = Category.objects.get(slug="category-2")
    Product.objects.all().delete()

    product = services.create_product(
        data={
            "name": "Product 38 for the bench",
            "slug": "product-38",
            "description": "The 38th product. " * 12,
            "category": category,
            "sku": "SKU-38",
            "price": Decimal(38 * 7919 % 100_000) / 100 + 1,
            "stock": 1_000_000_000,
        }
    )
    for position in range(3):
        images._add_image(
            product_id=product.pk,
            name=f"products/38-{position}.jpg",
            alt=f"Product 38, view {position}",
            dimensions=(1200, 900),
        )

    for kind, documents in documents_of_product("product-38").items():
        for bulk, written in zip(in_bulk[kind], documents, strict=True):
            assert {name: value for name, value in bulk.items() if written.get(name) != value} == {}, kind
            assert bulk.keys() == written.keys()


@pytest.mark.django_db
def test_bench_catalog_is_complete_and_the_second_run_changes_nothing():
    seed(products=70, categories=20, images=3, users=2)
    once = dump_database()

    seed(products=70, categories=20, images=3, users=2)

    assert dump_database() == once
    assert Product.objects.count() == 70
    assert Category.objects.count() == 20
    assert set(StockMovement.objects.values_list("delta", flat=True)) == {1_000_000_000}
    assert StockMovement.objects.count() == Variant.objects.count() == 70
    assert Product.objects.get(slug="product-21").category_slug == "category-1"
    user = authenticate(username="bench1@example.com", password="bench-password-1")
    skus = dict(Variant.objects.values_list("pk", "sku"))
    lines = [(skus[line.variant], line.quantity) for line in Cart.objects.get(user=user).lines]
    assert lines == [("SKU-3", 1), ("SKU-4", 2), ("SKU-5", 3)]


@pytest.mark.django_db
def test_bench_run_that_was_killed_leaves_whole_products_and_is_completed(monkeypatch):
    monkeypatch.setattr(bench, "BATCH", 10)
    insert = bench._insert

    def dies_in_the_second_batch(rows: dict) -> None:
        if any(document["slug"] == "product-15" for document in rows[Product]):
            raise RuntimeError("killed")
        insert(rows)

    monkeypatch.setattr(bench, "_insert", dies_in_the_second_batch)
    with pytest.raises(RuntimeError, match="killed"):
        seed(products=45, categories=2, images=1, users=0)
    left = Product.objects.count()
    assert left % 5 == 0
    assert Variant.objects.count() == StockMovement.objects.count() == ProductImage.objects.count() == left
    monkeypatch.setattr(bench, "_insert", insert)

    seed(products=45, categories=2, images=1, users=0)

    assert Product.objects.count() == Variant.objects.count() == StockMovement.objects.count() == 45


def test_bench_sizes_without_products_are_refused():
    with pytest.raises(CommandError, match="--products"):
        seed(users=3)


# --- The journey's command --------------------------------------------------------------------------------------------


def test_demo_without_a_running_shop_is_one_error_message():
    with pytest.raises(CommandError, match=r"Nothing answers at http://127.0.0.1:9 .*make run"):
        call_command("demo", url="http://127.0.0.1:9", stdout=io.StringIO())


def test_demo_is_refused_with_live_keys(settings):
    settings.STRIPE_SECRET_KEY = "sk_live_0123456789"

    with pytest.raises(CommandError, match="test key"):
        call_command("demo", stdout=io.StringIO())


@pytest.mark.django_db
def test_progress_is_shown():
    ticks = []
    seeding.seed_categories()

    seeding.seed_products(A_FEW, tick=lambda done, total: ticks.append((done, total)))

    assert ticks == [(number, len(A_FEW)) for number in range(1, len(A_FEW) + 1)]
