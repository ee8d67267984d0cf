"""Lists of the admin count and offer a bounded number of rows, and sort by the columns that have an index."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from cart.promotions.models import Promotion, PromotionUse
from catalog.models import Category, Product
from orders.models import Order, TaxRate
from payments.models import StripeEvent
from shop.admin import lists
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.commands import count_commands

pytestmark = pytest.mark.django_db

ACTIONS = url_of("shop.staffaction")


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def actions(staff: User, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of seven actions, newest first, in lists of at most four rows on pages of two."""
    monkeypatch.setattr(lists, "MOST_COUNTED", 4)
    monkeypatch.setattr("shop.admin.staff_actions.StaffActionAdmin.list_per_page", 2)
    monkeypatch.setattr("shop.admin.staff_actions.StaffActionAdmin.list_max_show_all", 2)
    made = [
        StaffAction.objects.create(staff=staff.pk, via="admin", action="add", model="auth.group", object_id=str(number))
        for number in range(7)
    ]
    return [str(each.pk) for each in reversed(made)]


def shown(browser: Client, url: str, **query: str) -> list[str]:
    return [str(row.pk) for row in browser.get(url, query).context["cl"].result_list]


def test_a_filtered_list_counts_and_pages_to_a_limit(browser: Client, actions: list[str]) -> None:
    page = browser.get(ACTIONS, {"via__exact": "admin", "p": "2"})
    assert [str(row.pk) for row in page.context["cl"].result_list] == actions[2:4]
    text = " ".join(page.content.decode().split())
    assert "4+ staff actions" in text
    assert "Pages end after 4:" in text
    assert "p=3" not in text
    assert browser.get(ACTIONS, {"via__exact": "admin", "p": "3"}).status_code == 302
    assert shown(browser, ACTIONS, via__exact="admin", all="") == actions[:2]


