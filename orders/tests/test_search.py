"""Staff find an order by what its customer says, in the order of newest first, by reading a bounded number of rows."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from cart import services as carts
from cart.owners import CartOwner
from catalog.models import Product, Variant
from orders import detaching, placing
from orders.admin import search
from orders.corrections import correct_order
from orders.events import Actor
from orders.models import Order, PostalAddress
from orders.services import cancel_order
from payments.models import Payment
from shop import audit
from shop.db.transactions import transactional
from shop.dev.testing.admin import ADDRESS, browser_of, ordered, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import keys_and_documents, stages_of
from shop.dev.testing.steps import API
from shop.dev.testing.tasks import run_task
from shop.http.request_context import bind_context, bind_user

pytestmark = pytest.mark.django_db

LIST = url_of("orders.order")


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def order(customer: User, make_product: Callable[..., Product]) -> Order:
    product = make_product("Blue T-shirt", sku="TS-BLUE-01")
    owner = CartOwner(user=customer)
    carts.add_item(owner=owner, variant=Variant.objects.get(product=product).pk, quantity=1)
    names = {"name": "Änne Müller-O'Brien", "company": "Straße 9 GmbH", "city": "Zürich", "phone": "+41 44 668-18 00"}
    address = PostalAddress(**{**ADDRESS, **names})
    order = placing.place_order(owner=owner, email=customer.email, address=address, note="Ring at the back door")
    Payment.objects.create(
        order=order, order_number=order.number, user=customer, amount=order.total, currency="usd", intent="pi_3Abc9"
    )
    return order


def found(browser: Client, text: str) -> list[str]:
    return [row.number for row in browser.get(LIST, {"q": text}).context["cl"].result_list]


def test_an_order_is_found_by_any_beginning_of_its_words(
    browser: Client, order: Order, make_user: Callable[..., User], make_product: Callable[..., Product]
) -> None:
    other = ordered(make_user(email="bea@example.com"), make_product("Mug", sku="MUG"))
    number = order.number
    texts = (
        *(number, f"#{number}", number.replace("-", "").lower(), number.replace("-", " "), number[:4].lower()),
        *("müller", "MULLER", "anne mul", "o'brien", "obrien", "Müller-O'Brien", "strasse gmbh", "zurich", "Züri"),
        *("+41 44 668 18 00", "0041446681800", "044 668 18 00", "446681800", "044/6681"),
        *("ts-blue-01", "TSBLUE", "t-shirt", "tshirt blue", "shirt anne", "back door"),
        *(order.email, order.email[:7], "pi_3Abc9", "pi_3Ab", str(order.pk)),
    )
    for text in texts:
        assert found(browser, text) == [number], text
    for text in ("iller", "anne mug", "pi_3x", ".*", "^", "$", "\\", "§", "muller bea"):
        assert found(browser, text) == [], text
    assert found(browser, "example") == []
    assert found(browser, other.number) == [other.number]
    assert not [each for each in audit.violations() if "search_words" in each or "search words" in each]


def test_words_of_notes_and_tags_find_an_order(browser: Client, as_staff: APIClient, order: Order) -> None:
    address = f"{API}/orders/{order.number}/"
    note = as_staff.post(f"{address}notes/", {"text": "Complained by phone"}).json()
    assert as_staff.patch(address, {"tags": ["vip-2026"]}, format="json").status_code == 200
    for text in ("complain", "vip", "vip-2026", "VIP2026 anne"):
        assert found(browser, text) == [order.number], text
    browser.post(url_of("orders.order", "delete_note", order.pk), {"note": note["id"]})
    assert found(browser, "complain") == []


def test_corrected_addresses_find_an_order(browser: Client, order: Order, staff: User) -> None:
    corrected = PostalAddress(**{**ADDRESS, "name": "Grace Hopper", "phone": "030 1234567"})
    with bind_context():
        bind_user(staff, via="admin")
        correct_order(order=Order.objects.get(), shipping_address=corrected)
    for text in ("hopper", "030 123 4567"):
        assert found(browser, text) == [order.number], text
    assert found(browser, "muller") == []


def test_the_address_of_an_account_finds_its_orders_after_it_has_changed(
    browser: Client, order: Order, customer: User
) -> None:
    before = order.email
    User.objects.filter(pk=customer.pk).update(email="anne@example.org")
    for text in ("anne@example.org", "anne@", before):
        assert found(browser, text) == [order.number], text


def test_frequent_words_are_searched_in_the_newest_orders(
    browser: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = connection.database["orders_order"]
    row = rows.find_one()
    others = [
        {**row, "_id": None, "number": f"N{n}", "cart_revision": n + 10, "search_words": ["blue", f"name{n}"]}
        for n in range(40)
    ]
    for each in others:
        del each["_id"]
    rows.insert_many(others)
    assert len(found(browser, "blue")) == 41
    assert found(browser, "blue anne") == [order.number]
    monkeypatch.setattr(search, "MOST_READ", 10)
    with count_commands() as commands:
        page = browser.get(LIST, {"q": "blue name3"})
    assert [each.number for each in page.context["cl"].result_list] == [
        f"N{n}" for n in (39, 38, 37, 36, 35, 34, 33, 32, 31, 30)
    ]
    assert "Only the first 500 matches of the newest orders" in page.content.decode()
    for command in [each for each in commands.on("orders_order") if "search_words" in str(each.document)]:
        assert "COLLSCAN" not in stages_of(command)
        assert max(keys_and_documents(command)) <= 12, command
    # The rarest word is read, whatever the order of the words.
    for text in ("blue anne", "anne blue"):
        page = browser.get(LIST, {"q": text})
        assert [each.number for each in page.context["cl"].result_list] == [order.number]
        assert "Only the first" not in page.content.decode()
    monkeypatch.setattr(search, "MOST_READ", 100)
    monkeypatch.setattr(search, "MOST_SHOWN", 5)
    assert found(browser, "blue") == [f"N{n}" for n in (39, 38, 37, 36, 35)]


def test_orders_of_earlier_releases_get_their_words_and_the_audit_finds_differences(
    browser: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = connection.database["orders_order"]
    rows.update_one({}, {"$unset": {"search_words": ""}})
    assert found(browser, "anne") == []
    (violation,) = [each for each in audit.violations() if "search words" in each]
    assert violation.endswith(f"{order.number} has search words that differ from its fields")
    monkeypatch.setattr("orders.backfill.ORDERS_AT_ONCE", 1)
    run_task("orders.add_search_words")
    assert found(browser, "anne") == [order.number]
    assert not [each for each in audit.violations() if "search_words" in each or "search words" in each]
    with count_commands() as commands:
        run_task("orders.add_search_words")
    assert [each.name for each in commands.on("orders_order")] == ["aggregate"]
    assert keys_and_documents(commands.on("orders_order")[0])[1] == 0


def test_an_erased_order_is_found_by_what_is_left(browser: Client, order: Order, customer: User) -> None:
    Payment.objects.all().delete()
    cancel_order(order=order, actor=Actor.CUSTOMER)
    email = order.email
    transactional("tests.detach")(detaching.detach_reviews_and_orders)(user=customer, limit=10)
    order.refresh_from_db()
    assert order.erased_at
    for text in ("anne", "zurich", email, "446681800", "door"):
        assert found(browser, text) == [], text
    for text in (order.number, "tshirt"):
        assert found(browser, text) == [order.number], text
    assert not set(map(str.lower, ("anne", email))) & set(order.search_words)
    assert not [each for each in audit.violations() if "search_words" in each or "search words" in each]


def test_a_detached_order_is_not_found_by_its_address_any_more(browser: Client, order: Order, customer: User) -> None:
    Order.objects.update(status="completed", payment_status="paid")
    email = order.email
    transactional("tests.detach")(detaching.detach_reviews_and_orders)(user=customer, limit=10)
    order.refresh_from_db()
    assert (order.erased_at, order.email) == (None, "")
    assert found(browser, email) == []
    assert found(browser, "anne") == [order.number]
