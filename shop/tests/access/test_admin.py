"""The admin matches its table: every page of every model, every button, every kind of staff."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import User
from orders.models import Order
from shop.dev.testing.admin import browser_of, without_rendering
from shop.dev.testing.steps import dump_database
from shop.tests.access.routes import routes
from shop.tests.access.tables import ADMIN, APPS, COMMON, GUESTS, SITE, STAFF, WITH_ARGUMENTS

# An action on selected rows that has a separate page.
WITH_A_PAGE = {"change_prices"}

PAGES = {"L": "changelist", "A": "add", "C": "change", "S": "change", "D": "delete", "H": "history"}
METHODS = {"C": ("get",), "S": ("post",)}
MODELS = {model._meta.label_lower: model for model in admin.site._registry}
ROUTES = [route for route in routes() if route.path.startswith("admin/")]
# The only page that is not named after its model.
PASSWORD = {"auth_user_password_change": "accounts_user_password"}


def _buttons() -> dict[str, set[str]]:
    """The pages of each model that Django does not know, as the URL configuration has them."""
    buttons: dict[str, set[str]] = {label: set() for label in MODELS}
    for route in ROUTES:
        app, model, page = (*PASSWORD.get(route.name, route.name).split("_", 2), "", "")[:3]
        if f"{app}.{model}" in MODELS and page not in PAGES.values():
            buttons[f"{app}.{model}"].add(page)
    return buttons


BUTTONS = _buttons()
# Pages about a model and not about one object of it.
OF_LISTS = {route.name for route in ROUTES if "{" not in route.path}


def opened(label: str, person: str) -> set[str]:
    """Return what the table allows for a model: letters and names."""
    letters, *names = ADMIN[label][person].split("+")
    names = [each for name in names for each in COMMON.get(name, name).split("+")]
    return set(letters) - {"-"} | set(names)


def address_of(label: str, page: str) -> str:
    name = f"{label.replace('.', '_')}_{PAGES.get(page, page)}"
    name = {value: key for key, value in PASSWORD.items()}.get(name, name)
    row = MODELS[label]._default_manager.first()
    return reverse(f"admin:{name}", args=[] if name in OF_LISTS else [row.pk])


@pytest.fixture
def browsers(populated_shop: Order, people: dict[str, User | None]) -> dict[str, Client]:
    """The users' browsers, logged in if they can be."""
    return {name: browser_of(user) if user else Client() for name, user in people.items()}


@pytest.fixture(autouse=True)
def _unrendered() -> Iterator[None]:
    """Other tests render the pages."""
    with without_rendering():
        yield


def asked(browser: Client, label: str, page: str) -> list[tuple[str, Any]]:
    """Return the status of a page by method."""
    address = address_of(label, page)
    return [(method, getattr(browser, method)(address)) for method in METHODS.get(page, ("get", "post"))]


def test_every_page_is_in_the_table_and_every_row_is_a_page() -> None:
    assert set(ADMIN) == set(MODELS)
    # The superuser may press every button; the other names are actions on the list.
    assert {
        label: BUTTONS[label] - opened(label, "boss") for label in MODELS if BUTTONS[label] - opened(label, "boss")
    } == {}
    about_no_model = {route.name for route in ROUTES if route.name.split("_")[0] not in APPS}
    assert about_no_model == {*SITE, "app_list", ""}
    assert {model._meta.app_label for model in MODELS.values()} == set(APPS)


def test_what_the_table_does_not_open_is_403_and_changes_nothing(browsers: dict[str, Client]) -> None:
    before = dump_database()
    wrong = []
    for label, person in product(MODELS, STAFF):
        for page in {*PAGES, *BUTTONS[label]} - opened(label, person):
            for method, reply in asked(browsers[person], label, page):
                if reply.status_code != 403:
                    wrong.append(f"{method} {label} {page} as {person}: {reply.status_code}")
    assert wrong == []
    assert dump_database() == before


def test_what_the_table_opens_is_open(
    browsers: dict[str, Client], put_back: Callable[[], None], simulator: Any
) -> None:
    wrong = []
    for label, person in product(MODELS, STAFF):
        for page in opened(label, person) & {*PAGES, *BUTTONS[label]}:
            for method, reply in asked(browsers[person], label, page):
                if reply.status_code not in (200, 302) or "login" in reply.get("Location", ""):
                    wrong.append(f"{method} {label} {page} as {person}: {reply.status_code}")
                if method == "post":
                    put_back()
    assert wrong == []


def test_only_what_the_table_names_can_be_done_with_rows_of_a_list(browsers: dict[str, Client]) -> None:
    for label, person in product(MODELS, STAFF):
        if "L" in opened(label, person):
            form = browsers[person].get(address_of(label, "L")).context_data["action_form"]
            offered = {name for name, _ in form.fields["action"].choices if name} if form else set()
            expected = opened(label, person) - set(PAGES) - (BUTTONS[label] - WITH_A_PAGE)
            assert offered == expected, f"{label} as {person}"


def test_anonymous_users_and_customers_are_sent_to_the_login_from_everywhere(browsers: dict[str, Client]) -> None:
    before = dump_database()
    login = reverse("admin:login")
    pages = [address_of(label, page) for label in MODELS for page in {*PAGES, *BUTTONS[label]}]
    pages += [reverse("admin:app_list", args=[app]) for app in APPS] + [f"{reverse('admin:index')}nowhere/"]
    for address, method, person in product(pages, ("get", "post"), ("nobody", "other")):
        reply = getattr(browsers[person], method)(address)
        assert (reply.status_code, reply.get("Location", "").split("?")[0]) == (302, login), f"{method} {address}"
    assert dump_database() == before


def test_pages_about_no_model_are_answered_by_the_table(browsers: dict[str, Client]) -> None:
    for name, (nobody, customer, staff) in SITE.items():
        address = reverse(f"admin:{name}", args=WITH_ARGUMENTS.get(name, ()))
        statuses = {person: browsers[person].get(address).status_code for person in browsers}
        expected = {
            **dict.fromkeys(GUESTS, nobody),
            "owner": customer,
            "other": customer,
            **dict.fromkeys(STAFF, staff),
        }
        assert statuses == expected, name
    for app, people in APPS.items():
        for person in STAFF:
            status = browsers[person].get(reverse("admin:app_list", args=[app])).status_code
            assert status == (200 if person in people else 404), f"{app} as {person}"
