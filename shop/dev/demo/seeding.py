"""Create missing rows by natural key; leave existing ones unchanged."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from decimal import Decimal

from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from accounts.address_book import add_address
from accounts.models import Address, User
from cart.promotions.models import Promotion
from catalog import images, services
from catalog.categories import save_category
from catalog.collections import membership
from catalog.collections.images import FOLDER
from catalog.collections.models import Collection
from catalog.models import Category, Product, ProductImage, Variant
from catalog.vocabulary import upkeep
from orders.models import ShippingMethod, ShippingRate, ShippingZone, TaxRate
from shop import media, money
from shop.dev.demo import terms
from shop.dev.demo.products import CATEGORIES, COLLECTIONS, ON_SALE, DemoPicture, DemoProduct, shop_price
from shop.dev.demo.products.model import MEDIA

# Called with (done, total).
Tick = Callable[[int, int], None]


def seed_terms() -> int:
    """Create shipping zones and methods, tax rates and coupons; return their number."""
    return _missing_zones() + _missing_shipping() + _missing_tax_rates() + _missing_coupons()


def seed_people() -> int:
    made = 0
    for person, create in (
        (terms.STAFF, User.objects.create_superuser),
        (terms.CUSTOMER, User.objects.create_user),
    ):
        if not User.objects.filter(email=person["email"]).exists():
            create(**person, email_verified=True)
            made += 1
    customer = User.objects.get(email=terms.CUSTOMER["email"])
    if not Address.objects.owned_by(customer).exists():
        for fields in (terms.CUSTOMER_ADDRESS, terms.CUSTOMER_OFFICE):
            add_address(user=customer, fields=fields)
    return made


def seed_categories() -> int:
    known = {category.slug: category for category in Category.objects.all()}
    made = 0
    for position, (slug, name, parent) in enumerate(CATEGORIES):
        if slug not in known:
            category = Category(slug=slug, name=name, position=position, parent=known[parent] if parent else None)
            known[slug] = save_category(category=category)
            made += 1
    return made


def seed_products(products: Sequence[DemoProduct], *, tick: Tick) -> int:
    """Create products without pictures; return their number."""
    categories = {category.slug: category for category in Category.objects.all()}
    known = set(Product.objects.filter(slug__in=[product.slug for product in products]).values_list("slug", flat=True))
    # In reverse, as lists show the newest first.
    for number, product in enumerate(reversed(products), start=1):
        if product.slug not in known:
            also_in = [categories[slug].pk for slug in product.also_in]
            placed = {"category": categories[product.category], "additional_categories": also_in}
            services.create_product(data={**product.data(), **placed})
        tick(number, len(products))
    if made := len(products) - len(known):
        # The worker would do it within minutes.
        upkeep.rebuild()
    return made


def seed_collections() -> int:
    """Create collections of the products that exist."""
    known = set(Collection.objects.values_list("slug", flat=True))
    missing = [each for each in COLLECTIONS if each.slug not in known]
    for position, (slug, name, description, products) in enumerate(missing, len(known)):
        collection = Collection.objects.create(slug=slug, name=name, description=description, position=position)
        found = dict(Product.objects.filter(slug__in=products).values_list("slug", "pk"))
        membership.add_products(collection=collection, products=[found[each] for each in products if each in found])
    return len(missing)


def seed_collection_pictures() -> int:
    """Give collections without a picture one of their first product."""
    first = {each.slug: each.products[0] for each in COLLECTIONS}
    missing = list(Collection.objects.filter(slug__in=first, image=""))
    for collection in missing:
        # The second picture: the leading one is a studio shot.
        path = sorted((MEDIA / first[collection.slug]).iterdir())[1]
        image = media.prepare_image(ContentFile(path.read_bytes(), name=path.name))
        name = media.store_image(image, folder=FOLDER)
        Collection.objects.filter(pk=collection.pk).update(image=name)
    return len(missing)


def seed_sale() -> int:
    """Start a sale of two weeks on what has no sale yet; return the number of products."""
    found = list(Product.objects.filter(slug__in=ON_SALE))
    on_sale = set(Variant.objects.filter(product__in=found, sale_price__isnull=False).values_list("product", flat=True))
    products = [product for product in found if product.pk not in on_sale]
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    for product in products:
        for variant in Variant.objects.filter(product=product.pk):
            sale = {"sale_price": money.round_to_step(variant.price * 4 / 5), "sale_starts_at": today}
            services.update_variant(variant=variant, data={**sale, "sale_ends_at": today + timedelta(days=14)})
    return len(products)


def seed_pictures(products: Sequence[DemoProduct], *, tick: Tick) -> int:
    """Several products in parallel; return the number of pictures."""
    missing = list(_missing_pictures(products))
    total = sum(len(pictures) for _, pictures in missing)
    done = 0
    pool = ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1))
    try:
        work = [pool.submit(_add_pictures, *each) for each in missing]
        for finished in as_completed(work):
            done += finished.result()
            tick(done, total)
    finally:
        # Drop remaining uploads after a failure.
        pool.shutdown(cancel_futures=True)
    return total


def _missing_pictures(products: Sequence[DemoProduct]) -> Iterator[tuple[Product, list[DemoPicture]]]:
    rows = {row.slug: row for row in Product.objects.filter(slug__in=[product.slug for product in products])}
    known: dict[object, set[str]] = {}
    for owner, alt in ProductImage.objects.filter(product__in=list(rows.values())).values_list("product", "alt"):
        known.setdefault(owner, set()).add(alt)
    for product in products:
        row = rows[product.slug]
        missing = [picture for picture in product.pictures() if picture.alt not in known.get(row.pk, ())]
        if missing:
            yield row, missing


def _add_pictures(product: Product, pictures: Sequence[DemoPicture]) -> int:
    """Run in a thread of the pool."""
    try:
        for picture in pictures:
            image = media.prepare_image(ContentFile(picture.path.read_bytes(), name=picture.path.name))
            added = images.add_image(product=product, image=image, alt=picture.alt)
            for variant in Variant.objects.filter(product=product):
                if variant.options.get("colour") in picture.colours:
                    services.update_variant(variant=variant, data={"images": [*variant.images, added.pk]})
    finally:
        connection.close()
    return len(pictures)


def _missing_zones() -> int:
    known = set(ShippingZone.objects.values_list("name", flat=True))
    missing = [
        ShippingZone(
            name=zone.name,
            countries=list(zone.countries),
            states=list(zone.states),
            postal_codes=list(zone.postal_codes),
        )
        for zone in terms.ZONES
        if zone.name not in known
    ]
    ShippingZone.objects.bulk_create(missing)
    return len(missing)


def _missing_shipping() -> int:
    known = set(ShippingMethod.objects.values_list("code", flat=True))
    zones = {zone.name: zone for zone in ShippingZone.objects.all()}
    missing = [(position, method) for position, method in enumerate(terms.SHIPPING_METHODS) if method.code not in known]
    for position, method in missing:
        line1, postal_code, city, country = method.pickup or ("", "", "", "")
        row = ShippingMethod.objects.create(
            code=method.code,
            name=method.name,
            price=shop_price(method.price),
            description=method.description,
            position=position,
            is_pickup=method.pickup is not None,
            pickup_line1=line1,
            pickup_postal_code=postal_code,
            pickup_city=city,
            pickup_country=country,
        )
        rates = [
            ShippingRate(
                method=row,
                zone=zones[rate.zone],
                price=shop_price(rate.price),
                min_weight=rate.min_weight,
                max_weight=rate.max_weight,
                free_from=shop_price(rate.free_from) if rate.free_from else None,
            )
            for rate in method.rates
        ]
        ShippingRate.objects.bulk_create(rates)
    return len(missing)


def _missing_tax_rates() -> int:
    known = set(TaxRate.objects.values_list("country", "state", "tax_class"))
    missing = [
        TaxRate(
            country=country,
            state=state,
            tax_class=tax_class,
            label=terms.TAX_LABELS.get(country, "VAT"),
            rate=Decimal(rate),
            applies_to_shipping=country not in terms.SHIPPING_UNTAXED,
        )
        for country, state, tax_class, rate in terms.tax_rates()
        if (country, state, tax_class) not in known
    ]
    TaxRate.objects.bulk_create(missing)
    return len(missing)


def _missing_coupons() -> int:
    known = set(Promotion.objects.values_list("code", flat=True))
    return _create_promotions(coupon for coupon in terms.COUPONS if coupon.code not in known)


def seed_promotions() -> int:
    """Create the automatic promotions, after the categories; return their number."""
    known = set(Promotion.objects.filter(automatic=True).values_list("name", flat=True))
    return _create_promotions(each for each in terms.AUTOMATIC_PROMOTIONS if each.name not in known)


def _create_promotions(missing: Iterable[terms.DemoPromotion]) -> int:
    made = 0
    for each in missing:
        buy, get = each.quantities or (None, None)
        Promotion.objects.create(
            name=each.name,
            code=each.code,
            automatic=not each.code,
            kind=each.kind,
            value=shop_price(each.value) if each.kind == Promotion.Kind.FIXED else Decimal(each.value),
            buy_quantity=buy,
            get_quantity=get,
            applies_to="categories" if each.categories else "everything",
            targets=list(Category.objects.filter(slug__in=each.categories).values_list("pk", flat=True)),
            minimum_subtotal=shop_price(each.minimum_subtotal),
            first_order_only=each.first_order_only,
            combinable=each.combinable,
        )
        made += 1
    return made
