"""Tax by class and place, and by a provider."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.errors import UnknownState
from accounts.models import User
from catalog.models import Product, Variant
from conftest import ADDRESS
from orders import hooks
from orders.errors import InvalidTaxAddress
from orders.models import Order, ShippingMethod, TaxRate
from orders.taxes import provider
from orders.taxes.calculation import TaxAmount, TaxBasis, Taxes
from shop import audit
from shop.api.errors import ShopError
from shop.db.transactions import in_transaction
from shop.dev.testing.admin import browser_of, filled_in, url_of
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, add_to_cart, dump_database, place_order
from shop.hooks import Hook

pytestmark = pytest.mark.django_db

ORDERS, QUOTE = f"{API}/orders/", f"{API}/orders/quote/"


def to(country: str, state: str = "") -> dict[str, Any]:
    return {"shipping_address": {**ADDRESS, "country": country, "state": state}}


@pytest.fixture
def rates(db: None) -> None:
    for country, state, tax_class, rate, label in [
        ("DE", "", "standard", "19", "VAT"),
        ("DE", "", "reduced", "7", "VAT"),
        ("DE", "", "zero", "0", "Exempt"),
        ("GB", "", "standard", "20", ""),
        ("ES", "", "standard", "21", "IVA"),
        ("ES", "", "reduced", "10", "IVA"),
        ("ES", "CN", "standard", "7", "IGIC"),
        ("US", "", "standard", "5", "Sales tax"),
        ("US", "CA", "standard", "7.25", "Sales tax"),
    ]:
        TaxRate.objects.create(
            country=country,
            state=state,
            tax_class=tax_class,
            rate=Decimal(rate),
            label=label,
            applies_to_shipping=country != "US",
        )


@pytest.fixture
def cart(as_customer: APIClient, make_product: Callable[..., Product], shipping: ShippingMethod) -> APIClient:
    """10.00 of each class, and 4.90 of shipping."""
    for tax_class in ("standard", "reduced", "zero"):
        add_to_cart(as_customer, make_product(price="10.00", tax_class=tax_class))
    return as_customer


def lines_of(reply: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(line["label"], line["rate"], line["amount"]) for line in reply["tax_lines"]]


PLACES = [
    # Shipping has the highest rate: 1.90 + 0.93.
    ("DE", "", [("VAT", "19", "2.83"), ("VAT", "7", "0.70"), ("Exempt", "0", "0.00")], ["1.90", "0.70", "0.00"]),
    # Without a rate of its own, a class has the standard one.
    ("GB", "", [("Tax", "20", "4.98")], ["2.00", "2.00", "0.00"]),
    ("ES", "Madrid", [("IVA", "21", "3.13"), ("IVA", "10", "1.00")], ["2.10", "1.00", "0.00"]),
    # A state's rates replace its country's.
    ("ES", "Las Palmas", [("IGIC", "7", "1.74")], ["0.70", "0.70", "0.00"]),
    ("US", "CA", [("Sales tax", "7.25", "1.46")], ["0.73", "0.73", "0.00"]),
    ("JP", "Tokyo", [], ["0.00", "0.00", "0.00"]),
]


def test_each_class_has_its_rate_in_a_place(cart: APIClient, rates: None, subtests: pytest.Subtests) -> None:
    for country, state, expected, on_lines in PLACES:
        with subtests.test(f"{country} {state}"):
            quote = cart.post(QUOTE, to(country, state)).json()
            assert lines_of(quote) == expected
            assert [line["tax"] for line in quote["lines"]] == on_lines
            assert sum(Decimal(line["amount"]) for line in quote["tax_lines"]) == Decimal(quote["tax"])
            assert Decimal(quote["total"]) == Decimal("34.90") + Decimal(quote["tax"])


def test_an_order_keeps_its_lines_of_tax_whatever_becomes_of_the_rates(
    cart: APIClient, rates: None, staff: User, settings: Any
) -> None:
    settings.PRICES_INCLUDE_TAX = True
    quote = cart.post(QUOTE, to("DE")).json()
    placed = place_order(cart, **to("DE"))
    TaxRate.objects.all().delete()
    order = cart.get(f"{ORDERS}{placed['number']}/").json()
    # 10 / 1.19 × 0.19, and 4.90 / 1.19 × 0.19.
    assert lines_of(order) == [("VAT", "19", "2.38"), ("VAT", "7", "0.65"), ("Exempt", "0", "0.00")]
    assert [(line["tax"], line["tax_rate"]) for line in order["lines"]] == [
        ("1.60", "19"),
        ("0.65", "7"),
        ("0.00", "0"),
    ]
    assert {name: order[name] for name in ("tax", "tax_lines", "total")} == {
        name: quote[name] for name in ("tax", "tax_lines", "total")
    }
    assert [(line["tax"], line["tax_rate"]) for line in quote["lines"]] == [
        (line["tax"], line["tax_rate"]) for line in order["lines"]
    ]
    assert (order["tax"], order["total"]) == ("3.03", "34.90")
    page = browser_of(staff).get(url_of("orders.order", "change", Order.objects.get().pk)).content.decode()
    assert "VAT 19% (included)" in page
    assert "VAT 7% (included)" in page
    assert audit.violations() == []


def test_the_audit_finds_lines_of_tax_that_do_not_add_up(cart: APIClient, rates: None) -> None:
    place_order(cart, **to("DE"))
    order = Order.objects.get()
    order.tax_lines[0].amount += 1
    order.save(update_fields=["tax_lines"])
    (found,) = audit.violations()
    assert "lines of tax add up to 4.53" in found


def test_staff_set_a_rate_for_a_class(rates: None, staff: User) -> None:
    browser, url = browser_of(staff), url_of("orders.taxrate", "add")
    data = filled_in(browser.get(url)) | {"country": "GB", "tax_class": "reduced", "rate": "5", "label": "VAT"}
    assert browser.post(url, data).status_code == 302
    assert browser.post(url, data).status_code == 200
    made = TaxRate.objects.get(country="GB", tax_class="reduced")
    assert (made.rate, made.label) == (5, "VAT")


# --- A provider -------------------------------------------------------------------------------------------------------


class Provider:
    """A tax of 6 % of the state and of 1.5 % of the city, rounded down."""

    def __init__(self) -> None:
        self.asked: list[TaxBasis] = []
        self.during_the_call: Callable[[], Any] = lambda: None

    def __call__(self, *, basis: TaxBasis, timeout: float) -> Taxes:
        assert not in_transaction()
        self.asked.append(basis)
        self.during_the_call()
        rates = {"State": Decimal(6), "City": Decimal("1.5")}
        return Taxes(
            lines=[
                [
                    TaxAmount(label, rate, (line.amount * rate / 100).quantize(Decimal("0.01"), "ROUND_DOWN"))
                    for label, rate in rates.items()
                ]
                for line in basis.lines
            ],
            shipping=[TaxAmount("State", 6, Decimal("0.29"))],
        )


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    asked = Provider()
    monkeypatch.setattr(hooks, "calculate_tax", Hook())
    hooks.calculate_tax.register(asked)
    yield asked
    provider.circuit.close()


def test_a_provider_calculates_the_taxes_of_quote_and_order(cart: APIClient, rates: None, registered: Provider) -> None:
    quote = cart.post(QUOTE, to("US", "NY")).json()
    order = place_order(cart, expected_total=quote["total"], **to("US", "NY"))
    for priced in (quote, order):
        assert lines_of(priced) == [("State", "6", "2.09"), ("City", "1.5", "0.45")]
        assert [(line["tax"], line["tax_rate"]) for line in priced["lines"]] == [("0.75", "7.5")] * 3
        assert (priced["tax"], priced["total"]) == ("2.54", "37.44")
    assert len(registered.asked) == 2
    basis = registered.asked[1]
    assert (basis.country, basis.state, basis.city, basis.shipping) == ("US", "NY", "London", Decimal("4.90"))
    assert [(line.tax_class, line.amount) for line in basis.lines] == [
        (tax_class, 10) for tax_class in ("standard", "reduced", "zero")
    ]
    assert audit.violations() == []


def test_what_changes_during_the_call_of_a_provider_refuses_the_order(
    cart: APIClient, make_product: Callable[..., Product], registered: Provider, subtests: pytest.Subtests
) -> None:
    other = make_product(price="1.00")
    changes = {
        "total_changed": lambda: Variant.objects.exclude(product=other).update(price=Decimal(11)),
        "cart_changed": lambda: add_to_cart(cart, other),
    }
    for code, change in changes.items():
        with subtests.test(code):
            registered.during_the_call = change
            assert refusal(cart.post(ORDERS, to("US", "NY")), 409)[0] == code
            assert not Order.objects.exists()
    registered.during_the_call = lambda: None
    assert place_order(cart, **to("US", "NY"))["subtotal"] == "34.00"


def test_a_provider_that_fails_is_an_outage(cart: APIClient, registered: Provider, subtests: pytest.Subtests) -> None:
    def unreachable() -> None:
        raise ConnectionError

    wrong: list[Any] = [
        None,
        Taxes(lines=[]),
        Taxes(lines=[[TaxAmount("VAT", Decimal(5), Decimal("10.01"))], [], []]),
        Taxes(lines=[[TaxAmount("VAT", Decimal(5), Decimal("0.005"))], [], []]),
        Taxes(lines=[[TaxAmount("VAT", Decimal(5), Decimal("-1"))], [], []]),
        Taxes(lines=[[TaxAmount("", Decimal(5), Decimal(1))], [], []]),
        Taxes(lines=[[TaxAmount("VAT", 5.5, Decimal(1))], [], []]),  # type: ignore[arg-type]
        Taxes(lines=[[TaxAmount("VAT", Decimal("5.5555"), Decimal(1))], [], []]),
    ]
    before = dump_database()
    registered.during_the_call = unreachable
    for url in (QUOTE, ORDERS):
        reply = cart.post(url, to("US", "NY"))
        assert refusal(reply, 503) == ("tax_unavailable", None)
        assert reply.headers["Retry-After"]
    for number, taxes in enumerate(wrong):
        with subtests.test(str(number)), pytest.MonkeyPatch.context() as patch:
            patch.setattr(hooks, "calculate_tax", Hook())
            hooks.calculate_tax.register(lambda basis, timeout, taxes=taxes: taxes)
            assert refusal(cart.post(ORDERS, to("US", "NY")), 503)[0] == "tax_unavailable"
    assert dump_database() == before
    registered.during_the_call = lambda: None
    assert place_order(cart, **to("US", "NY"))["tax"] == "2.54"


@pytest.mark.parametrize("error", [UnknownState(attr="shipping_address.state"), InvalidTaxAddress()])
def test_an_address_that_a_provider_refuses_is_no_outage(
    cart: APIClient, registered: Provider, error: ShopError
) -> None:
    def refuse() -> None:
        raise error

    before = dump_database()
    registered.during_the_call = refuse
    for url in (QUOTE, ORDERS, QUOTE):
        assert refusal(cart.post(url, to("US", "NY")), 400) == (error.default_code, error.faults[0].attr)
    assert len(registered.asked) == 3
    assert dump_database() == before
