"""Staff change the prices of many products at once: a rule, its preview, the confirmation."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client

from accounts.models import User
from catalog import stock
from catalog.admin import price_changes as page_module
from catalog.admin.products import ProductAdmin
from catalog.models import Product, StockMovement, Variant
from catalog.price_changes import Kind, PriceChange, Rounding, Rule
from shop.db import documents
from shop.dev.testing.admin import allow, browser_of, messages_of, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.failures import failing
from shop.dev.testing.steps import dump_database, run_concurrently

LIST = url_of("catalog.product")
TEN_PER_CENT_OFF = {"kind": "lower_percent", "by": "10", "rounding": "step", "compare_at": "keep"}


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def shirt(make_product: Callable[..., Product]) -> Product:
    variants = [{"sku": "SHIRT-S", "options": {"size": "S"}, "price": "20.00", "stock": 5}]
    variants.append({"sku": "SHIRT-M", "options": {"size": "M"}, "price": "24.99", "stock": 5})
    return make_product("Shirt", variants=variants)


@pytest.fixture
def hat(make_product: Callable[..., Product]) -> Product:
    return make_product("Hat", sku="HAT", price="12.00")


def choose(browser: Client, *products: Product, **more: str) -> Any:
    """Choose products in the list and the action; return the page that asks for the rule."""
    chosen = {"action": "change_prices", "_selected_action": [str(product.pk) for product in products]}
    return browser.post(LIST, {**chosen, **more})


def preview(browser: Client, *products: Product, **rule: str) -> Any:
    asked = choose(browser, *products)
    hidden = {"products": asked.context["products"], "back": asked.context["back"]}
    return browser.post(asked.context["url"], {**hidden, **TEN_PER_CENT_OFF, **rule})


def confirm(browser: Client, seen: Any) -> Any:
    return browser.post(seen.context["url"], {"plan": seen.context["plan"], "back": LIST}, follow=True)


def prices() -> dict[str, Decimal]:
    return dict(Variant.objects.values_list("sku", "price"))


def test_a_preview_shows_every_price_and_changes_nothing(browser: Client, shirt: Product, hat: Product) -> None:
    browser.get(LIST)
    before = dump_database()
    seen = preview(browser, shirt, hat)
    assert [(str(row["variant"]), row["old"], row["new"], row["difference"]) for row in seen.context["rows"]] == [
        ("HAT", "12.00 USD", "10.80 USD", "-10.0%"),
        ("SHIRT-S (S)", "20.00 USD", "18.00 USD", "-10.0%"),
        ("SHIRT-M (M)", "24.99 USD", "22.49 USD", "-10.0%"),
    ]
    assert "Lower by 10%, no rounding" in seen.content.decode()
    assert dump_database() == before


def test_confirmed_prices_reach_what_shoppers_read_and_leave_the_stock_alone(
    browser: Client, shirt: Product, hat: Product
) -> None:
    movements = list(StockMovement.objects.values())
    page = confirm(browser, preview(browser, shirt))
    assert messages_of(page) == ["2 prices changed."]
    assert prices() == {"SHIRT-S": 18, "SHIRT-M": Decimal("22.49"), "HAT": 12}
    assert Product.objects.get(pk=shirt.pk).price == 18
    assert list(StockMovement.objects.values()) == movements


def test_what_is_confirmed_twice_happens_once(browser: Client, shirt: Product) -> None:
    seen = preview(browser, shirt)
    confirm(browser, seen)
    page = confirm(browser, seen)
    assert prices() == {"SHIRT-S": 18, "SHIRT-M": Decimal("22.49")}
    assert messages_of(page) == ["2 prices changed since the preview and were skipped: SHIRT-M, SHIRT-S."]


def test_a_concurrently_changed_price_is_skipped_and_listed(browser: Client, shirt: Product) -> None:
    seen = preview(browser, shirt)
    Variant.objects.filter(sku="SHIRT-S").update(price="15.00")
    page = confirm(browser, seen)
    assert prices() == {"SHIRT-S": 15, "SHIRT-M": Decimal("22.49")}
    assert messages_of(page) == [
        "1 price changed.",
        "1 price changed since the preview and was skipped: SHIRT-S.",
    ]


def test_a_change_whose_transaction_is_lost_runs_again_and_happens_once(browser: Client, shirt: Product) -> None:
    seen = preview(browser, shirt)
    with failing("commitTransaction", errorCode=251, errorLabels=["TransientTransactionError"]):
        page = confirm(browser, seen)
    assert messages_of(page) == ["2 prices changed."]
    assert prices() == {"SHIRT-S": 18, "SHIRT-M": Decimal("22.49")}


def test_a_sale_in_the_same_moment_keeps_its_stock(
    browser: Client, hat: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = preview(browser, hat)
    variant = Variant.objects.get(sku="HAT")
    update_rows, times = documents.update_rows, []

    def during_a_sale(model: type[Model], changes: Any) -> int:
        if model is Variant:
            times.append(1)
        if model is Variant and len(times) == 1:
            # In a thread, for this one is inside the transaction, and has read the variant already.
            run_concurrently(lambda: stock.reserve({variant.pk: 2}, reason=StockMovement.Reason.ORDER, reference="A"))
        return update_rows(model, changes)

    monkeypatch.setattr(documents, "update_rows", during_a_sale)
    confirm(browser, seen)
    variant.refresh_from_db()
    assert (variant.stock, variant.price) == (3, Decimal("10.8"))
    # The second attempt also writes the history of prices.
    assert len(times) == 3


def test_a_price_below_zero_is_refused_and_nothing_changes(browser: Client, shirt: Product, hat: Product) -> None:
    seen = preview(browser, shirt, hat, kind="lower_amount", by="15")
    assert dict(seen.context["form"].errors) == {"by": ["HAT would cost -3.00 instead of 12.00."]}
    assert "plan" not in seen.context
    assert prices()["SHIRT-S"] == 20


@pytest.mark.parametrize(
    ("field", "value"), [("by", "0"), ("by", "-5"), ("by", "much"), ("by", "101"), ("kind", "x"), ("rounding", "x")]
)
def test_a_rule_that_makes_no_sense_is_refused(browser: Client, shirt: Product, field: str, value: str) -> None:
    assert set(preview(browser, shirt, **{field: value}).context["form"].errors) == {field}


@pytest.mark.parametrize(
    ("rounding", "price", "expected"),
    [
        ("step", "17.995", "18.00"),
        ("five", "17.98", "18.00"),
        ("five", "17.97", "17.95"),
        ("ten", "17.95", "18.00"),
        ("hundred", "17.49", "17.00"),
        ("hundred", "17.50", "18.00"),
        ("nines", "17.01", "17.99"),
        ("nines", "18.00", "17.99"),
        ("nines", "0.00", "0.00"),
    ],
)
def test_prices_are_rounded_half_up_to_what_can_be_charged(rounding: str, price: str, expected: str) -> None:
    assert Rounding(rounding).apply(Decimal(price)) == Decimal(expected)


def test_prices_without_decimals_are_rounded_to_whole_ones(settings: Any) -> None:
    settings.CURRENCY = "jpy"
    assert Rule(Kind.LOWER_PERCENT, Decimal("7"), Rounding.STEP).apply(Decimal(1999)) == 1859
    assert Rule(Kind.RAISE_PERCENT, Decimal("7"), Rounding.NINES).apply(Decimal(1900)) == 2099


def test_the_previous_price_becomes_the_compare_at_price_if_the_new_one_is_lower(
    browser: Client, shirt: Product, hat: Product
) -> None:
    confirm(browser, preview(browser, shirt, compare_at="show"))
    assert Product.objects.get(pk=shirt.pk).compare_at_price == 20
    confirm(browser, preview(browser, hat, kind="raise_amount", by="1", compare_at="show"))
    assert Product.objects.get(pk=hat.pk).compare_at_price is None
    confirm(browser, preview(browser, shirt, kind="raise_amount", by="1", compare_at="remove"))
    assert Product.objects.get(pk=shirt.pk).compare_at_price is None


def test_a_rule_without_changes_offers_nothing_to_confirm(browser: Client, hat: Product) -> None:
    seen = preview(browser, hat, kind="lower_percent", by="0.001")
    assert "Nothing would change" in seen.content.decode()
    assert 'name="plan"' not in seen.content.decode()


def test_another_rule_goes_on_from_the_one_that_was_previewed(browser: Client, hat: Product) -> None:
    seen = preview(browser, hat, by="33")
    again = browser.post(
        seen.context["url"],
        {**TEN_PER_CENT_OFF, "by": "33", "products": seen.context["products"], "again": "1", "back": LIST},
    )
    assert again.context["form"]["by"].value() == "33"
    assert "plan" not in again.context


def test_all_products_of_a_filtered_list_are_taken_however_many_it_shows(
    browser: Client, make_product: Callable[..., Product]
) -> None:
    for number in range(3):
        make_product(f"Mug {number}")
    hidden = make_product("Plate", is_active=False)
    asked = browser.post(
        f"{LIST}?is_active__exact=1",
        {"action": "change_prices", "_selected_action": [str(hidden.pk)], "select_across": "1"},
    )
    assert asked.context["number"] == 3
    assert asked.context["back"] == f"{LIST}?is_active__exact=1"


def test_more_products_than_one_request_can_change_are_refused(
    browser: Client, shirt: Product, hat: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProductAdmin, "most_changed", {"change_prices": 1})
    page = browser.post(
        LIST, {"action": "change_prices", "_selected_action": [str(shirt.pk), str(hat.pk)]}, follow=True
    )
    assert messages_of(page) == ["Select at most 1 products, or filter the list first."]


def test_more_variants_than_one_request_can_change_are_refused(
    browser: Client, shirt: Product, hat: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "MAX_PRICES", 2)
    page = preview(browser, shirt, hat)
    errors = page.context["form"].non_field_errors()
    assert errors == ["These products have more than 2 variants. Choose fewer products."]
    assert "plan" not in page.context
    assert preview(browser, shirt).context["changed"] == 2


def test_skipped_prices_are_found_in_linear_time(
    browser: Client, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [{"sku": f"S-{size}", "options": {"size": str(size)}, "price": "20.00"} for size in range(60)]
    seen = preview(browser, make_product("Socks", variants=sizes))
    compared = []
    monkeypatch.setattr(PriceChange, "__hash__", lambda each: compared.append(each) or hash(each.variant))
    assert messages_of(confirm(browser, seen)) == ["60 prices changed."]
    assert len(compared) <= 3 * 60


def test_a_forged_plan_is_refused(browser: Client, hat: Product) -> None:
    page = browser.post(f"{LIST}price-changes/", {"plan": "made-up", "back": "https://evil.example/"}, follow=True)
    assert page.redirect_chain[-1][0] == LIST
    assert messages_of(page) == ["The preview has expired. Create a new one."]
    assert prices() == {"HAT": 12}


def test_a_hundred_products_need_hardly_more_commands_than_ten(
    browser: Client, make_product: Callable[..., Product]
) -> None:
    products = [make_product() for _ in range(60)]
    few, many = preview(browser, *products[:10]), preview(browser, *products[10:])
    with count_commands() as for_few:
        confirm(browser, few)
    with count_commands() as for_many:
        confirm(browser, many)
    assert len(for_many) == len(for_few)


@pytest.mark.parametrize("missing", ["catalog.change_product", "catalog.change_variant"])
def test_prices_are_changed_only_by_those_who_may(make_user: Callable[..., User], hat: Product, missing: str) -> None:
    rights = {"catalog.view_product", "catalog.change_product", "catalog.change_variant"} - {missing}
    browser = browser_of(allow(make_user(), *rights))
    assert b"change_prices" not in browser.get(LIST).content
    assert browser.post(f"{LIST}price-changes/", {"products": str(hat.pk), **TEN_PER_CENT_OFF}).status_code == 403
