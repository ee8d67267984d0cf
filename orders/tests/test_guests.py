"""Orders without an account: placed with a cart's token, opened with an order's."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Product
from conftest import client_of
from orders.models import Order, ShippingMethod
from shop import audit
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.guests import EMAIL, guest_with_cart, place_guest_order, with_token
from shop.dev.testing.mails import html_of, link_in, minutes_pass, work
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import (
    ADDRESS,
    API,
    cart_of,
    dump_database,
    events_of,
    order_of,
    place_order,
    run_concurrently,
    stock_of,
)
from shop.dev.testing.stripe_steps import open_payment, pay

pytestmark = pytest.mark.django_db

BODY = {"email": " Grace@Example.com ", "shipping_address": ADDRESS}


@pytest.fixture
def mug(make_product: Callable[..., Product], shipping: ShippingMethod) -> Product:
    return make_product("Mug", price="10.00", stock=20)


def everything_of(reply: Any) -> tuple[int, bytes, dict[str, str]]:
    return reply.status_code, reply.content, {**reply.headers, "X-Request-ID": ""}


def test_a_guest_buys_pays_and_receives_mails(mug: Product, as_staff: APIClient, simulator: StripeSimulator) -> None:
    guest = guest_with_cart(mug, 2)
    quoted = guest.post(f"{API}/orders/quote/", BODY)
    assert (quoted.status_code, quoted.json()["total"]) == (200, "24.90")
    reply = guest.post(f"{API}/orders/", BODY, HTTP_IDEMPOTENCY_KEY="a")
    assert reply.status_code == 201
    order = reply.json()
    number, token = order["number"], order.pop("token")
    assert (order["email"], order["total"], cart_of(guest)["items"]) == (EMAIL, "24.90", [])
    # A replay gives a token that works too.
    again = guest.post(f"{API}/orders/", BODY, HTTP_IDEMPOTENCY_KEY="a")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert order_of(with_token(again.json()["token"]), number) == order
    assert refusal(guest.post(f"{API}/orders/", {**BODY, "note": "!"}, HTTP_IDEMPOTENCY_KEY="a"), 422)
    assert Order.objects.count() == 1

    # The order's token alone opens it.
    buyer = with_token(token)
    assert order_of(buyer, number) == order
    minutes_pass()
    mails = work()
    payment = pay(buyer, simulator, number)
    assert payment["client_secret"]
    assert buyer.get(f"{API}/payments/{payment['id']}/").json()["client_secret"] == payment["client_secret"]
    assert as_staff.get(f"{API}/payments/{payment['id']}/").json()["client_secret"] == ""
    assert order_of(buyer, number)["payment_status"] == "paid"
    as_staff.post(f"{API}/orders/{number}/fulfil/", {"status": "shipped", "carrier": "DHL"})
    mails += work()
    assert [mail.recipients() for mail in mails] == [[EMAIL]] * 3
    for mail in mails:
        link = link_in(mail, f"orders/{number}")
        assert order_of(with_token(link["token"]), number)["fulfilment_status"] == "shipped"
        # The mailbox may be a stranger's, so nothing that was typed is shown.
        assert f"{number}?token=" in html_of(mail)
        assert "Lovelace" not in mail.body
    assert refusal(buyer.post(f"{API}/orders/{number}/cancel/"), 409)[0] == "order_not_cancellable"
    assert audit.violations() == []


def test_a_guest_cancels(mug: Product, simulator: StripeSimulator) -> None:
    buyer, order = place_guest_order(mug, 3)
    pay(buyer, simulator, order["number"])
    reply = buyer.post(f"{API}/orders/{order['number']}/cancel/", {"reason": "Changed my mind"})
    assert (reply.status_code, reply.json()["status"]) == (200, "cancelled")
    assert ("cancelled", "customer") in events_of(reply.json())
    assert stock_of(mug) == 20
    assert [mail.recipients() for mail in work() if mail.subject.endswith("is cancelled")] == [[EMAIL]]


def test_what_a_guest_must_give(mug: Product, as_customer: APIClient, customer: User) -> None:
    guest = guest_with_cart(mug)
    for path in ("orders/", "orders/quote/"):
        before = dump_database()
        for email, code in ((None, "required"), ("", "blank"), ("x", "invalid"), ("a@b.invalid", "invalid")):
            body = {"shipping_address": ADDRESS, **({} if email is None else {"email": email})}
            assert refusal(guest.post(f"{API}/{path}", body), 400) == (code, "email"), email
        saved = {"email": EMAIL, "address_id": "0" * 24}
        assert refusal(guest.post(f"{API}/{path}", saved), 404)[0] == "not_found"
        assert client_of().post(f"{API}/{path}", BODY).status_code == 401
        unknown = client_of()
        unknown.credentials(HTTP_X_CART_TOKEN="unknown")
        assert refusal(unknown.post(f"{API}/{path}", BODY), 400)[0] == "empty_cart"
        assert dump_database() == before
    # With an account, its own cart and address count.
    order = place_order(as_customer, mug, email="other@example.com")
    assert (order["email"], "token" in order) == (customer.email, False)
    assert len(cart_of(guest)["items"]) == 1


def test_an_order_of_another_is_byte_for_byte_a_missing_one(
    mug: Product, as_customer: APIClient, simulator: StripeSimulator
) -> None:
    buyer, order = place_guest_order(mug)
    other, others = place_guest_order(mug, email="eve@example.com")
    payment, of_other = open_payment(buyer, order["number"]), open_payment(other, others["number"])
    token = order["token"]
    forged = [others["token"], token[:-1], token + "x", token.upper(), f"{others['number']}.{token.partition('.')[2]}"]
    attackers = [with_token(each) for each in (*forged, "…", order["number"])]
    both = APIClient()
    both.credentials(**as_customer._credentials, HTTP_X_ORDER_TOKEN=others["token"])
    before = dump_database()
    for attacker in (*attackers, as_customer, both):
        for method, path, body in (
            ("get", "orders/{number}/", None),
            ("post", "orders/{number}/cancel/", {}),
            ("post", "payments/", {"order": "{number}"}),
            ("get", "payments/{payment}/", None),
        ):
            replies = []
            for names in (
                {"number": order["number"], "payment": payment["id"]},
                {"number": "AAAAA-AAAAA", "payment": "0" * 24},
            ):
                sent = {name: text.format(**names) for name, text in (body or {}).items()}
                replies.append(everything_of(getattr(attacker, method)(f"{API}/{path.format(**names)}", sent or None)))
            assert replies[0] == replies[1]
            assert replies[0][0] == 404
    assert dump_database() == before
    # An empty token is none. The list, and what staff do, need an account.
    assert with_token("").get(f"{API}/orders/{order['number']}/").status_code == 401
    assert buyer.get(f"{API}/orders/").status_code == 401
    assert buyer.post(f"{API}/orders/{order['number']}/fulfil/", {"status": "shipped"}).status_code == 401
    assert buyer.post(f"{API}/payments/{payment['id']}/refunds/", {}).status_code == 401
    # A token adds to what an account may do.
    own = place_order(as_customer, mug)["number"]
    assert order_of(both, own)["number"] == own
    assert order_of(both, others["number"])["number"] == others["number"]
    assert both.get(f"{API}/payments/{of_other['id']}/").json()["client_secret"] == of_other["client_secret"]


def test_a_token_expires_and_a_lookup_mails_another(mug: Product, settings: Any) -> None:
    buyer, order = place_guest_order(mug)
    number = order["number"]
    work()
    lookup, known = f"{API}/orders/lookup/", {"number": number.lower(), "email": EMAIL.upper()}
    unknown = [{**known, "number": text} for text in ("AAAAA-AAAAA", "42")]
    asked = (known, {**known, "email": "eve@example.com"}, *unknown)
    replies = [everything_of(client_of().post(lookup, body)) for body in asked]
    assert replies[0][:2] == (202, b"")
    assert replies == [replies[0]] * 4
    (mail,) = work()
    assert (mail.recipients(), number in mail.subject) == ([EMAIL], True)
    assert order_of(with_token(link_in(mail, f"orders/{number}")["token"]), number)["number"] == number
    # The old one works until it expires.
    assert order_of(buyer, number)["number"] == number
    settings.ORDER_TOKEN_TIMEOUT = -1
    assert buyer.get(f"{API}/orders/{number}/").status_code == 404


@pytest.mark.parametrize("scope", ["order_lookup_order", "order_lookup_account", "order_lookup"])
def test_lookups_are_limited(mug: Product, settings: Any, scope: str) -> None:
    settings.RATE_LIMITS = True
    settings.RATE_LIMIT_RULES = {**settings.RATE_LIMIT_RULES, scope: (1, 3600)}
    _, order = place_guest_order(mug)
    work()
    body = {"number": order["number"], "email": EMAIL}
    first, second = (client_of().post(f"{API}/orders/lookup/", body).status_code for _ in range(2))
    assert (first, second) == (202, 202 if scope == "order_lookup_order" else 429)
    assert len(work()) == 1
    other = client_of().post(f"{API}/orders/lookup/", {**body, "email": "eve@example.com"})
    assert other.status_code == (429 if scope == "order_lookup" else 202)


def test_concurrent_orders_of_one_cart(mug: Product) -> None:
    guest = guest_with_cart(mug, 2)
    replies = run_concurrently(*[lambda: guest.post(f"{API}/orders/", BODY).status_code] * 4)
    assert sorted(replies)[0] == 201
    assert set(replies[1:]) <= {201, 400, 409}
    assert Order.objects.count() == 1
    assert stock_of(mug) == 18


def test_a_coupon_is_limited_per_address(mug: Product) -> None:
    Promotion.objects.create(code="HELLO", kind="fixed", value=1, usage_limit_per_customer=1)
    guests = [guest_with_cart(mug) for _ in range(3)]
    for guest in guests:
        assert guest.put(f"{API}/cart/coupon/", {"code": "hello"}).status_code == 200
    replies = run_concurrently(*(lambda guest=guest: guest.post(f"{API}/orders/", BODY) for guest in guests))
    assert sorted(reply.status_code for reply in replies) == [201, 400, 400]
    assert {refusal(reply, 400)[0] for reply in replies if reply.status_code == 400} == {"invalid_coupon"}
    assert PromotionUse.objects.exclude(order_number="").count() == 1
    # A quote does not tell; another address has its own.
    loser = next(guest for guest in guests if cart_of(guest)["items"])
    assert loser.post(f"{API}/orders/quote/", BODY).json()["discount"] == "1.00"
    assert loser.post(f"{API}/orders/", {**BODY, "email": "eve@example.com"}).status_code == 201
    # A cancelled order's use can be taken again.
    winner = next(reply.json() for reply in replies if reply.status_code == 201)
    assert with_token(winner["token"]).post(f"{API}/orders/{winner['number']}/cancel/").status_code == 200
    last = next(guest for guest in guests if cart_of(guest)["items"])
    assert last.post(f"{API}/orders/", BODY).status_code == 201
    assert PromotionUse.objects.exclude(order_number="").count() == 2


def test_unpaid_orders_of_a_cart_are_limited_like_an_unverified_account_s(mug: Product, settings: Any) -> None:
    settings.RATE_LIMITS = True
    settings.UNPAID_ORDERS_UNVERIFIED = 2
    guest = guest_with_cart(mug)
    for status in (201, 201, 409):
        reply = guest.post(f"{API}/orders/", BODY)
        assert reply.status_code == status
        guest.post(f"{API}/cart/items/", {"product": str(mug.pk)})
    assert refusal(reply, 409)[0] == "too_many_unpaid_orders"
    # Strangers cannot use up the limit of an address.
    place_guest_order(mug, email=BODY["email"])


def test_a_guest_is_forgotten_like_a_deleted_account(
    mug: Product, as_staff: APIClient, staff: User, simulator: StripeSimulator
) -> None:
    buyer, order = place_guest_order(mug, note="For Grace")
    pay(buyer, simulator, order["number"])
    browser = browser_of(staff)
    row = Order.objects.get()
    page = browser.get(url_of("orders.order", "change", row.pk)).content.decode()
    assert EMAIL in page
    assert "Guest, without an account" in page
    for text in (EMAIL, EMAIL[:5]):
        assert f"{EMAIL} (guest)" in browser.get(url_of("orders.order", "changelist"), {"q": text}).content.decode()

    assert browser.post(url_of("orders.order", "erase", row.pk), follow=True).status_code == 200
    row.refresh_from_db()
    # It is still to be sent.
    assert (row.email, row.note, row.erased_at) == ("", "For Grace", None)
    assert buyer.get(f"{API}/orders/{order['number']}/").status_code == 404
    for status in ("shipped", "delivered"):
        as_staff.post(f"{API}/orders/{order['number']}/fulfil/", {"status": status})
    row.refresh_from_db()
    assert (row.note, row.shipping_address.name) == ("", "")
    assert [mail.recipients() for mail in work() if EMAIL in mail.recipients()] == []
    assert audit.violations() == []
