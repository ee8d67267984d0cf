"""``manage.py seed --orders``: a shop with two years of trading."""

import io
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import KnownNetwork, TokenFamily, User
from cart.models import Cart
from cart.promotions.models import Promotion, PromotionUse
from catalog import images, services
from catalog.models import Category, Product, ProductImage, StockMovement, Variant
from conftest import PASSWORD, client_of
from orders.events import Event
from orders.invoices.models import Invoice
from orders.models import Order
from orders.reviews.models import Review
from orders.statuses import FulfilmentStatus, OrderStatus, PaymentStatus
from payments.models import Payment, Refund, StripeEvent
from shop.api.counters import RateWindow
from shop.api.idempotency import IdempotencyRecord
from shop.audit import violations
from shop.audit.staff_log import StaffAction
from shop.db.schema_state import missing_indexes
from shop.dev.demo import history, seeding
from shop.dev.demo.history.coupons import Coupons
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.mails import work
from shop.dev.testing.steps import ADDRESS, API, add_to_cart, dump_database
from shop.dev.testing.stripe_steps import deliver, pay

ORDERS = 60
WRITTEN = (
    *(
        User,
        TokenFamily,
        KnownNetwork,
        Category,
        Product,
        Variant,
        ProductImage,
        StockMovement,
        Cart,
        Promotion,
        PromotionUse,
    ),
    *(Order, Invoice, Review, Payment, Refund, StripeEvent, StaffAction, RateWindow, IdempotencyRecord),
)


@pytest.fixture(autouse=True)
def _debug(settings: Any) -> None:
    """As with `make run`; the test runner disables DEBUG."""
    settings.DEBUG = True
    settings.INVOICES_ENABLED = True
    settings.SELLER_NAME, settings.SELLER_ADDRESS = "Teller Ltd", ["1 Plate Lane"]


def seed(**options: int) -> str:
    output = io.StringIO()
    call_command("seed", stdout=output, **{"orders": ORDERS, **options})
    return output.getvalue()


# --- The shop ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_audit_finds_nothing_in_a_shop_with_orders_of_every_kind():
    output = seed(orders=120)

    assert violations() == []
    assert Order.objects.count() == 120
    assert Product.objects.count() == 48
    assert {*Order.objects.values_list("status", flat=True)} == {*OrderStatus.values}
    assert {*Order.objects.values_list("fulfilment_status", flat=True)} == {*FulfilmentStatus.values}
    statuses = {*Order.objects.values_list("payment_status", flat=True)}
    assert statuses >= {PaymentStatus.PAID, PaymentStatus.UNPAID, PaymentStatus.FAILED}
    assert {*StockMovement.objects.values_list("reason", flat=True)} == {*StockMovement.Reason.values}
    assert Order.objects.exclude(erased_at=None).exists()
    assert Order.objects.exclude(invoice=None).count() == Order.objects.exclude(paid_at=None).count()
    assert Order.objects.filter(paid_at=None, invoice=None).exists()
    kinds = {*Invoice.objects.values_list("kind", "is_for_amount")}
    assert kinds == {("invoice", False), ("credit_note", False), ("credit_note", True)}
    times = list(
        Invoice.objects.filter(kind="invoice").order_by("series", "sequence").values_list("issued_at", flat=True)
    )
    assert times == sorted(times)
    assert f"{history.REGULAR} has 1 orders" in output


@pytest.mark.django_db
def test_the_regular_customer_reads_the_orders_and_staff_reads_all():
    seed(orders=200)
    customer = client_of(None)
    reply = customer.post(f"{API}/auth/login/", {"email": history.REGULAR, "password": history.PASSWORD})
    customer.credentials(HTTP_AUTHORIZATION=f"Bearer {reply.json()['access']}")

    own = customer.get(f"{API}/orders/").json()["results"]
    assert len(own) == 2
    for order in own:
        shown = customer.get(f"{API}/orders/{order['number']}/").json()
        assert shown["number"] == order["number"]
        assert shown["lines"]
        assert shown["timeline"][0]["event"] == Event.PLACED
    staff = client_of(User.objects.get(email="staff@example.com"))
    assert staff.get(f"{API}/orders/").status_code == 200
    product = Product.objects.active().order_by("-sales").first()
    assert client_of(None).get(f"{API}/products/{product.slug}/").json()["name"] == product.name


@pytest.mark.django_db
def test_every_list_of_the_admin_opens():
    seed()
    browser = browser_of(User.objects.get(email="staff@example.com"))

    for model in admin.site._registry:
        reply = browser.get(url_of(model._meta.label_lower))
        assert reply.status_code in (200, 302), model


# --- Its rows ---------------------------------------------------------------------------------------------------------


def types_of(documents: Iterable[dict[str, Any]]) -> dict[str, set[str]]:
    """The BSON types of all fields, by path; those of free keys under their parent's."""
    found: defaultdict[str, set[str]] = defaultdict(set)

    def add(path: str, value: Any) -> None:
        # The width of integers does not matter.
        found[path].add(type(value).__name__.replace("Int64", "int"))
        if path.endswith(("attributes", "options")):
            return
        if isinstance(value, dict):
            for name, nested in value.items():
                add(f"{path}.{name}", nested)
        elif isinstance(value, list):
            for nested in value:
                add(f"{path}[]", nested)

    for document in documents:
        # An event's fields depend on its type.
        kind = str(document.get("type", ""))
        for name, value in document.items():
            add(f"{kind} {name}".strip(), value)
    return found


