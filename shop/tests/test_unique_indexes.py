"""A unique index serves look-ups, so that no plain one is needed beside it."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.sessions.models import Session
from django.db import IntegrityError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.models import Field, Model
from django_mongodb_backend.schema import DatabaseSchemaEditor as BackendSchemaEditor
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from accounts.models import Address, User
from cart.models import Cart
from cart.promotions.models import Promotion
from catalog.models import Category, Product, Variant
from orders.models import Order, ShippingMethod, TaxRate
from orders.reviews.models import Review
from payments.models import Payment, Refund
from shop.db.schema_state import missing_indexes
from shop.dev.testing.commands import count_commands
from shop.dev.testing.plans import indexes_used
from shop.dev.testing.steps import run_concurrently
from shop.jobs.periodic import PeriodicTask

pytestmark = pytest.mark.django_db(transaction=True)

Through = User.groups.through
SOME_ID = ObjectId()


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (User, {"email": "ada@example.com"}),
        (Category, {"slug": "cups"}),
        (Product, {"slug": "mug"}),
        (Variant, {"sku": "MUG"}),
        (Variant, {"sku_key__in": ["mug", "cup"]}),
        (Cart, {"token_digest": "0123"}),
        (Cart, {"user": SOME_ID}),
        (Cart, {"user__in": [SOME_ID, ObjectId()]}),
        (Promotion, {"code": "SPRING"}),
        (Order, {"number": "7KQ2M-X94TB"}),
        (Order, {"cart": SOME_ID, "cart_revision": 1}),
        (ShippingMethod, {"code": "standard"}),
        (TaxRate, {"country": "US", "state": "CA"}),
        (Payment, {"order": SOME_ID}),
        (Refund, {"stripe_refund": "re_1"}),
        (Session, {"session_key": "0123"}),
    ],
)
def test_look_ups_use_the_unique_index(model: type[Model], values: dict[str, Any]) -> None:
    with count_commands() as commands:
        assert not model._default_manager.filter(**values).exists()
    (command,) = commands
    (used,) = indexes_used(command)
    indexes = connection.database[model._meta.db_table].index_information()
    assert indexes[used].get("unique")
    assert [name for name, index in indexes.items() if index["key"] == indexes[used]["key"]] == [used]


# --- Databases of older releases --------------------------------------------------------------------------------------

MIGRATIONS = [
    ("accounts", "0007_unique_indexes", [User]),
    ("catalog", "0008_unique_indexes", [Category, Product, Variant]),
    ("cart", "0006_unique_indexes", [Cart, Promotion]),
    ("orders", "0012_unique_indexes", [Order, Review, ShippingMethod]),
    ("payments", "0007_unique_indexes", [Payment, Refund]),
    ("shop", "0005_unique_indexes_of_django", [Session]),
    ("shop", "0009_unique_index_of_periodic_tasks", [PeriodicTask]),
]


class Upgrade:
    """A migration on a database whose indexes an older release made, with the backend's own schema editor."""

    def __init__(self, app: str, name: str, models: list[type[Model]]) -> None:
        loader = MigrationLoader(connection)
        self.migration = loader.graph.nodes[app, name]
        self.before = loader.project_state((app, name), at_end=False)
        self.models = models

    def prepare(self) -> None:
        with BackendSchemaEditor(connection) as editor:
            for model in self.models:
                # Models may have had another name.
                (old,) = (each for each in self.before.apps.get_models() if each._meta.db_table == model._meta.db_table)
                editor.delete_model(model)
                editor.create_model(old)

    def run(self) -> None:
        with connection.schema_editor() as editor:
            self.migration.apply(self.before.clone(), editor)

    def missing(self) -> list[str]:
        tables = [model._meta.db_table for model in self.models]
        missing = [each for each in missing_indexes() if each.split(": ")[0] in tables and ": unique" in each]
        return [each for each in missing if each != "payments_payment: unique order_id, part"]


@pytest.fixture
def upgrade(request: pytest.FixtureRequest, db: None) -> Iterator[Upgrade]:
    made = Upgrade(*request.param)
    # A later migration replaces the constraint of tax rates.
    kept = {model: indexes(model) for model in {*made.models, TaxRate}}
    yield made
    for model, known in kept.items():
        collection = connection.database[model._meta.db_table]
        collection.drop_indexes()
        for name, index in known.items():
            options = {key: value for key, value in index.items() if key not in ("key", "v", "ns")}
            collection.create_index(index["key"], name=name, **options)


