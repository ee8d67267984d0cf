"""The whole admin: every page opens, for permitted users only, and outages have an error page."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.text import capfirst

from accounts.models import User
from catalog.models import Product, StockMovement, Variant
from catalog.services import count_sales
from orders.models import Order
from orders.reviews.models import Review
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import allow, browser_of, messages_of, ordered, url_of, without_rendering
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import failing
from shop.dev.testing.plans import profiled
from shop.jobs import Job
from shop.tests.test_admin_plans import SMALL_COLLECTIONS

MODELS = sorted(model._meta.label_lower for model in admin.site._registry)


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def test_every_list_and_the_pages_behind_it_open(
    browser: Client, populated_shop: Order, subtests: pytest.Subtests
) -> None:
    for model, model_admin in admin.site._registry.items():
        with subtests.test(model._meta.label_lower):
            pages_open(browser, model_admin, model._meta.label_lower)


def pages_open(browser: Client, model_admin: admin.ModelAdmin, label: str) -> None:
    rows = list(model_admin.model._default_manager.all())
    assert rows, f"there is no {label} to look at"

    with profiled() as commands:
        listed = browser.get(url_of(label))
        changed, history = (browser.get(url_of(label, page, rows[0].pk)) for page in ("change", "history"))
        added = browser.get(url_of(label, "add"))
    assert (listed.status_code, changed.status_code, history.status_code) == (200, 200, 200)
    assert listed.context["cl"].result_count == len(rows)
    assert added.status_code == (200 if model_admin.has_add_permission(changed.wsgi_request) else 403)
    assert not [each for each in commands if each.scans_collection and each.collection not in SMALL_COLLECTIONS]

    # Nothing typed into the search box ends in an error.
    change_list = listed.context["cl"]
    with without_rendering():
        for text in ("a(.*", "$gt", "\0", "0" * 24, "x" * 3000) if change_list.search_fields else ():
            assert browser.get(url_of(label), {"q": text}).status_code == 200, text


def test_no_page_of_the_search_ends_in_an_error(staff: User) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(staff)
    for page, status in (("1", 200), ("2", 404), ("0", 404), ("x", 404), ("9" * 5000, 404)):
        assert browser.get("/admin/search/", {"s": "order", "page": page}).status_code == status, page[:9]


def test_customers_do_not_get_in(customer: User) -> None:
    browser = browser_of(customer)
    for label in MODELS:
        answer = browser.get(url_of(label))
        assert answer.status_code == 302
        assert "/admin/login/" in answer["Location"]


def test_staff_who_may_only_look_see_no_way_to_change_anything(
    make_user: Callable[..., User], populated_shop: Order, subtests: pytest.Subtests
) -> None:
    for model, model_admin in admin.site._registry.items():
        label = model._meta.label_lower
        browser = browser_of(allow(make_user(), f"{model._meta.app_label}.view_{model._meta.model_name}"))
        row = model_admin.model._default_manager.first()
        with subtests.test(label):
            with without_rendering():
                listed = browser.get(url_of(label))
            assert listed.status_code == 200
            assert not listed.context_data["actions_row"]
            form = listed.context_data["action_form"]
            # Printing changes nothing.
            actions = {name for name, _ in form.fields["action"].choices if name} if form else set()
            assert actions <= {"print_packing_slips"}
            page = browser.get(url_of(label, "change", row.pk))
            assert page.status_code == 200
            assert b'name="_save"' not in page.content
            assert [each["title"] for each in page.context["actions_detail"]] in (
                [],
                ["Download PDF"],
                ["Packing slip"],
            )
            with without_rendering():
                assert browser.post(url_of(label, "change", row.pk), {}).status_code == 403
                assert browser.post(url_of(label, "delete", row.pk), {"post": "yes"}).status_code == 403
                for each in {*model_admin.actions_detail, *model_admin.actions_row} - {"download", "packing_slip"}:
                    posted = browser.post(url_of(label, each, row.pk), {"reason": "x", "note": "x"})
                    assert posted.status_code == 403, each


def test_staff_log_in_by_e_mail_in_any_case(staff: User) -> None:
    browser = Client()
    page = browser.post(
        "/admin/login/?next=/admin/", {"username": "BOSS@example.com", "password": "correct-horse-battery"}
    )
    assert page.status_code == 302
    assert browser.get("/admin/").status_code == 200


def test_a_failed_login_shows_one_message(staff: User, customer: User) -> None:
    sentence = "Incorrect e-mail or password."
    for email, password in ((staff.email, "wrong"), (customer.email, "correct-horse-battery"), ("nobody@x.org", "x")):
        text = Client().post("/admin/login/", {"username": email, "password": password}).content.decode()
        assert text.count(sentence) == text.count("errornote") == 1


def test_a_customer_in_the_admin_sees_once_why_there_is_no_access(customer: User) -> None:
    text = browser_of(customer).get("/admin/", follow=True).content.decode()
    assert text.count("errornote") == 1
    assert "your account has no access to the admin" in text


def test_the_sidebar_shows_only_what_a_person_may_see(make_user: Callable[..., User]) -> None:
    page = browser_of(allow(make_user(), "orders.view_order")).get("/admin/").content.decode()
    assert url_of("orders.order") in page
    assert url_of("catalog.product") not in page


def test_the_sidebar_calls_a_page_what_the_page_calls_itself(browser: Client, db: None) -> None:
    page = browser.get("/admin/")
    sections = {
        str(item["link"]): (section["title"], item["title"])
        for section in page.context["sidebar_navigation"]
        if "title" in section
        for item in section["items"]
        # The others are no lists, or have a filter.
        if "?" not in str(item["link"]) and not str(item["link"]).endswith(("/mails/", "/inventory/"))
    }
    expected = {
        url_of(model._meta.label_lower): (
            model._meta.app_config.verbose_name,
            capfirst(model._meta.verbose_name_plural),
        )
        for model in admin.site._registry
    }
    # Made by staff, for other systems.
    expected[url_of("accounts.apikey")] = ("Staff", "API keys")
    assert sections == expected


def test_an_address_that_does_not_exist_is_a_page_in_the_admin_and_json_elsewhere(browser: Client) -> None:
    assert browser.get("/admin/nowhere/")["Content-Type"].startswith("text/html")
    assert browser.get("/nowhere/")["Content-Type"] == "application/json"


def test_a_form_that_cannot_be_read_is_a_page_too(browser: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
    page = browser.post(url_of("catalog.category", "add"), dict.fromkeys("abcd", "x"))
    assert page.status_code == 400
    assert page["Content-Type"].startswith("text/html")
    assert "Malformed request." in page.content.decode()


def test_a_database_outage_has_an_error_page(browser: Client, settings: Any) -> None:
    settings.REQUEST_DATABASE_SECONDS = 0.5
    with failing("aggregate", times=None, errorCode=91):
        page = browser.get(url_of("catalog.product"))
    assert page.status_code == 503
    assert page["Content-Type"].startswith("text/html")
    assert page["Retry-After"]
    assert "The database is unavailable" in page.content.decode()


# --- Jobs -------------------------------------------------------------------------------------------------------------


def test_staff_run_a_job_even_one_that_was_given_up(browser: Client, make_product: Any) -> None:
    sold = make_product()
    variant = Variant.objects.get(product=sold)
    job = count_sales.enqueue(quantities={str(variant.pk): 3})
    Job.objects.filter(pk=job.pk).update(given_up_at=timezone.now(), attempts=20)

    page = browser.post(url_of("shop.job"), {"action": "run_selected", "_selected_action": str(job.pk)}, follow=True)

    assert messages_of(page) == ["catalog.count_sales is completed."]
    assert not Job.objects.filter(pk=job.pk).exists()
    assert Product.objects.get(pk=sold.pk).sales == 3


def test_a_job_that_fails_says_why(browser: Client) -> None:
    job = count_sales.enqueue(quantities={"nonsense": 1})
    page = browser.post(url_of("shop.job", "run_now", job.pk), {}, follow=True)
    assert messages_of(page)[0].startswith("catalog.count_sales: ")
    assert Job.objects.get(pk=job.pk).last_error


# --- Counting commands ------------------------------------------------------------------------------------------------


def test_commands_are_counted_in_their_block_only(db: None) -> None:
    with count_commands() as commands:
        list(User.objects.all())
        User.objects.count()
    list(User.objects.all())
    assert commands.names == ["aggregate", "aggregate"]
    assert len(commands.on("accounts_user")) == 2


# --- Users are shown by e-mail address --------------------------------------------------------------------------------


def test_pages_call_people_by_their_addresses_and_not_by_ids(
    browser: Client, staff: User, populated_shop: Order, customer: User
) -> None:
    variant = Variant.objects.get()
    browser.post(url_of("catalog.variant", "change_stock", variant.pk), {"change": "3", "note": "found"})
    review = Review.objects.get()
    for label, obj in (("accounts.user", customer), ("orders.review", review)):
        StaffAction.objects.create(staff=staff.pk, via="admin", action="change", model=label, object_id=str(obj.pk))
    movement = StockMovement.objects.order_by("-pk").first()
    action = StaffAction.objects.get(model="accounts.user")
    pages = {
        url_of("shop.staffaction"): [staff.email, f"customer {customer.email}", f"review {review}"],
        url_of("shop.staffaction", "change", action.pk): [staff.email, f"customer {customer.email}"],
        url_of("catalog.variant", "change", variant.pk): [f"found, {staff.email}"],
        url_of("catalog.stockmovement"): [staff.email],
        url_of("catalog.stockmovement", "change", movement.pk): [staff.email],
        url_of("catalog.variant", "history", variant.pk): [staff.email],
    }
    for page, names in pages.items():
        text = strip_tags(html.unescape(browser.get(page).content.decode()))
        for name in names:
            assert name in text, page
        assert str(staff.pk) not in text, page
    title = re.search(
        "<title>(.*?)</title>", browser.get(url_of("shop.staffaction", "change", action.pk)).content.decode()
    )
    assert f"customer {customer.email} changed" in title[1]

    count = {}
    for rows in (3, 40):
        while StaffAction.objects.count() < rows:
            StaffAction.objects.create(
                staff=staff.pk, via="admin", action="change", model="accounts.user", object_id=str(customer.pk)
            )
        with count_commands() as commands:
            browser.get(url_of("shop.staffaction"))
        count[rows] = len(commands)
    assert count[3] == count[40]


def test_no_page_shows_an_id_instead_of_a_name(browser: Client, populated_shop: Order) -> None:
    Group.objects.first().permissions.add(*Permission.objects.all()[:2])
    shown = 0
    for model, model_admin in admin.site._registry.items():
        label, row = model._meta.label_lower, model_admin.model._default_manager.first()
        if label == "shop.webhookdelivery":
            # It says about which object it is, as its receiver knows it.
            continue
        for page in (url_of(label), *(url_of(label, name, row.pk) for name in ("change", "history", "delete"))):
            reply = browser.get(page)
            text = re.sub(r"<(script|style|option|template)\b.*?</\1>", "", reply.content.decode(), flags=re.DOTALL)
            # These have a field for an id, or for whatever a job is about.
            if reply.status_code == 200 and (label not in ("shop.staffaction", "shop.job") or page == url_of(label)):
                assert re.findall(r"\b[0-9a-f]{24}\b", strip_tags(text)) == [], page
                shown += 1
    assert shown > 50


def test_all_orders_of_a_customer_are_theirs_only(
    browser: Client, make_user: Callable[..., User], populated_shop: Order, customer: User
) -> None:
    # The address of the one is the beginning of the other's.
    User.objects.filter(pk=customer.pk).update(email="ben@example.co")
    other = make_user()
    User.objects.filter(pk=other.pk).update(email="ben@example.com")
    theirs = ordered(other, Product.objects.first())
    for page in (url_of("orders.order", "change", populated_shop.pk), url_of("accounts.user", "change", customer.pk)):
        (link,) = re.findall(r'href="([^"]*orders/order/\?user=[^"]+)"', browser.get(page).content.decode())
        assert list(browser.get(link).context["cl"].result_list) == [populated_shop]
    assert list(browser.get(url_of("orders.order"), {"user": str(other.pk)}).context["cl"].result_list) == [theirs]
    for nobody in ("0" * 24, "x", "$gt"):
        assert browser.get(url_of("orders.order"), {"user": nobody}).context["cl"].result_count == 0


def test_a_denied_action_is_a_page_with_a_link_back(make_user: Callable[..., User], populated_shop: Order) -> None:
    browser = browser_of(allow(make_user(), "orders.view_order"))
    for page in (
        url_of("cart.promotion"),
        url_of("orders.order", "cancel", populated_shop.pk),
        url_of("catalog.product", "add"),
    ):
        refused = browser.get(page)
        assert refused.status_code == 403
        text = refused.content.decode()
        assert "Permission denied" in text
        assert 'href="/admin/"' in text
        assert "<style>" in text


def test_amounts_are_written_in_one_way_on_every_page(browser: Client, populated_shop: Order) -> None:
    Order.objects.filter(pk=populated_shop.pk).update(total="961562.04", subtotal="961562.04")
    for page in (url_of("orders.order"), url_of("orders.order", "change", populated_shop.pk)):
        text = browser.get(page).content.decode()
        assert "961,562.04 USD" in text
        assert "961562.04" not in text
