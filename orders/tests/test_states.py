"""Tax by state: each state has one ISO 3166-2 code in address book, quote and order, however it is entered."""

from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection
from rest_framework.test import APIClient

from accounts.models import Address, User
from catalog.models import Product
from conftest import ADDRESS
from orders.models import Order, ShippingMethod, TaxRate
from shop.dev.testing.admin import browser_of, errors_of, filled_in, url_of
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, dump_database, run_concurrently

pytestmark = pytest.mark.django_db

ORDERS, QUOTE, ADDRESSES = f"{API}/orders/", f"{API}/orders/quote/", f"{API}/users/me/addresses/"


def to(country: str, state: Any) -> dict[str, Any]:
    return {**ADDRESS, "country": country, "state": state}


@pytest.fixture(autouse=True)
def _rates(as_customer: APIClient, make_product: Callable[..., Product]) -> None:
    rates = [("US", "", "2"), ("US", "CA", "7.25"), ("US", "NY", "4"), ("CA", "", "5"), ("CA", "ON", "13")]
    for country, state, rate in [*rates, ("CA", "QC", "14.975"), ("ES", "", "21"), ("ES", "CN", "7"), ("DE", "", "19")]:
        TaxRate.objects.create(country=country, state=state, rate=Decimal(rate))
    add_to_cart(as_customer, make_product(price="1000.00", stock=50))


PLACES = [
    ("US", "CA", "CA", "72.50"),
    ("US", "California", "CA", "72.50"),
    ("US", " us-ca ", "CA", "72.50"),
    ("US", "NEW YORK", "NY", "40.00"),
    # A state without a separate rate.
    ("US", "Oregon", "OR", "20.00"),
    ("US", "AE", "AE", "20.00"),
    ("US", "Washington, D.C.", "DC", "20.00"),
    ("CA", "Ontario", "ON", "130.00"),
    ("CA", "Québec", "QC", "149.75"),
    ("CA", "QUEBEC", "QC", "149.75"),
    ("CA", "Que\u0301bec", "QC", "149.75"),
    ("CA", "PQ", "QC", "149.75"),
    # A province of a region that has a rate.
    ("ES", "Las Palmas", "GC", "70.00"),
    ("ES", "Canarias", "CN", "70.00"),
    ("ES", "Comunidad de Madrid", "MD", "210.00"),
    # Not taxed by state: what is no state is kept as it was typed.
    ("DE", "bayern", "BY", "190.00"),
    ("DE", "Am Rand", "Am Rand", "190.00"),
    ("DE", "", "", "190.00"),
    ("XK", "Prishtinë", "Prishtinë", "0.00"),
]


@pytest.mark.parametrize(("country", "typed", "kept", "tax"), PLACES)
def test_a_state_is_one_code_and_one_tax_whatever_was_typed(
    as_customer: APIClient, country: str, typed: str, kept: str, tax: str
) -> None:
    entry = as_customer.post(ADDRESSES, to(country, typed))
    assert (entry.status_code, entry.json().get("state")) == (201, kept), entry.content
    for body in ({"shipping_address": to(country, typed)}, {"address_id": entry.json()["id"]}):
        assert as_customer.post(QUOTE, body).json()["tax"] == tax
    order = as_customer.post(ORDERS, {"shipping_address": to(country, typed)}).json()
    assert (order["tax"], order["shipping_address"]["state"]) == (tax, kept)


SPELLINGS = [
    ("US", "California (CA)", "CA"),
    ("US", "CA - California", "CA"),
    ("US", "California, USA", "CA"),
    ("CA", "Québec / Quebec", "QC"),
    ("CA", "Nouveau-Brunswick", "NB"),
    ("CA", "Île-du-Prince-Édouard", "PE"),
    ("CA", "Newfoundland & Labrador", "NL"),
    ("MX", "CDMX", "CMX"),
    ("MX", "Estado de México", "MEX"),
    ("JP", "東京都", "13"),
    ("CN", "广东省", "GD"),
    ("KR", "서울특별시", "11"),
    ("AE", "دبي", "DU"),
    ("MY", "Kuala Lumpur", "14"),
    ("IN", "Jammu & Kashmir", "JK"),
    ("IN", "तमिलनाडु", "TN"),
    ("ES", "Islas Canarias", "CN"),
    ("ES", "Baleares", "IB"),
    ("PT", "Madeira", "30"),
    ("PT", "Açores", "20"),
    ("PL", "dolnoslaskie", "02"),
    ("VN", "Đà Nẵng", "DN"),
    ("GR", "Attiki", "I"),
    # Province and city have the same name.
    ("MZ", "Maputo", "Maputo"),
    ("DE", "CA", "CA"),
]


def test_a_state_is_known_by_its_local_name_and_by_what_forms_send(
    as_customer: APIClient, subtests: pytest.Subtests
) -> None:
    for country, typed, kept in SPELLINGS:
        with subtests.test(f"{typed} in {country}"):
            reply = as_customer.post(ADDRESSES, to(country, typed))
            assert (reply.status_code, reply.json().get("state")) == (201, kept), reply.content
        # The address book has a limit.
        Address.objects.all().delete()


@pytest.mark.parametrize(
    ("country", "typed"),
    [
        ("US", "CA or NY"),
        ("US", "CA, ON"),
        ("US", "CA/NY"),
        ("US", "USA"),
        ("US", ""),
        ("US", None),
        ("US", "ZZ"),
        ("US", ".*"),
        ("US", "CA-ON"),
        ("ES", "Atlantis"),
    ],
)
def test_a_country_taxed_by_state_needs_a_known_one(as_customer: APIClient, country: str, typed: str | None) -> None:
    before = dump_database()
    code = "unknown_state" if typed else "required"
    for url in (QUOTE, ORDERS):
        reply = as_customer.post(url, {"shipping_address": to(country, typed)})
        assert refusal(reply, 400) == (code, "shipping_address.state")
    assert refusal(as_customer.post(ADDRESSES, to(country, typed)), 400) == (code, "state")
    assert dump_database() == before


