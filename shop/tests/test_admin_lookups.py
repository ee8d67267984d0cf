"""Look-ups in an admin list's query string are limited to its filters."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.http import HttpRequest
from django.test import Client, RequestFactory

from accounts.models import User
from cart.models import Cart, token_digest
from orders.models import Order
from payments.models import Payment
from shop.admin.base import TransactionalModelAdmin
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import failing
from shop.dev.testing.groups import make_groups

pytestmark = pytest.mark.django_db

ADMINS = {model._meta.label_lower: model_admin for model, model_admin in admin.site._registry.items()}
LOOKUPS = ("", "__exact", "__startswith", "__istartswith", "__regex", "__contains", "__gte", "__lt", "__in", "__isnull")


def paths_of(model: type[models.Model], *, depth: int) -> Iterator[str]:
    """Every path that a look-up can take from this model: its columns, and through relations those of others."""
    for field in model._meta.get_fields():
        name = getattr(field, "attname", field.name)
        yield from {field.name, name}
        if field.is_relation and depth and field.related_model:
            yield from (f"{field.name}__{path}" for path in paths_of(field.related_model, depth=depth - 1))


def parameters_of(label: str, request: HttpRequest) -> set[str]:
    """The parameters that the list's own filters send, as the page of the list shows them."""
    model_admin = ADMINS[label]
    change_list = model_admin.get_changelist_instance(request)
    shown = {name for spec in change_list.filter_specs for name in spec.expected_parameters() if name}
    # A filter without choices is not shown; links elsewhere in the admin use it.
    return shown | {each.parameter_name for each in model_admin.list_filter if hasattr(each, "parameter_name")}


@pytest.fixture
def request_of(staff: User) -> Callable[[], HttpRequest]:
    def make() -> HttpRequest:
        request = RequestFactory().get("/admin/")
        request.user = staff
        return request

    return make


@pytest.fixture
def reader(make_user: Callable[..., User]) -> Client:
    """A browser of a member of the read-only group."""
    make_groups()
    user = make_user(is_staff=True)
    user.groups.add(Group.objects.get(name="Read-only"))
    return browser_of(user)


@pytest.mark.parametrize("label", sorted(ADMINS))
def test_every_admin_allows_the_parameters_of_its_filters_and_nothing_else(
    label: str, request_of: Callable[[], HttpRequest]
) -> None:
    model_admin = ADMINS[label]
    assert isinstance(model_admin, TransactionalModelAdmin)
    own = parameters_of(label, request_of())
    request = request_of()
    tried = {path + lookup for path in paths_of(model_admin.model, depth=2) for lookup in LOOKUPS}
    tried |= {"password", "order__payments__client_secret__startswith", "lines__sku", "pk__in", "nothing"} | own
    assert {name for name in tried if model_admin.lookup_allowed(name, "x", request)} == own


def test_a_look_up_of_any_column_is_400_over_http(reader: Client, populated_shop: Order) -> None:
    for label, model_admin in ADMINS.items():
        for number, field in enumerate(model_admin.model._meta.concrete_fields):
            query = {f"{field.name}__startswith": "a"}
            for extra in ({}, {"_popup": "1"}) if number == 0 else ({},):
                assert reader.get(url_of(label), query | extra).status_code == 400, f"{label}.{field.name}"


SECRETS = [
    ("payments.payment", "client_secret__startswith", "pi_1_secret"),
    ("payments.payment", "idempotency_key__startswith", "payment-"),
    ("payments.refund", "payment__client_secret__startswith", "pi_1_secret"),
    ("orders.order", "payments__client_secret__startswith", "pi_1_secret"),
    ("orders.order", "user__password__startswith", "bcrypt"),
    ("cart.cart", "token_digest__startswith", token_digest("guest")[:4]),
    ("shop.job", "payload__contains", "x"),
    ("payments.stripeevent", "payload__data__object__client_secret__startswith", "pi_1_secret"),
    ("accounts.user", "email__regex", "("),
    ("orders.order", "created_at__year", "9" * 20),
]


def test_a_secret_cannot_be_guessed_by_what_a_list_finds(
    reader: Client, populated_shop: Order, subtests: pytest.Subtests
) -> None:
    Payment.objects.update(client_secret="pi_1_secret_x")
    Cart.objects.create(token_digest=token_digest("guest"))
    for label, lookup, value in SECRETS:
        with subtests.test(f"{label} {lookup}"):
            replies = [reader.get(url_of(label), {lookup: each}) for each in (value, f"{value}not")]
            assert [reply.status_code for reply in replies] == [400, 400]


def test_the_lists_show_no_column_and_search_no_column_that_is_secret() -> None:
    secret = {"client_secret", "token_digest", "password", "payload", "fingerprint", "token", "current"}
    for model_admin in ADMINS.values():
        sorted_by = {model_admin.get_empty_value_display()}
        for name in (*model_admin.list_display, *model_admin.search_fields, *(model_admin.ordering or ())):
            function = getattr(model_admin, name, None) if isinstance(name, str) else name
            sorted_by |= {str(getattr(function, "admin_order_field", None) or name).lstrip("-")}
        assert not sorted_by & secret, model_admin


def test_a_filtered_list_reports_an_outage_as_an_outage(staff: User, settings: Any) -> None:
    settings.REQUEST_DATABASE_SECONDS = 0.5
    with failing("aggregate", User, times=None, errorCode=91):
        assert browser_of(staff).get(url_of("accounts.user"), {"is_staff__exact": "1"}).status_code == 503


def test_further_values_of_a_filter_cost_no_further_commands(staff: User) -> None:
    browser = browser_of(staff)
    url = f"{url_of('orders.order')}?user={staff.pk}"
    counts = []
    for values in ("&status__exact=pending", "&status__exact=pending" * 20):
        with count_commands() as commands:
            assert browser.get(url + values).status_code == 200
        counts.append(len(commands))
    assert counts[0] == counts[1]
