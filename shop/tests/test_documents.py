"""Raw reads and writes have the same results as Django's."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from bson import ObjectId
from django.db import DatabaseError, IntegrityError
from django.db.models import Model
from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern

from accounts.models import User
from cart.models import Cart, CartLine
from catalog.models import Product, StockMovement, Variant
from orders.mail_log import OrderMail
from orders.models import Order, OrderLine, PostalAddress, TimelineEntry
from shop.db import documents
from shop.db.transactions import snapshot, transactional
from shop.dev.testing.failures import failing
from shop.dev.testing.steps import add_to_cart, place_order

pytestmark = pytest.mark.django_db

EMBEDDED = (CartLine, OrderLine, OrderMail, PostalAddress, TimelineEntry)
# By the command that each sends.
READS: dict[str, Callable[[], ObjectId]] = {
    "find": lambda: documents.find_one(Product, {}).pk,
    "aggregate": lambda: documents.aggregate(Product, [])[0]["_id"],
}


def plain(value: Any) -> Any:
    """Replace embedded instances, and views, by their values."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if model := next((each for each in EMBEDDED if each.__name__ == type(value).__name__), None):
        return {field.attname: plain(getattr(value, field.attname)) for field in model._meta.concrete_fields}
    return value


def values(row: Model) -> dict[str, Any]:
    """Every field's value, embedded instances as theirs."""
    return {field.attname: plain(getattr(row, field.attname)) for field in row._meta.concrete_fields}


@pytest.fixture
def sold(as_customer: Any, make_product: Callable[..., Product]) -> Product:
    product = make_product("Shirt", attributes={"colour": "red"}, compare_at_price="20.00")
    place_order(as_customer, product)
    add_to_cart(as_customer, product, 2)
    return product


@pytest.mark.parametrize("model", [User, Product, Variant, StockMovement, Cart, Order])
def test_an_instance_is_the_one_that_django_reads(sold: Product, model: type[Model]) -> None:
    expected = model.objects.order_by("pk").first()
    found = documents.find_one(model, {"_id": expected.pk})
    assert found == expected
    assert values(found) == values(expected)
    assert {name: type(value) for name, value in values(found).items()} == {
        name: type(value) for name, value in values(expected).items()
    }
    assert (found._state.adding, found._state.db) == (False, "default")


@pytest.mark.parametrize("model", [User, Product, Variant, StockMovement, Cart, Order])
def test_a_view_has_the_fields_and_properties_of_an_instance(sold: Product, model: type[Model]) -> None:
    expected = model.objects.order_by("pk").first()
    collection, _ = documents.collection_of(model)
    for missing in ([], ["name", "stock_flips", "refunds", "note"]):
        collection.update_one({"_id": expected.pk}, {"$unset": dict.fromkeys(missing, "")}) if missing else None
        (view,) = documents.views(model, [{"$match": {"_id": expected.pk}}])
        expected = documents.find_one(model, {"_id": expected.pk})
        assert view.pk == expected.pk
        # The others' names read related rows.
        assert model in (Cart, StockMovement) or str(view) == str(expected)
        fields = [field.attname for field in model._meta.concrete_fields]
        properties = [name for name, member in vars(model).items() if isinstance(member, property)]
        for name in (*fields, *properties):
            assert plain(getattr(view, name)) == plain(getattr(expected, name)), name
    (document,) = documents.aggregate(model, [{"$match": {"_id": expected.pk}}])
    assert values(documents.instance(model, document)) == values(expected)


def test_what_does_not_exist_is_none(db: None) -> None:
    assert documents.find_one(Product, {"_id": ObjectId()}) is None
    assert documents.find_one_and_update(Product, {"_id": ObjectId()}, {"$set": {"name": "x"}}) is None


def test_a_change_returns_what_is_there_then(sold: Product) -> None:
    changed = documents.find_one_and_update(
        Product, {"_id": sold.pk}, {"$inc": {"sales": 7}}, returning=("sales", "name")
    )
    assert changed == {"_id": sold.pk, "sales": 7, "name": "Shirt"}
    assert Product.objects.get().sales == 7


def test_an_update_returns_whether_a_document_matched(sold: Product) -> None:
    assert documents.update_one(Product, {"_id": sold.pk}, {"$set": {"name": "New"}})
    assert Product.objects.get().name == "New"
    # A document that already had the value matches, too.
    assert documents.update_one(Product, {"_id": sold.pk}, {"$set": {"name": "New"}})
    assert not documents.update_one(Product, {"_id": ObjectId()}, {"$set": {"name": "Newer"}})
    assert Product.objects.get().name == "New"


