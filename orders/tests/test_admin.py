"""Staff read, cancel and ship orders in the admin, and manage shipping methods and tax rates."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Product, StockMovement, Variant
from orders import detaching, hooks, services
from orders.fulfilments import services as fulfilments
from orders.models import Order, ShippingMethod, TaxRate
from orders.statuses import OrderStatus
from shop.api.errors import ServiceUnavailable
from shop.db.transactions import transactional
from shop.dev.testing.admin import allow, browser_of, errors_of, filled_in, in_dialog, messages_of, ordered, url_of
from shop.dev.testing.commands import count_commands


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def order(customer: User, make_product: Callable[..., Product], shipping: ShippingMethod) -> Order:
    return ordered(customer, make_product("Linen shirt", sku="LINEN"), quantity=2)


def press(browser: Client, button: str, order: Order, **fields: str) -> Any:
    return browser.post(url_of("orders.order", button, order.pk), fields, follow=True)


def test_an_order_s_page_shows_its_items_address_and_timeline(browser: Client, order: Order) -> None:
    services.mark_paid(order_id=order.pk, detail="24.90 USD")
    text = browser.get(url_of("orders.order", "change", order.pk)).content.decode()
    for shown in (order.number, "Linen shirt", "LINEN", "20.00", "24.90 USD", "St James", "ada@example.com"):
        assert shown in text, shown
    assert 'name="_save"' not in text


def test_an_order_s_page_names_the_country_and_the_shipping_method(browser: Client, order: Order) -> None:
    url = url_of("orders.order", "change", order.pk)
    text = browser.get(url).content.decode()
    for shown in ("United Kingdom", "<p>Standard</p>", "Shipping, Standard"):
        assert shown in text, shown
    ShippingMethod.objects.all().delete()
    assert "<p>standard</p>" in browser.get(url).content.decode()


def test_the_page_of_an_order_whose_customer_left_opens(browser: Client, customer: User, order: Order) -> None:
    services.cancel_order(order=order, actor=services.Actor.CUSTOMER)
    transactional("tests.detach")(detaching.detach_reviews_and_orders)(user=customer, limit=10)
    assert "This account was deleted" in browser.get(url_of("orders.order", "change", order.pk)).content.decode()
    assert "deleted account" in browser.get(url_of("orders.order")).content.decode()


def test_cancelling_an_order_releases_its_stock_and_shows_the_reason(browser: Client, order: Order) -> None:
    assert Variant.objects.get().stock == 3
    page = press(browser, "cancel", order, reason="Damaged in the warehouse")

    assert messages_of(page) == [f"Order {order.number} was cancelled."]
    order.refresh_from_db()
    assert order.status == OrderStatus.CANCELLED
    assert Variant.objects.get().stock == 5
    assert StockMovement.objects.filter(reason="cancellation").count() == 1
    last = order.timeline[-1]
    assert (last.event, last.actor, last.detail) == ("cancelled", "staff", "Damaged in the warehouse")


def test_cancelling_asks_first_and_wants_a_reason(browser: Client, order: Order) -> None:
    url = url_of("orders.order", "cancel", order.pk)
    asked = in_dialog(browser, url).content.decode()
    for words in ("Cancel this order?", "Keep order", "Cancel order"):
        assert words in asked
    assert "This field is required." in in_dialog(browser, url, {}).content.decode()
    order.refresh_from_db()
    assert order.status == OrderStatus.PENDING


def test_an_order_that_has_shipped_is_not_cancelled_and_staff_read_why(browser: Client, order: Order) -> None:
    services.mark_paid(order_id=order.pk)
    fulfilments.ship(order=order)
    page = press(browser, "cancel", order, reason="Too late")
    assert messages_of(page) == ["This order can no longer be cancelled."]
    assert Variant.objects.get().stock == 3


def test_an_outdated_dialog_shows_its_error_on_the_order_page(browser: Client, order: Order) -> None:
    page = url_of("orders.order", "change", order.pk)
    for button, reason in (("ship", "Only a paid order"), ("deliver", "Only a paid order")):
        assert in_dialog(browser, url_of("orders.order", button, order.pk))["HX-Redirect"] == page
        assert messages_of(browser.get(page))[0].startswith(reason)
    services.cancel_order(order=order, actor=services.Actor.STAFF)
    assert in_dialog(browser, url_of("orders.order", "cancel", order.pk))["HX-Redirect"] == page
    assert messages_of(browser.get(page)) == ["This order can no longer be cancelled."]


def test_a_dialog_s_address_leads_to_the_order_s_page(browser: Client, order: Order) -> None:
    answer = browser.get(url_of("orders.order", "cancel", order.pk))
    assert answer["Location"] == url_of("orders.order", "change", order.pk)
    assert browser.get(url_of("orders.order", "cancel", "0" * 24)).status_code == 404


def test_stripe_being_away_is_a_message_and_leaves_the_order_as_it_is(
    browser: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: Any) -> None:
        raise ServiceUnavailable("Stripe does not answer.")

    monkeypatch.setattr(hooks.before_cancel, "_functions", [away])
    form = in_dialog(browser, url_of("orders.order", "cancel", order.pk), {"reason": "x"}).context["form"]
    assert (form.non_field_errors(), form["reason"].value()) == (["Stripe does not answer."], "x")
    assert messages_of(press(browser, "cancel", order, reason="x")) == ["Stripe does not answer."]
    order.refresh_from_db()
    assert order.status == OrderStatus.PENDING


def test_an_unpaid_order_is_not_sent(browser: Client, order: Order) -> None:
    page = press(browser, "ship", order)
    assert messages_of(page)[0].startswith("Only a paid order that is not cancelled or refunded can be shipped")


def offered(browser: Client, order: Order) -> list[str]:
    page = browser.get(url_of("orders.order", "change", order.pk))
    return [each["title"] for each in page.context["actions_detail"]]


def test_only_the_buttons_that_go_with_its_state_are_offered(browser: Client, order: Order) -> None:
    assert offered(browser, order) == ["Cancel order", "Correct addresses"]
    services.mark_paid(order_id=order.pk)
    assert offered(browser, order) == ["Ship items", "Cancel order", "Correct addresses", "Packing slip"]
    fulfilments.ship(order=order)
    assert offered(browser, order) == ["Mark as delivered", "Packing slip"]


def test_a_flag_is_resolved_with_a_note_until_there_is_a_new_one(browser: Client, order: Order) -> None:
    assert messages_of(press(browser, "settle", order, note="x")) == ["This order has no open flag."]
    services.flag(order_id=order.pk, detail="pi_1 is over 100.")
    assert offered(browser, order) == ["Resolve flag", "Cancel order", "Correct addresses"]
    assert "This field is required." in press(browser, "settle", order).content.decode()

    page = press(browser, "settle", order, note="The customer was called.")

    assert messages_of(page)[-1] == f"The flag of order {order.number} was resolved."
    order.refresh_from_db()
    entry = order.timeline[-1]
    assert (entry.event, entry.detail, entry.actor) == ("flag_settled", "The customer was called.", "staff")
    assert offered(browser, order) == ["Cancel order", "Correct addresses"]
    services.flag(order_id=order.pk, detail="pi_1 is over 200.")
    assert offered(browser, order) == ["Resolve flag", "Cancel order", "Correct addresses"]


def test_a_dialog_leads_back_to_the_page_it_was_opened_on_but_not_elsewhere(browser: Client, order: Order) -> None:
    url = url_of("orders.order", "cancel", order.pk)
    fields = {"reason": "x"}
    for opened_on, leads_to in (
        ("http://testserver/admin/orders/order/?q=ada", "http://testserver/admin/orders/order/?q=ada"),
        ("https://evil.example/", url_of("orders.order", "change", order.pk)),
    ):
        answer = browser.post(url, fields, headers={"HX-Request": "true", "HX-Current-URL": opened_on})
        assert answer["HX-Redirect"] == leads_to


def test_staff_who_may_only_look_can_neither_cancel_nor_send(make_user: Callable[..., User], order: Order) -> None:
    browser = browser_of(allow(make_user(), "orders.view_order"))
    assert offered(browser, order) == []
    for button in ("cancel", "ship", "deliver", "settle"):
        answer = browser.post(url_of("orders.order", button, order.pk), {"reason": "x"}, follow=True)
        assert answer.status_code == 403
    order.refresh_from_db()
    assert order.status == OrderStatus.PENDING


def test_orders_are_neither_added_nor_edited_nor_deleted(browser: Client, order: Order) -> None:
    assert browser.get(url_of("orders.order", "add")).status_code == 403
    assert browser.post(url_of("orders.order", "change", order.pk), {}).status_code == 403
    assert browser.post(url_of("orders.order", "delete", order.pk), {"post": "yes"}).status_code == 403
    assert Order.objects.count() == 1


def test_orders_are_found_by_number_and_by_the_customer_s_address(
    browser: Client, make_user: Callable[..., User], make_product: Callable[..., Product], order: Order
) -> None:
    ordered(make_user(email="grace@example.com"), make_product())
    for text in (order.number, order.number.lower()[:7], "ada@example.com", "ADA@"):
        assert list(browser.get(url_of("orders.order"), {"q": text}).context["cl"].result_list) == [order], text


def test_orders_are_filtered_by_state_and_by_day(browser: Client, order: Order) -> None:
    def found(**filters: str) -> int:
        return browser.get(url_of("orders.order"), filters).context["cl"].result_count

    day = order.created_at.date().isoformat()
    assert found(status__exact="pending") == found(payment_status__exact="unpaid") == 1
    assert found(status__exact="completed") == found(flag="open") == 0
    assert found(created_at_from=day, created_at_to=day) == 1
    assert found(created_at_to="2020-01-01") == 0


def test_the_order_list_asks_as_often_for_five_orders_as_for_fifteen(
    browser: Client, make_user: Callable[..., User], make_product: Callable[..., Product], shipping: ShippingMethod
) -> None:
    product = make_product(stock=100)
    for _ in range(5):
        ordered(make_user(), product)
    browser.get(url_of("orders.order"))
    with count_commands() as for_five:
        browser.get(url_of("orders.order"))
    for _ in range(10):
        ordered(make_user(), product)
    with count_commands() as for_fifteen:
        page = browser.get(url_of("orders.order"))
    assert len(page.context["cl"].result_list) == 15
    assert for_fifteen.names == for_five.names
    # The session, the person, the number of orders, the orders, their customers.
    # One count for each tab.
    assert len(for_fifteen) <= 11, str(for_fifteen)
    assert not any("$lookup" in repr(command) for command in for_fifteen)


# --- Shipping methods and taxes ---------------------------------------------------------------------------------------


def test_a_shipping_method_and_a_tax_rate_are_made_and_changed(browser: Client) -> None:
    url = url_of("orders.shippingmethod", "add")
    browser.post(url, filled_in(browser.get(url)) | {"name": "Bike", "code": "bike", "price": "3.50"})
    method = ShippingMethod.objects.get()
    assert (method.code, method.price, method.is_active) == ("bike", 3.5, True)

    url = url_of("orders.taxrate", "add")
    browser.post(url, filled_in(browser.get(url)) | {"country": "DE", "rate": "19"})
    rate = TaxRate.objects.get()
    url = url_of("orders.taxrate", "change", rate.pk)
    browser.post(url, filled_in(browser.get(url)) | {"rate": "16"})
    rate.refresh_from_db()
    assert rate.rate == 16


def test_a_shipping_method_that_orders_were_sent_by_is_not_deleted(
    browser: Client, order: Order, shipping: ShippingMethod
) -> None:
    unused = ShippingMethod.objects.create(code="bike", name="Bike", price="3.00")
    for method in (shipping, unused):
        browser.post(url_of("orders.shippingmethod", "delete", method.pk), {"post": "yes"})
    assert list(ShippingMethod.objects.all()) == [shipping]


def test_a_country_that_does_not_exist_and_a_second_rate_for_a_place_are_refused(browser: Client) -> None:
    TaxRate.objects.create(country="DE", rate="19")
    url = url_of("orders.taxrate", "add")
    page = browser.post(url, filled_in(browser.get(url)) | {"country": "XX", "rate": "19"})
    assert set(errors_of(page)) == {"country"}
    page = browser.post(url, filled_in(browser.get(url)) | {"country": "DE", "rate": "7"})
    assert set(errors_of(page)) == {""}
    assert TaxRate.objects.count() == 1
