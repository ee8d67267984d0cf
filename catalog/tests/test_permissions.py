"""Only staff with Django's model permissions may write."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product, ProductImage, Variant
from catalog.tests.conftest import LIST
from conftest import client_of
from shop.dev.testing.images import image_file
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db

STOCK = {"set": 1, "reason": "Counted"}


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    product = make_product("Mug")
    ProductImage.objects.create(product=product, name="products/a.webp")
    return product


@pytest.fixture
def staff_with(make_user: Callable[..., User]) -> Callable[..., APIClient]:
    """A client of a staff user who has these permissions and no others."""

    def make(*codenames: str, **fields: Any) -> APIClient:
        user = make_user(**{"is_staff": True, **fields})
        permissions = Permission.objects.filter(content_type__app_label="catalog", codename__in=codenames)
        assert len(permissions) == len(codenames)
        user.user_permissions.set(permissions)
        return client_of(user)

    return make


def writes(product: Product) -> Iterator[tuple[str, Callable[[APIClient], Any]]]:
    """Return every call that writes, with its permission; harmless if it is refused."""
    url, variant, image = f"{LIST}{product.pk}/", Variant.objects.get(), ProductImage.objects.get()
    yield "add_product", lambda client: client.post(LIST, {"name": "Cup", "price": "1"})
    yield "change_product", lambda client: client.put(url, {"name": "Cup"})
    yield "change_product", lambda client: client.patch(url, {"name": "Cup"})
    yield "change_variant", lambda client: client.patch(f"/api/v1/variants/{variant.pk}/", {"price": "1"})
    yield "change_variant", lambda client: client.post(f"/api/v1/variants/{variant.pk}/stock/", STOCK)
    yield "add_productimage", lambda client: client.post(f"{url}images/", {"image": image_file()}, format="multipart")
    yield "change_productimage", lambda client: client.patch(f"{url}images/{image.pk}/", {"alt": "x"})
    yield "delete_productimage", lambda client: client.delete(f"{url}images/{image.pk}/")
    yield "delete_product", lambda client: client.delete(url)


def test_anonymous_customers_and_staff_without_permissions_write_nothing(
    anonymous: APIClient,
    as_customer: APIClient,
    staff_with: Callable[..., APIClient],
    mug: Product,
    subtests: pytest.Subtests,
) -> None:
    people = [
        (anonymous, 401, "not_authenticated"),
        (as_customer, 403, "permission_denied"),
        (staff_with(), 403, "permission_denied"),
        (staff_with("view_product", "add_category", "view_variant"), 403, "permission_denied"),
    ]
    before = dump_database()
    for number, (permission, write) in enumerate(writes(mug)):
        for client, status, code in people:
            with subtests.test(number=number, permission=permission, status=status):
                assert refusal(write(client), status) == (code, None)
    assert dump_database() == before


def test_each_write_needs_its_permission_and_no_other(
    staff_with: Callable[..., APIClient], mug: Product, settings: Any, tmp_path: Any, subtests: pytest.Subtests
) -> None:
    settings.MEDIA_ROOT = tmp_path
    needed = list(writes(mug))
    every = {permission for permission, _ in needed}
    for number, (permission, write) in enumerate(needed):
        with subtests.test(number=number, permission=permission):
            assert refusal(write(staff_with(*every - {permission})), 403) == ("permission_denied", None)
            assert write(staff_with(permission)).status_code in (200, 201, 204)


def test_permissions_without_being_staff_are_worth_nothing(
    staff_with: Callable[..., APIClient], mug: Product, subtests: pytest.Subtests
) -> None:
    every = {permission for permission, _ in writes(mug)}
    client = staff_with(*every, is_staff=False)
    before = dump_database()
    for number, (permission, write) in enumerate(writes(mug)):
        with subtests.test(number=number, permission=permission):
            assert refusal(write(client), 403) == ("permission_denied", None)
    assert dump_database() == before


def test_permission_to_change_products_does_not_allow_deleting_them(
    staff_with: Callable[..., APIClient], mug: Product
) -> None:
    client = staff_with("change_product")
    assert client.patch(f"{LIST}mug/", {"name": "Cup"}).json()["name"] == "Cup"
    assert refusal(client.delete(f"{LIST}mug/"), 403) == ("permission_denied", None)
    assert refusal(client.post(LIST, {"name": "New", "price": "1"}), 403) == ("permission_denied", None)
    assert Product.objects.count() == 1


def test_permission_to_change_products_includes_inactive_ones(
    staff_with: Callable[..., APIClient], mug: Product
) -> None:
    Product.objects.update(is_active=False)
    client = staff_with("change_product")
    assert client.get(f"{LIST}mug/").json()["variants"][0]["stock"] == 5
    assert client.patch(f"{LIST}mug/", {"is_active": True}).json()["is_active"] is True


def test_a_permission_to_look_shows_stock_and_inactive_products(
    staff_with: Callable[..., APIClient], mug: Product
) -> None:
    Product.objects.update(is_active=False)
    assert staff_with("view_product").get(f"{LIST}mug/").json()["variants"][0]["stock"] == 5
    assert staff_with("view_category").get(f"{LIST}mug/").status_code == 404


def test_a_role_that_is_taken_away_is_gone_with_the_next_request(staff: User, mug: Product) -> None:
    client = client_of(staff)
    assert client.patch(f"{LIST}mug/", {"name": "Cup"}).status_code == 200
    User.objects.filter(pk=staff.pk).update(is_superuser=False)
    assert client.patch(f"{LIST}mug/", {"name": "Mug"}).status_code == 403
    User.objects.filter(pk=staff.pk).update(is_superuser=True, is_staff=False)
    assert client.patch(f"{LIST}mug/", {"name": "Mug"}).status_code == 403
    assert Product.objects.get().name == "Cup"