def indexes(model: type[Model]) -> dict[str, Any]:
    return connection.database[model._meta.db_table].index_information()


# A later migration replaces the first by the second.
LATER = ("order_id_1", "order_id_1_part_1")


@pytest.mark.parametrize("upgrade", MIGRATIONS, ids=lambda each: each[0], indirect=True)
def test_a_migration_replaces_the_indexes_of_an_older_release(upgrade: Upgrade) -> None:
    complete = {model: indexes(model) for model in upgrade.models}
    group_indexes = indexes(Through)
    upgrade.prepare()
    assert upgrade.missing()
    for _ in range(2):
        upgrade.run()
        assert upgrade.missing() == []
        assert indexes(Through) == group_indexes
        for model, expected in complete.items():
            unique = {name: index for name, index in expected.items() if index.get("unique") and name not in LATER}
            there = {name: index for name, index in indexes(model).items() if name not in LATER}
            assert unique == {name: index for name, index in there.items() if index.get("unique")}
            keys = [index["key"] for index in unique.values()]
            assert sorted(name for name, index in there.items() if index["key"] in keys) == sorted(unique)


class Killed(Exception):
    pass


@pytest.mark.parametrize("upgrade", MIGRATIONS[:1], ids=["accounts"], indirect=True)
@pytest.mark.parametrize("drops", [0, 1])
def test_duplicates_are_refused_while_it_runs_and_after_it_was_killed(
    upgrade: Upgrade, drops: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade.prepare()
    users = connection.database[User._meta.db_table]
    users.insert_one({"email": "ada@example.com"})
    drop_index, dropped = Collection.drop_index, []

    def drop_or_die(collection: Collection, name: str, **options: Any) -> None:
        with pytest.raises(DuplicateKeyError):
            users.insert_one({"email": "ada@example.com"})
        if len(dropped) == drops:
            raise Killed
        dropped.append(name)
        drop_index(collection, name, **options)

    monkeypatch.setattr(Collection, "drop_index", drop_or_die)
    with pytest.raises(Killed):
        upgrade.run()
    monkeypatch.undo()

    upgrade.run()

    assert upgrade.missing() == []
    assert [name for name, index in indexes(User).items() if index["key"] == [("email", 1)]] == ["email_1"]
    with pytest.raises(DuplicateKeyError):
        users.insert_one({"email": "ada@example.com"})


@pytest.mark.parametrize("upgrade", MIGRATIONS[2:3], ids=["cart"], indirect=True)
def test_of_concurrent_duplicates_one_is_stored_but_any_number_without_a_value(upgrade: Upgrade) -> None:
    upgrade.prepare()
    Cart.objects.create(token_digest=None)
    upgrade.run()

    def insert(**values: Any) -> int:
        try:
            Cart.objects.create(**values)
        except IntegrityError:
            return 0
        return 1

    assert sum(run_concurrently(*[lambda: insert(token_digest="0123")] * 6)) == 1
    assert sum(run_concurrently(*[lambda: insert(user_id=SOME_ID)] * 6)) == 1
    assert sum(run_concurrently(*[lambda: insert(token_digest=None)] * 3)) == 3
    assert Cart.objects.count() == 6


def test_the_removal_of_a_constraint_can_be_repeated(db: None) -> None:
    (constraint,) = Payment._meta.constraints
    with connection.schema_editor() as editor:
        try:
            for _ in range(2):
                editor.remove_constraint(Payment, constraint)
                assert "order_id_1" not in indexes(Payment)
        finally:
            editor.add_constraint(Payment, constraint)
    assert list(missing_indexes()) == []


@pytest.mark.parametrize("field", [Address._meta.get_field("user"), Review._meta.get_field("product")], ids=str)
def test_the_index_of_a_field_is_dropped_even_if_a_killed_migration_dropped_it(field: Field) -> None:
    complete = indexes(field.model)
    indexed = copy.copy(field)
    indexed.db_index = True
    connection.database[field.model._meta.db_table].create_index(field.column, name="of_the_foreign_key")
    with connection.schema_editor() as editor:
        for _ in range(2):
            editor.alter_field(field.model, indexed, field)
            assert indexes(field.model) == complete