def test_the_state_of_an_address_follows_its_country(as_customer: APIClient) -> None:
    url = f"{ADDRESSES}{as_customer.post(ADDRESSES, to('US', 'ca')).json()['id']}/"
    # California's code is no province of Canada.
    assert refusal(as_customer.patch(url, {"country": "CA"}), 400) == ("unknown_state", "state")
    assert as_customer.get(url).json()["country"] == "US"
    assert as_customer.patch(url, {"country": "CA", "state": "Alberta"}).json()["state"] == "AB"
    assert as_customer.patch(url, {"state": "quebec"}).json()["state"] == "QC"


def test_an_old_address_without_a_state_is_refused_when_it_is_ordered_to(
    customer: User, as_customer: APIClient
) -> None:
    address = Address.objects.create(user=customer, **to("US", ""), is_default=True)
    body = {"address_id": str(address.pk)}
    assert refusal(as_customer.post(ORDERS, body), 400) == ("unknown_state", "shipping_address.state")
    # Other fields can still be changed.
    assert as_customer.patch(f"{ADDRESSES}{address.pk}/", {"city": "Bath"}).status_code == 200
    assert not Order.objects.exists()


def test_a_pick_up_needs_no_state_of_the_buyer_and_is_taxed_by_its_own(as_customer: APIClient) -> None:
    place = {"is_pickup": True, "pickup_country": "US", "price": "0"}
    for code, state in (("la", "california"), ("desert", "")):
        ShippingMethod.objects.create(code=code, name=code, pickup_state=state, **place)
    for code, tax in (("la", "72.50"), ("desert", "20.00")):
        reply = as_customer.post(QUOTE, {"shipping_address": {"country": "US"}, "shipping_method": code})
        assert (reply.status_code, reply.json().get("tax")) == (200, tax), reply.content


@pytest.mark.parametrize("state", ["ca", "California", "US-CA"])
def test_two_rates_for_one_state_are_refused(staff: User, state: str) -> None:
    before = list(TaxRate.objects.order_by("pk").values())
    browser, url = browser_of(staff), url_of("orders.taxrate", "add")
    data = filled_in(browser.get(url)) | {"country": "US", "state": state, "rate": "9"}
    assert errors_of(browser.post(url, data))
    with pytest.raises(IntegrityError):
        TaxRate.objects.create(country="US", state=state, rate=Decimal(9))
    assert list(TaxRate.objects.order_by("pk").values()) == before


def test_staff_type_a_name_and_it_is_kept_as_the_code(staff: User) -> None:
    browser, url = browser_of(staff), url_of("orders.taxrate", "add")
    data = filled_in(browser.get(url)) | {"country": "US", "state": "texas", "rate": "6.25"}
    browser.post(url, data)
    assert TaxRate.objects.get(state="TX").rate == Decimal("6.25")
    assert set(errors_of(browser.post(url, data | {"state": "Atlantis"}))) == {"state"}


def test_staff_type_countries_in_any_case(staff: User) -> None:
    browser, url = browser_of(staff), url_of("orders.taxrate", "add")
    browser.post(url, filled_in(browser.get(url)) | {"country": "fr", "state": "corse", "rate": "10"})
    assert TaxRate.objects.get(country="FR").state == "20R"
    assert errors_of(browser.post(url, filled_in(browser.get(url)) | {"country": "us", "state": "ny", "rate": "9"}))
    url = url_of("orders.shippingmethod", "add")
    pickup = {"name": "Store", "code": "store", "price": "0", "is_pickup": "on"}
    place = {"pickup_country": "Us", "pickup_state": "california"}
    browser.post(url, filled_in(browser.get(url)) | pickup | place)
    store = ShippingMethod.objects.get(code="store")
    assert (store.pickup_country, store.pickup_state) == ("US", "CA")


def test_of_two_rates_for_one_state_at_once_one_is_kept(db: None) -> None:
    def create() -> bool:
        try:
            TaxRate.objects.create(country="US", state="Texas", rate=Decimal(6))
        except IntegrityError:
            return False
        return True

    assert sorted(run_concurrently(create, create, create)) == [False, False, True]


def test_the_migration_brings_rates_and_addresses_into_the_one_form(customer: User) -> None:
    TaxRate.objects.all().delete()
    rates = connection.database["orders_taxrate"]
    for number, state in enumerate(("CA", "california", "US-CA", "new york", "Nowhere", "")):
        TaxRate.objects.bulk_create([TaxRate(country="US", state=state, rate=Decimal(number))])
    addresses = [
        Address(user=customer, **to(country, state), is_default=False)
        for country, state in (("US", "california"), ("CA", "Québec"), ("DE", "Am Rand"), ("US", ""))
    ]
    Address.objects.bulk_create(addresses)

    for app, name in (("accounts", "0003_addresses_and_new_email"), ("orders", "0008_states_of_tax_rates")):
        migration = import_module(f"{app}.migrations.{name}")
        for _ in range(2):
            migration.normalize_states(apps, None)
    import_module("accounts.migrations.0003_addresses_and_new_email").set_missing_defaults(apps, None)

    # The newest rate of California is the one that counted.
    kept = {(row["state"], int(row["rate"].to_decimal())) for row in rates.find()}
    assert kept == {("CA", 2), ("NY", 3), ("Nowhere", 4), ("", 5)}
    assert [each.state for each in Address.objects.order_by("id")] == ["CA", "QC", "Am Rand", ""]
    assert [each.is_default for each in Address.objects.order_by("id")] == [False, False, False, True]
