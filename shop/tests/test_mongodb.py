"""Faults of the backend that `shop.db.mongodb` fixes, on a real server: look-ups, indexes, migrations."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from bson import ObjectId
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.db.models import F, Model, prefetch_related_objects

from accounts.models import TokenFamily, User
from catalog.models import Category, Product, Variant
from catalog.tests.conftest import put_on_shelf
from orders.models import Order
from shop.api.idempotency import IdempotencyRecord
from shop.db.mongodb import apply_backend_patches, violated_fields
from shop.db.schema_state import missing_indexes
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import stages_of

pytestmark = pytest.mark.django_db

# --- Look-ups that escape patterns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern", [".*", "^ada", "ada@example.com|x", "ada.example.com", "a{1}da@example.com", "$email"]
)
def test_iexact_escapes_patterns(customer: User, pattern: str) -> None:
    assert not User.objects.filter(email__iexact=pattern).exists()
    assert User.objects.filter(email__iexact="ADA@example.COM").exists()


def test_applying_the_patches_twice_changes_nothing(customer: User) -> None:
    apply_backend_patches()
    apply_backend_patches()
    assert not User.objects.filter(email__iexact=".*").exists()
    assert list(User.objects.order_by("email").values_list("email", flat=True)) == ["ada@example.com"]


def test_a_violated_index_names_its_column(customer: User) -> None:
    with pytest.raises(IntegrityError) as caught:
        User.objects.create_user("ada@example.com", None, name="Twin")
    assert violated_fields(caught.value) == {"email"}
    with pytest.raises(IntegrityError) as caught:
        put_on_shelf({"slug": "same"}, {"slug": "same"})
    assert violated_fields(caught.value) == {"slug"}


# --- Indexes that are used --------------------------------------------------------------------------------------------


@pytest.fixture
def full_shelf(make_category: Callable[..., Category]) -> None:
    root = make_category("Root")
    category = make_category("Mugs", parent=root)
    put_on_shelf(
        *(
            {
                "name": f"Mug {n * 7 % 300:03}",
                "price": n * 11 % 97,
                "sales": n * 13 % 17,
                "in_stock": n % 3 > 0,
                "category": category if n % 2 else None,
                "category_lineage": category.lineage if n % 2 else [],
                "attribute_pairs": [f"colour={n % 5}"],
                "description": "blue" if n % 4 else "red",
            }
            for n in range(300)
        )
    )


@pytest.mark.parametrize(
    ("model", "field"),
    [(User, "email"), (Product, "slug"), (Category, "slug"), (Variant, "sku_key"), (Order, "number")],
)
def test_what_is_unique_is_found_by_an_index(db: None, model: type[Model], field: str) -> None:
    with count_commands() as commands:
        list(model.objects.filter(**{field: "x"}).order_by())
    (command,) = commands
    assert stages_of(command) & {"IXSCAN", "EXPRESS_IXSCAN"}
    assert stages_of(command).isdisjoint({"COLLSCAN", "SORT", "$sort"})


def test_a_user_s_newest_orders_are_found_by_an_index(customer: User) -> None:
    with count_commands() as commands:
        list(Order.objects.owned_by(customer).order_by("-id")[:20])
    assert stages_of(commands[0]).isdisjoint({"COLLSCAN", "SORT", "$sort"})


def test_values_in_order_walk_an_index_as_well(full_shelf: None) -> None:
    with count_commands() as commands:
        rows = list(Product.objects.active().order_by("price", "id").values("name", "price")[:5])
    assert [set(row) for row in rows] == [{"name", "price"}] * 5
    assert stages_of(commands[0]).isdisjoint({"COLLSCAN", "SORT", "$sort"})


def test_order_by_still_orders_what_it_computes(full_shelf: None) -> None:
    expected = sorted(Product.objects.values_list("price", "sales"), key=lambda row: row[0] + row[1])
    found = Product.objects.annotate(weight=F("price") + F("sales")).order_by("weight").values_list("weight", flat=True)
    assert [float(weight) for weight in found] == [float(price + sales) for price, sales in expected]


# --- Indexes that are there -------------------------------------------------------------------------------------------


def indexes(model: type[Model]) -> dict[str, dict[str, Any]]:
    return connection.database[model._meta.db_table].index_information()


@pytest.mark.parametrize(
    ("model", "name", "seconds"),
    [(TokenFamily, "token_family_expiry", 0), (IdempotencyRecord, "idempotency_expiry", 0)],
)
def test_what_expires_has_a_ttl_index(db: None, model: type[Model], name: str, seconds: int) -> None:
    index = indexes(model)[name]
    assert index["key"] == [("expires_at", 1)]
    assert index["expireAfterSeconds"] == seconds


def test_every_index_of_every_model_is_on_the_server(db: None) -> None:
    for model in apps.get_models():
        if model._meta.managed and not model._meta.proxy:
            there = set(indexes(model))
            assert {index.name for index in model._meta.indexes} <= there, model
    assert list(missing_indexes()) == []


def test_migrations_say_what_the_models_say_and_run_again_without_a_change(db: None) -> None:
    before = {model: indexes(model) for model in (User, Product, Order)}
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())
    out = StringIO()
    call_command("migrate", stdout=out)
    assert "No migrations to apply" in out.getvalue()
    assert {model: indexes(model) for model in before} == before


def test_a_primary_key_is_found_without_a_scan(db: None) -> None:
    with count_commands() as commands:
        Product.objects.filter(pk=ObjectId()).first()
    assert stages_of(commands[0]).isdisjoint({"COLLSCAN", "SORT", "$sort"})


def test_what_a_foreign_key_points_to_is_fetched_by_its_key(customer: User, make_user: Callable[..., User]) -> None:
    others = [make_user() for _ in range(3)]
    rows = [TokenFamily(user_id=user.pk) for user in (customer, *others)]
    with count_commands() as commands:
        prefetch_related_objects(rows, "user")
    assert [row.user for row in rows] == [customer, *others]
    assert stages_of(commands[0]).isdisjoint({"COLLSCAN", "SORT", "$sort"})
