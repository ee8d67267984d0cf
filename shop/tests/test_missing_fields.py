"""Fields that documents of an older release lack are read with their defaults."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Field, Model
from django_mongodb_backend.fields import EmbeddedModelArrayField, EmbeddedModelField
from django_mongodb_backend.models import EmbeddedModel
from rest_framework.test import APIClient

from catalog.models import Product
from orders.models import Order
from shop.db import caches, documents
from shop.dev.testing.admin import browser_of, url_of
from shop.dev.testing.commands import count_commands
from shop.dev.testing.steps import ADDRESS, snapshot
from shop.tests.test_documents import values

pytestmark = pytest.mark.django_db

APPS = ("accounts", "catalog", "cart", "orders", "payments", "shop")


def optional_fields(model: type[Model]) -> list[Field]:
    """Return the fields that a new document may be written without."""
    return [
        field
        for field in model._meta.concrete_fields
        if not field.primary_key and (field.has_default() or field.null or (field.blank and field.get_default() == ""))
    ]


# The database finds documents by these fields, so a migration that adds one of them has to write it.
FOUND_BY = {
    *(f"accounts.User.{name}" for name in ("is_staff", "is_superuser")),
    *(f"cart.Cart.{name}" for name in ("lines", "revision", "user")),
    *(f"catalog.Variant.{name}" for name in ("is_active", "stock")),
    *(f"orders.Order.{name}" for name in ("number", "payment_status", "status", "user")),
    "cart.PromotionUse.order_number",
    "orders.ShippingMethod.is_active",
}


def fields_not_found_by(model: type[Model]) -> list[Field]:
    return [field for field in optional_fields(model) if f"{model._meta.label}.{field.name}" not in FOUND_BY]


def models_with_documents() -> Iterator[type[Model]]:
    for model in apps.get_models():
        is_ours = model._meta.app_label in APPS and not issubclass(model, EmbeddedModel)
        if is_ours and model._base_manager.exists():
            yield model


def embedded(value: Any) -> Any:
    return [values(each) for each in value] if isinstance(value, list) else values(value)


def has_its_default(field: Field, value: Any) -> bool:
    """Return whether the field has its default; "now" and new keys differ each time."""
    if field.get_default() != field.get_default() or isinstance(value, datetime):
        return type(value) is type(field.get_default())
    return value == field.get_default()


def test_models_and_readers_give_a_missing_field_its_default(populated_shop: Order, subtests: pytest.Subtests) -> None:
    seen = 0
    for model in list(models_with_documents()):
        collection = connection.get_database()[model._meta.db_table]
        (document,) = collection.find().limit(1)
        # The name of a periodic task, which is its primary key, is not its `_id`.
        pk = document[model._meta.pk.column]
        for field in optional_fields(model):
            with subtests.test(f"{model._meta.label}.{field.name}"):
                collection.update_one({"_id": document["_id"]}, {"$unset": {field.column: ""}})
                try:
                    read = model._base_manager.get(pk=pk)
                    raw = documents.find_one(model, {"_id": document["_id"]})
                    listed = model._base_manager.filter(pk=pk).values_list(field.attname, flat=True)[0]
                    for value in (getattr(read, field.attname), getattr(raw, field.attname), listed):
                        assert has_its_default(field, value), value
                finally:
                    collection.replace_one({"_id": document["_id"]}, document)
                seen += 1
    assert seen > 100


def test_embedded_documents_give_a_missing_field_its_default(populated_shop: Order, subtests: pytest.Subtests) -> None:
    seen = 0
    for model in list(models_with_documents()):
        collection = connection.get_database()[model._meta.db_table]
        (document,) = collection.find().limit(1)
        for outer in model._meta.concrete_fields:
            if not isinstance(outer, EmbeddedModelField | EmbeddedModelArrayField) or not document.get(outer.column):
                continue
            inside = f"{outer.column}.0" if isinstance(document[outer.column], list) else outer.column
            for field in optional_fields(outer.embedded_model):
                with subtests.test(f"{model._meta.label}.{outer.name}.{field.name}"):
                    collection.update_one({"_id": document["_id"]}, {"$unset": {f"{inside}.{field.column}": ""}})
                    read = getattr(model._base_manager.get(pk=document["_id"]), outer.attname)
                    raw = getattr(documents.find_one(model, {"_id": document["_id"]}), outer.attname)
                    collection.replace_one({"_id": document["_id"]}, document)
                    for each in (read, raw):
                        value = getattr(each[0] if isinstance(each, list) else each, field.attname)
                        assert has_its_default(field, value), value
                    seen += 1
    assert seen > 5


def test_a_row_without_a_related_one_has_no_defaults_of_it(populated_shop: Order) -> None:
    Product.objects.update(category=None)
    assert Product.objects.select_related("category").get().category is None


@pytest.mark.slow
def test_pages_of_the_api_are_complete_without_the_optional_fields(
    populated_shop: Order, as_customer: APIClient, as_staff: APIClient, subtests: pytest.Subtests
) -> None:
    product = Product.objects.get()
    pages = {
        "list": (as_customer, "/api/v1/products/"),
        "detail": (as_customer, f"/api/v1/products/{product.pk}/"),
        "detail for staff": (as_staff, f"/api/v1/products/{product.slug}/"),
        "cart": (as_customer, "/api/v1/cart/"),
        "orders": (as_customer, "/api/v1/orders/"),
        "order": (as_customer, f"/api/v1/orders/{populated_shop.number}/"),
        "reviews": (as_customer, f"/api/v1/products/{product.pk}/reviews/"),
        "categories": (as_customer, "/api/v1/categories/"),
        "profile": (as_customer, "/api/v1/users/me/"),
        "addresses": (as_customer, "/api/v1/users/me/addresses/"),
        "shipping": (as_customer, "/api/v1/shipping-methods/"),
        "facets": (as_customer, "/api/v1/products/facets/"),
    }
    complete, asked = {}, {}
    for name, (client, url) in pages.items():
        caches.clear_all()
        with count_commands() as commands:
            complete[name] = shape(client.get(url).json())
        asked[name] = str([command.document for command in commands])
    requests = 0
    for model in list(models_with_documents()):
        collection = connection.get_database()[model._meta.db_table]
        documents_before = list(collection.find())
        collection.update_many({}, {"$unset": {field.column: "" for field in fields_not_found_by(model)}})
        caches.clear_all()
        # Joins name the collection, too.
        reading = [name for name in pages if f"'{model._meta.db_table}'" in asked[name]]
        requests += len(reading)
        for name in reading:
            client, url = pages[name]
            with subtests.test(f"{name} without optional fields of {model._meta.label}"):
                reply = client.get(url)
                assert reply.status_code == 200
                assert_same_shape(shape(reply.json()), complete[name])
        for document in documents_before:
            collection.replace_one({"_id": document["_id"]}, document)
    assert requests > 20


def shape(value: Any) -> Any:
    """Return the keys of a reply, of each first element of a list."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


