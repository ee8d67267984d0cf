"""Staff publish and unpublish many products at once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog import services
from catalog.admin import products as products_module
from catalog.models import Category, Product
from catalog.tests.product_page import run_jobs
from shop import audit, jobs
from shop.audit.staff_log import StaffAction
from shop.dev.testing.admin import browser_of, messages_of, url_of
from shop.dev.testing.failures import failing
from shop.dev.testing.steps import API
from shop.jobs import Job

LATER = "follow in the background, unless they are edited first."


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def test_products_are_shown_and_hidden_several_at_once(browser: Client, make_product: Callable[..., Product]) -> None:
    chosen = [make_product(), make_product()]
    other = make_product()
    data = {"action": "deactivate", "_selected_action": [str(product.pk) for product in chosen]}
    page = browser.post(url_of("catalog.product"), data, follow=True)
    assert messages_of(page) == ["2 products unpublished."]
    assert list(Product.objects.active()) == [other]


def publish(browser: Client, products: list[Product], *, action: str = "activate") -> list[str]:
    data = {"action": action, "_selected_action": [str(product.pk) for product in products]}
    return messages_of(browser.post(url_of("catalog.product"), data, follow=True))


def unpublish(browser: Client, products: list[Product]) -> list[str]:
    return publish(browser, products, action="deactivate")


def test_many_products_are_hidden_in_batches_of_which_the_worker_does_the_rest(
    browser: Client,
    staff: User,
    make_category: Callable[..., Category],
    make_product: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "ACTIVATED_TOGETHER", 2)
    category = make_category("Shirts")
    *chosen, other = [make_product(category=category) for _ in range(6)]

    assert unpublish(browser, chosen) == [f"2 products unpublished. The other 3 {LATER}"]
    assert Product.objects.active().count() == 4
    waiting = Job.objects.get()
    assert len(waiting.payload["products"]) == 3

    # A worker that is killed leaves what is committed.
    assert jobs.run_due() == 1
    assert Product.objects.active().count() == 2
    assert (len(Job.objects.get().payload["products"]), Job.objects.get().attempts) == (1, 0)
    run_jobs()
    assert list(Product.objects.active()) == [other]
    actions = StaffAction.objects.filter(model="catalog.product", action="change", fields=["is_active"])
    assert sorted(actions.values_list("object_id", flat=True)) == sorted(str(product.pk) for product in chosen)
    assert set(actions.values_list("staff", "via", "request_id")) == {(str(staff.pk), "admin", waiting.request_id)}
    assert actions.exclude(label="").count() == 5
    assert audit.violations() == []


def test_the_latest_request_for_a_product_wins(
    browser: Client, as_staff: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "ACTIVATED_TOGETHER", 1)
    # The list has the newest first.
    single, hidden, shown, first = chosen = [make_product(f"Mug {n}") for n in range(4)]
    services.set_active([hidden], is_active=False)
    assert unpublish(browser, chosen) == [f"1 product unpublished. The other 3 {LATER}"]
    # Before the job reaches them; three of the four are as wanted already.
    assert publish(browser, [shown, hidden, first]) == [f"1 product published. The other 2 {LATER}"]
    reply = as_staff.patch(f"{API}/products/{single.pk}/", {"is_active": True})
    assert reply.status_code == 200
    unpublishing = Job.objects.earliest("pk")
    # No edit.
    Product.objects.filter(pk=hidden.pk).update(updated_at=timezone.now())
    # In either order.
    Job.objects.filter(pk=unpublishing.pk).update(run_at=timezone.now() + timedelta(hours=1))
    run_jobs()
    assert Job.objects.get() == unpublishing
    Job.objects.update(run_at=timezone.now())
    run_jobs()
    assert set(Product.objects.active()) == {first, shown, hidden, single}
    actions = StaffAction.objects.filter(model="catalog.product", action="change", object_id=str(single.pk))
    assert actions.count() == 1

    assert len(publish(browser, chosen)) == len(unpublish(browser, chosen[::-1])) == 1
    run_jobs()
    assert not Product.objects.active().exists()
    assert audit.violations() == []


def test_a_batch_that_fails_is_hidden_with_its_log_or_not_at_all(
    browser: Client, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "ACTIVATED_TOGETHER", 1)
    unpublish(browser, [make_product(), make_product()])
    before = StaffAction.objects.count()
    with failing("commitTransaction", errorCode=8000):
        assert jobs.run_due() == 1
    assert (Product.objects.active().count(), StaffAction.objects.count()) == (1, before)
    assert Job.objects.get().attempts == 1
    Job.objects.update(run_at=timezone.now())
    run_jobs()
    assert (Product.objects.active().count(), StaffAction.objects.count()) == (0, before + 1)


def test_more_products_than_one_request_can_show_or_hide_are_refused(
    browser: Client, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products_module.ProductAdmin, "most_changed", {"deactivate": 2})
    chosen = [str(make_product().pk) for _ in range(3)]
    page = browser.post(url_of("catalog.product"), {"action": "deactivate", "_selected_action": chosen}, follow=True)
    assert messages_of(page) == ["Select at most 2 products, or filter the list first."]
    assert Product.objects.active().count() == 3