@pytest.fixture
def written_by_the_services(shipping: Any, make_user: Any, make_category: Any, simulator: Any, settings: Any) -> None:
    """A row of each kind, made through HTTP where there is an address for it."""
    settings.RATE_LIMITS = True
    make_user(email="ada@example.com", name="Ada", email_verified=True)
    customer, guest = client_of(), client_of()
    reply = customer.post(f"{API}/auth/login/", {"email": "ada@example.com", "password": PASSWORD})
    customer.credentials(HTTP_AUTHORIZATION=f"Bearer {reply.json()['access']}")
    as_staff = client_of(make_user(email="boss@example.com", is_staff=True, is_superuser=True))
    product = services.create_product(
        data={
            "name": "Lamp",
            "category": make_category(),
            "attributes": {"colour": "Red"},
            "price": "10.00",
            "compare_at_price": "12.00",
            "stock": 50,
        }
    )
    images._add_image(product_id=product.pk, name="products/lamp.webp", alt="Lamp", dimensions=(1200, 900))
    Promotion.objects.create(code="TEN", kind=Promotion.Kind.PERCENTAGE, value=10)
    add_to_cart(guest, product)
    for number in range(4):
        add_to_cart(customer, product, 2)
        assert customer.put(f"{API}/cart/coupon/", {"code": "TEN"}).status_code == 200
        reply = customer.post(
            f"{API}/orders/", {"shipping_address": ADDRESS}, headers={"Idempotency-Key": f"order {number}"}
        )
        assert reply.status_code == 201, reply.content
        code = reply.json()["number"]
        if number == 3:
            customer.post(f"{API}/orders/{code}/cancel/", {"reason": "Ordered twice."})
            continue
        payment = pay(customer, simulator, code, "pm_card_visa")
        if number == 0:
            continue
        parcel = {"status": "shipped", "carrier": "DHL", "tracking_number": "1"}
        assert as_staff.post(f"{API}/orders/{code}/fulfil/", parcel).status_code == 200
        assert as_staff.post(f"{API}/orders/{code}/fulfil/", {"status": "delivered"}).status_code == 200
        if number == 2:
            row = Payment.objects.get(intent=payment["payment_intent"])
            reply = as_staff.post(f"{API}/payments/{row.pk}/refunds/", {"amount": "5.00", "reason": "Damaged"})
            assert reply.status_code == 201, reply.content
            deliver(simulator)
    work()
    reply = customer.post(f"{API}/products/{product.slug}/reviews/", {"rating": 5, "title": "Good", "body": "Good."})
    assert reply.status_code == 201, reply.content


@pytest.mark.django_db
@pytest.mark.usefixtures("written_by_the_services")
def test_rows_have_the_fields_and_types_of_those_that_the_services_write():
    by_services = {model: types_of(connection.database[model._meta.db_table].find()) for model in WRITTEN}
    call_command("flush", interactive=False)

    seed(orders=400)

    differences = []
    for model in WRITTEN:
        in_bulk = types_of(connection.database[model._meta.db_table].find())
        for path, types in by_services[model].items():
            # The history lacks some types of events.
            is_known = " " not in path or f"{path.split()[0]} _id" in in_bulk
            if is_known and not types & in_bulk.get(path, set()) and (path not in in_bulk or types != {"NoneType"}):
                differences.append((model.__name__, path, types, in_bulk.get(path)))
        for path in in_bulk.keys() - by_services[model].keys():
            # Events of a type that did not happen, and rows in lists that are empty.
            if " " not in path and "[]" not in path:
                differences.append((model.__name__, path, set(), in_bulk[path]))
    assert differences == []


# --- The command ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_same_seed_makes_the_same_orders_and_another_one_others():
    def orders(number: int) -> list[Any]:
        seed(seed=number)
        found = list(Order.objects.order_by("pk").values_list("number", "total", "status"))
        call_command("flush", interactive=False)
        return found

    first = orders(1)

    assert orders(1) == first
    assert {number for number, *_ in orders(2)}.isdisjoint(number for number, *_ in first)


@pytest.mark.django_db
def test_indexes_built_at_the_end_are_those_of_the_models(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(history, "INDEX_LAST_FROM", 0)

    seed()

    assert violations() == []
    assert Order.objects.count() == ORDERS
    assert not [name for name in connection.database.list_collection_names() if name.endswith("without_indexes")]


@pytest.mark.django_db
def test_a_run_that_was_killed_while_indexes_are_missing_leaves_the_shop_as_it_was(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(history, "INDEX_LAST_FROM", 0)
    seeding.seed_terms()
    seeding.seed_people()
    seeding.seed_categories()
    before = {name: rows for name, rows in dump_database().items() if rows}

    def dies(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(Coupons, "write", dies)
    with pytest.raises(RuntimeError, match="killed"):
        seed()

    rest = {name: rows for name, rows in dump_database().items() if rows and not name.endswith("without_indexes")}
    assert rest == before
    assert list(missing_indexes()) == []


@pytest.mark.django_db
def test_a_database_with_orders_is_refused_and_left_alone():
    seed()
    before = dump_database()

    with pytest.raises(CommandError, match="The database has orders"):
        seed()

    assert dump_database() == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"users": 3}, "--users do not apply"),
        ({"products": 3}, "at least 10 products"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options: dict[str, int], sentence: str):
    with pytest.raises(CommandError, match=sentence):
        seed(**options)

    assert not User.objects.exists()


@pytest.mark.django_db
def test_with_debug_off_it_is_refused(settings: Any):
    settings.DEBUG = False

    with pytest.raises(CommandError, match="DEBUG=1"):
        seed()

    assert not User.objects.exists()