def assert_same_shape(found: Any, complete: Any) -> None:
    if isinstance(found, dict) and isinstance(complete, dict) and not {"attributes", "options"} & complete.keys():
        assert found.keys() == complete.keys()
    if isinstance(found, dict) and isinstance(complete, dict):
        for name in found.keys() & complete.keys():
            assert_same_shape(found[name], complete[name])
    if found and complete and isinstance(found, list):
        assert_same_shape(found[0], complete[0])


def test_pages_of_the_admin_open_without_the_optional_fields(
    populated_shop: Order, staff: Any, subtests: pytest.Subtests
) -> None:
    browser = browser_of(staff)
    for model in list(models_with_documents()):
        if model not in admin.site._registry:
            continue
        collection = connection.get_database()[model._meta.db_table]
        (document,) = collection.find().limit(1)
        fields = [
            field for field in optional_fields(model) if field.name not in ("is_active", "is_staff", "is_superuser")
        ]
        collection.update_one({"_id": document["_id"]}, {"$unset": {field.column: "" for field in fields}})
        label = model._meta.label_lower
        for url in (url_of(label), url_of(label, "change", document[model._meta.pk.column])):
            with subtests.test(url):
                assert browser.get(url).status_code == 200
        collection.replace_one({"_id": document["_id"]}, document)


def test_calls_work_as_before_without_the_optional_fields(
    populated_shop: Order, as_customer: APIClient, as_staff: APIClient, subtests: pytest.Subtests
) -> None:
    product, item = Product.objects.get(), as_customer.get("/api/v1/cart/").json()["items"][0]["id"]
    purchase = {"shipping_address": ADDRESS, "shipping_method": "standard"}
    calls = {
        "search": lambda: as_customer.get("/api/v1/products/?search=linen"),
        "export": lambda: as_customer.get("/api/v1/users/me/export/"),
        "use a coupon": lambda: as_customer.put("/api/v1/cart/coupon/", {"code": "welcome"}),
        "change the cart": lambda: as_customer.patch(f"/api/v1/cart/items/{item}/", {"quantity": 2}),
        "quote": lambda: as_customer.post("/api/v1/orders/quote/", purchase),
        "order": lambda: as_customer.post("/api/v1/orders/", purchase),
        "ship": lambda: as_staff.post(f"/api/v1/orders/{populated_shop.number}/fulfil/", {"status": "shipped"}),
        "change a product": lambda: as_staff.patch(f"/api/v1/products/{product.pk}/", {"description": "Soft."}),
    }
    restore = snapshot()
    complete = {name: call().status_code for name, call in calls.items()}
    assert set(complete.values()) == {200, 201}
    restore()
    for model in list(models_with_documents()):
        collection = connection.get_database()[model._meta.db_table]
        without = {field.column: "" for field in fields_not_found_by(model)}
        for name, call in calls.items():
            collection.update_many({}, {"$unset": without})
            caches.clear_all()
            with subtests.test(f"{name} without optional fields of {model._meta.label}"):
                assert call().status_code == complete[name]
            restore()