def test_a_whole_list_is_not_counted_and_its_end_is_the_beginning_of_the_reversed_list(
    browser: Client, actions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with count_commands() as commands:
        page = browser.get(ACTIONS)
    assert [each.name for each in commands.on("shop_staffaction")] == ["count", "aggregate"]
    assert "7 staff actions" in " ".join(page.content.decode().split())
    with monkeypatch.context() as many:
        many.setattr(lists.documents, "estimated_count", lambda model: 500_000)
        assert "500,000 staff actions" in " ".join(browser.get(ACTIONS).content.decode().split())
    assert page.context["cl"].paginator.num_pages == 2
    at = page.context["cl"].list_display.index("at")
    assert shown(browser, ACTIONS, o=str(at)) == actions[:-3:-1]
    assert shown(browser, ACTIONS, o=f"-{at}") == shown(browser, ACTIONS) == actions[:2]


def test_a_list_of_no_more_than_the_limit_is_counted_exactly(browser: Client, actions: list[str]) -> None:
    page = browser.get(ACTIONS, {"q": "5"})
    assert [str(row.pk) for row in page.context["cl"].result_list] == [actions[1]]
    assert "Pages end" not in page.content.decode()
    assert page.context["cl"].result_count == 1


def test_a_whole_list_that_is_sorted_has_its_exact_number(
    browser: Client, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MOST_COUNTED", 2)
    for name in ("A", "B", "C"):
        make_product(name)
    url = url_of("catalog.product")
    price = browser.get(url).context["cl"].list_display.index("shown_price")
    counts = [
        str(browser.get(url, query).context["cl"].result_count)
        for query in ({}, {"o": str(price)}, {"o": str(price), "is_active__exact": "1"}, {"q": "a"})
    ]
    assert counts == ["3", "3", "2+", "1"]


def test_small_lists_sort_by_each_column(browser: Client) -> None:
    for country, state in (("DE", ""), ("US", "CA"), ("US", "AL")):
        TaxRate.objects.create(country=country, state=state, rate="0.1")
    url = url_of("orders.taxrate")
    ids = [str(TaxRate.objects.get(state=state).pk) for state in ("CA", "AL", "")]
    assert shown(browser, url, o="-2") == ids
    assert shown(browser, url, q="US", o="-2") == ids[:2]


def test_a_search_says_if_it_used_only_the_first_customers(browser: Client) -> None:
    url, note = url_of("orders.order"), "Only the first 100 customers were searched: enter more of the text."
    User.objects.bulk_create(User(email=f"customer@{number:03}.example.com") for number in range(100))
    page = browser.get(url, {"q": "customer@"})
    assert note not in page.content.decode()
    User.objects.create(email="customer@last.example.com")
    assert note in browser.get(url, {"q": "customer@"}).content.decode()
    assert note not in browser.get(url, {"q": "customer@001"}).content.decode()


def test_a_list_is_sorted_by_one_column_and_the_key_in_the_same_direction(
    browser: Client, make_product: Callable[..., Product]
) -> None:
    cheap, *dear = (make_product(name, price=price) for name, price in (("B", "1.00"), ("A", "2.00"), ("C", "2.00")))
    url = url_of("catalog.product")
    columns = browser.get(url).context["cl"].list_display
    price, name = columns.index("shown_price"), columns.index("product")
    ascending = [str(each.pk) for each in (cheap, *dear)]
    assert shown(browser, url, o=f"{price}.-{name}") == ascending
    assert shown(browser, url, o=f"-{price}") == ascending[::-1]
    for other in ("99", "-", "x", "9" * 5000, str(columns.index("in_category"))):
        assert shown(browser, url, o=other) == ascending[::-1], other
    # What is found has its own order.
    assert shown(browser, url, q="a", o=str(price)) == shown(browser, url, q="a")


def test_a_list_of_promotions_counts_the_free_uses_once(browser: Client, customer: User) -> None:
    coupon = Promotion.objects.create(code="WELCOME", kind="percentage", value="10", used=2)
    for number in range(2):
        PromotionUse.objects.create(promotion=coupon, user=customer, order_number=str(number))
    for column in range(7):
        with count_commands() as commands:
            assert shown(browser, url_of("cart.promotion"), o=f"-{column}") == [str(coupon.pk)]
        assert len(commands.on("cart_couponuse")) == 1
        assert "$lookup" not in str(commands)


def test_the_list_of_categories_reads_no_product(
    browser: Client, make_category: Callable[..., Category], make_product: Callable[..., Product]
) -> None:
    category = make_category("Shirts")
    make_product("Linen shirt", category=category)
    with count_commands() as commands:
        (row,) = browser.get(url_of("catalog.category")).context["cl"].result_list
    assert row.active_products == 1
    assert not commands.on("catalog_product")


def test_staff_actions_are_found_by_the_number_of_an_order(browser: Client, populated_shop: Order, staff: User) -> None:
    about = {"staff": staff.pk, "via": "api", "action": "ship", "model": "orders.order"}
    shipped = StaffAction.objects.create(**about, object_id="1", label="7KQ2M-X94TB", request_id="abc")
    StaffAction.objects.create(**about, object_id="2", label="7KQ2M-X94TC")
    for text in ("7KQ2M-X94TB", "1", "abc"):
        assert shown(browser, ACTIONS, q=text) == [str(shipped.pk)], text


def test_events_of_several_types_are_found_in_one_order(browser: Client, populated_shop: Order) -> None:
    at = populated_shop.created_at
    for number, kind in enumerate(("payment_intent.created", "charge.refunded", "payment_intent.canceled")):
        StripeEvent.objects.create(id=f"evt_x{number}", type=kind, payload={}, created_at=at)
    found = shown(browser, url_of("payments.stripeevent"), q="payment_intent.c")
    assert found == ["evt_x2", "evt_x0"]


def test_a_filtered_list_sorts_by_columns_whose_index_has_the_filter(
    browser: Client, make_category: Callable[..., Category], make_product: Callable[..., Product]
) -> None:
    category = make_category("Shirts")
    dear, cheap = (make_product(name, price=price, category=category) for name, price in (("A", "2.00"), ("B", "1.00")))
    url, newest = url_of("catalog.product"), [str(cheap.pk), str(dear.pk)]
    columns = browser.get(url).context["cl"].list_display
    price, name = (str(columns.index(each)) for each in ("shown_price", "product"))
    assert shown(browser, url, category__id__exact=str(category.pk), o=f"-{price}") == newest[::-1]
    assert shown(browser, url, category__id__exact=str(category.pk), o=name) == newest
    assert shown(browser, url, is_active__exact="1", o=name) == newest[::-1]
    assert browser.get(url, {"in_stock__exact": "1"}).context["cl"].sortable_by == []
