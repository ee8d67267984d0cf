"""Stock movements of old months are replaced by one sum per variant, reason and month."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from django.db.models import Sum
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog import movement_sums, stock
from catalog.models import Product, StockMovement, Variant
from shop.dev.testing.failures import failing
from shop.dev.testing.steps import API, dump_database, run_concurrently
from shop.dev.testing.tasks import run_due_tasks
from shop.jobs import PeriodicTask, timing

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def months_ago(count: int, day: int = 10) -> datetime:
    """Return a moment of a past month."""
    year, month = divmod(NOW.year * 12 + NOW.month - 1 - count, 12)
    return datetime(year, month + 1, day, 12, tzinfo=UTC)


def move(variant: Variant, at: datetime, delta: int, *, reason: str = "order", reference: str = "OLD-1") -> None:
    """Add a movement as if it was made at that time."""
    key = ObjectId(int(at.timestamp()).to_bytes(4, "big") + secrets.token_bytes(8))
    StockMovement.objects.create(
        pk=key, variant=variant, delta=delta, reason=reason, reference=reference, created_at=at
    )
    Variant.objects.filter(pk=variant.pk).update(stock=stock_of(variant) + delta)


def stock_of(variant: Variant) -> int:
    return Variant.objects.values_list("stock", flat=True).get(pk=variant.pk)


def rows(variant: Variant) -> list[tuple[int, str, str, str]]:
    """Return delta, reason, reference and note, latest first."""
    values = StockMovement.objects.filter(variant=variant).values_list("delta", "reason", "reference", "note")
    return list(values.order_by("-pk"))


def sum_up() -> None:
    PeriodicTask.objects.filter(name="catalog.sum_movements").update(due_at=NOW)
    run_due_tasks()


def stocks_match() -> bool:
    sums = dict(StockMovement.objects.order_by().values_list("variant").annotate(total=Sum("delta")))
    return all(sums.get(pk, 0) == number for pk, number in Variant.objects.order_by().values_list("pk", "stock"))


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Variant:
    return make_product("Mug", stock=100).variants.get()


@pytest.fixture
def bowl(make_product: Callable[..., Product]) -> Variant:
    return make_product("Bowl", stock=100).variants.get()


@pytest.fixture
def old_sales(mug: Variant, bowl: Variant) -> None:
    for variant, at, delta, reason in (
        (mug, months_ago(26), -3, "order"),
        (mug, months_ago(26, day=20), -4, "order"),
        (mug, months_ago(26, day=12), 3, "cancellation"),
        (mug, months_ago(25), -1, "order"),
        (bowl, months_ago(25), -2, "order"),
        (bowl, months_ago(25), -2, "order"),
        (mug, months_ago(24, day=1), -5, "order"),
        (mug, months_ago(24, day=2), -6, "order"),
    ):
        move(variant, at, delta, reason=reason)


def note(months: int) -> str:
    return f"Sum of {months_ago(months):%B %Y}"


@pytest.mark.usefixtures("old_sales")
def test_the_worker_sums_up_months_older_than_the_setting_and_nothing_else(mug: Variant, bowl: Variant) -> None:
    before = dump_database()
    times = dict(StockMovement.objects.values_list("pk", "created_at"))
    sum_up()
    initial = (100, "initial", "", "")
    assert rows(mug) == [
        initial,
        (-6, "order", "OLD-1", ""),
        (-5, "order", "OLD-1", ""),
        (-1, "order", "OLD-1", ""),
        (-7, "order", "", note(26)),
        (3, "cancellation", "OLD-1", ""),
    ]
    assert rows(bowl) == [initial, (-4, "order", "", note(25))]
    summed = StockMovement.objects.exclude(note="").values_list("note", "created_at")
    for text, at in summed:
        assert f"{at:%B %Y}" in text
    # Lists filter by both.
    kept = dict(StockMovement.objects.values_list("pk", "created_at"))
    assert kept.items() <= times.items()
    assert stocks_match()

    after = dump_database()
    sum_up()
    assert dump_database()["catalog_stockmovement"] == after["catalog_stockmovement"]
    for name in before.keys() | after.keys():
        if name not in ("catalog_stockmovement", "catalog_searchword", "shop_periodictask"):
            assert before.get(name) == after.get(name)


@pytest.mark.usefixtures("old_sales")
def test_the_setting_is_read_at_each_run(mug: Variant, settings: Any) -> None:
    before = rows(mug)
    for months in (0, 1200, 27):
        settings.STOCK_MOVEMENT_MONTHS = months
        sum_up()
        assert rows(mug) == before
    settings.STOCK_MOVEMENT_MONTHS = 26
    sum_up()
    assert rows(mug) == before
    settings.STOCK_MOVEMENT_MONTHS = 25
    sum_up()
    assert len(rows(mug)) == len(before) - 1
    settings.STOCK_MOVEMENT_MONTHS = 23
    sum_up()
    assert rows(mug)[1:3] == [(-11, "order", "", note(24)), (-1, "order", "OLD-1", "")]
    # What is summed up stays so.
    settings.STOCK_MOVEMENT_MONTHS = 30
    after = rows(mug)
    sum_up()
    assert rows(mug) == after
    assert stocks_match()


def test_a_late_movement_is_added_to_its_months_sum(mug: Variant) -> None:
    move(mug, months_ago(30), -3)
    sum_up()
    move(mug, months_ago(30, day=3), -4)
    sum_up()
    assert rows(mug)[1:] == [(-7, "order", "", note(30))]
    assert stocks_match()


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movement_sums, "ROWS_PER_TRANSACTION", 3)
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0)


@pytest.mark.usefixtures("old_sales", "small_slices")
def test_it_works_in_slices_and_continues_where_it_was_killed(mug: Variant, bowl: Variant) -> None:
    for _ in range(7):
        move(mug, months_ago(26), -1)
    cursor, seen = None, []
    for _ in range(4):
        # Each is repeated, as if the worker died before it recorded the cursor.
        movement_sums.sum_old_movements(cursor)
        cursor = movement_sums.sum_old_movements(cursor)
        seen.append(StockMovement.objects.count())
        assert stocks_match()
    assert seen == sorted(seen, reverse=True)
    sum_up()
    assert rows(mug)[3:] == [
        (-1, "order", "OLD-1", ""),
        (-14, "order", "", note(26)),
        (3, "cancellation", "OLD-1", ""),
    ]
    assert stocks_match()


@pytest.mark.usefixtures("old_sales")
def test_a_transaction_that_fails_changes_nothing_and_is_repeated(mug: Variant) -> None:
    before = rows(mug)
    with failing("delete", StockMovement, errorCode=8000):
        sum_up()
    assert rows(mug) == before
    assert PeriodicTask.objects.get(name="catalog.sum_movements").failures == 1
    sum_up()
    assert len(rows(mug)) == len(before) - 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("old_sales")
def test_workers_and_a_sale_at_the_same_time(mug: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movement_sums, "ROWS_PER_TRANSACTION", 3)
    for _ in range(20):
        move(mug, months_ago(26), -1)
    held = stock_of(mug)

    def sell() -> None:
        stock.reserve({mug.pk: 1}, reason=StockMovement.Reason.ORDER, reference="NEW-1")

    run_concurrently(*[lambda: movement_sums.sum_old_movements(None)] * 3, *[sell] * 3)
    sum_up()
    assert stock_of(mug) == held - 3
    assert rows(mug).count((-1, "order", "NEW-1", "")) == 3
    assert rows(mug)[-2:] == [(-27, "order", "", note(26)), (3, "cancellation", "OLD-1", "")]
    assert stocks_match()


@pytest.mark.usefixtures("old_sales")
def test_a_product_whose_sales_are_summed_up_still_counts_as_sold(mug: Variant, as_staff: APIClient) -> None:
    sum_up()
    assert as_staff.delete(f"{API}/products/{mug.product_id}/").status_code == 204
    assert not Product.objects.get(pk=mug.product_id).is_active
    assert stocks_match()


@pytest.mark.usefixtures("old_sales")
def test_the_admin_lists_sums_in_their_month(mug: Variant, staff: User) -> None:
    sum_up()
    client = Client()
    client.force_login(staff)
    page = client.get("/admin/catalog/stockmovement/").content.decode()
    assert page.index("OLD-1") < page.index(note(25)) < page.index(note(26)) < page.rindex("OLD-1")
    row = page[page.index(note(26)) - 3000 : page.index(note(26))]
    assert f"{months_ago(26):%b}" in row or f"{months_ago(26):%B}" in row
    assert "-7" in page
    found = client.get(f"/admin/catalog/stockmovement/?q={mug.sku}").content.decode()
    assert note(26) in found