def test_an_inserted_document_is_the_one_that_django_saves(sold: Product) -> None:
    variant = Variant.objects.get()
    rows = [StockMovement(variant=variant, delta=delta, reason=StockMovement.Reason.ADJUSTMENT) for delta in (1, 2)]
    rows[0].save()
    documents.insert(rows[1])
    by_django, by_us = (
        documents.aggregate(StockMovement, [{"$match": {"delta": delta}}, {"$unset": ["_id", "delta", "created_at"]}])
        for delta in (1, 2)
    )
    assert by_us == by_django
    documents.insert(*(StockMovement(variant=variant, delta=delta, reason="import") for delta in (3, 4)))
    assert set(StockMovement.objects.filter(reason="import").values_list("delta", flat=True)) == {3, 4}


def test_an_inserted_row_has_its_key_and_can_be_saved_again(sold: Product) -> None:
    movement = StockMovement(variant=Variant.objects.get(), delta=1, reason="import")
    documents.insert(movement)
    movement.note = "counted"
    movement.save()
    assert StockMovement.objects.filter(reason="import").count() == 1
    assert StockMovement.objects.get(pk=movement.pk).note == "counted"


@pytest.mark.django_db(transaction=True)
def test_everything_takes_part_in_the_transaction(sold: Product) -> None:
    @transactional("test")
    def work() -> None:
        documents.find_one_and_update(Product, {"_id": sold.pk}, {"$set": {"name": "Newer"}})
        documents.update_one(Product, {"_id": sold.pk, "name": "Newer"}, {"$set": {"name": "New"}})
        documents.insert(StockMovement(variant=Variant.objects.get(), delta=99, reason="import"))
        assert documents.find_one(Product, {"_id": sold.pk}).name == "New"
        assert documents.aggregate(Product, [{"$project": {"name": 1}}])[0]["name"] == "New"
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        work()
    assert Product.objects.get().name == "Shirt"
    assert not StockMovement.objects.filter(delta=99).exists()


def test_errors_are_django_s(sold: Product, customer: User) -> None:
    with pytest.raises(IntegrityError):
        documents.insert(Cart(pk=ObjectId(), user=customer))
    with pytest.raises(IntegrityError):
        documents.insert(Cart(user=customer), Cart(user=customer))
    for command, work in {
        "find": lambda: documents.find_one(Product, {}),
        "aggregate": lambda: documents.aggregate(Product, []),
        "update": lambda: documents.update_one(Product, {}, {"$set": {"name": "x"}}),
        "findAndModify": lambda: documents.find_one_and_update(Product, {}, {"$set": {"name": "x"}}),
    }.items():
        with failing(command, Product, errorCode=8000), pytest.raises(DatabaseError):
            work()


@pytest.mark.parametrize("how", [{"closeConnection": True}, {"errorCode": 11602}, {"errorCode": 134}])
def test_what_a_passing_failure_spoils_is_asked_again(sold: Product, how: dict[str, Any]) -> None:
    for command, read in READS.items():
        with failing(command, Product, **how):
            assert read() == sold.pk
        with failing(command, Product, times=None, **how), pytest.raises(DatabaseError):
            read()


@pytest.mark.django_db(transaction=True)
def test_in_a_transaction_it_is_the_whole_that_is_done_again(sold: Product) -> None:
    for command, read in READS.items():
        tried = []

        @transactional("test")
        def work(read: Callable[[], ObjectId] = read, tried: list[int] = tried) -> ObjectId:
            tried.append(1)
            return read()

        with failing(command, Product, closeConnection=True):
            assert work() == sold.pk
        assert len(tried) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("within", [nullcontext, snapshot, None], ids=["alone", "snapshot", "transaction"])
def test_all_is_found_however_much_it_is(
    sold: Product, monkeypatch: pytest.MonkeyPatch, within: Callable[[], AbstractContextManager[None]] | None
) -> None:
    monkeypatch.setattr(documents, "_BATCH_SIZE", 5)
    collection, _ = documents.collection_of(StockMovement)
    collection.insert_many([{"note": "many"} for _ in range(6)])
    collection.insert_many([{"note": "large", "reference": "x" * 9_000_000} for _ in range(2)])

    def read_all() -> None:
        for note, number in {"many": 6, "large": 2}.items():
            assert len(documents.aggregate(StockMovement, [{"$match": {"note": note}}])) == number

    if within is None:
        transactional("test")(read_all)()
    else:
        with within():
            read_all()
    # The server keeps nothing of what was not fetched.
    idle = [{"$currentOp": {"idleCursors": True}}, {"$match": {"type": "idleCursor", "ns": collection.full_name}}]
    admin = collection.database.client.admin.with_options(read_concern=ReadConcern("local"))
    assert admin.aggregate(idle).to_list() == []


@pytest.mark.django_db(transaction=True)
def test_a_transaction_reads_from_the_primary_wherever_else_is_read(
    sold: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_model = documents.collection_of

    def elsewhere(model: type[Model]) -> tuple[Any, Any]:
        collection, session = of_model(model)
        return collection.with_options(read_preference=ReadPreference.SECONDARY_PREFERRED), session

    monkeypatch.setattr(documents, "collection_of", elsewhere)
    for read in READS.values():
        assert read() == sold.pk
        assert transactional("test")(read)() == sold.pk
