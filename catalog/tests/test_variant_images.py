"""Images of single variants, and the sizes of images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from rest_framework.test import APIClient

from catalog.duplicates import duplicate_product
from catalog.models import Product, ProductImage, Variant
from catalog.tests.conftest import LIST
from catalog.tests.product_page import run_jobs, save, stored_files
from orders.models import ShippingMethod
from shop.audit import violations
from shop.dev.testing.admin import picture
from shop.dev.testing.commands import count_commands
from shop.dev.testing.images import image_file
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import API, place_order
from shop.dev.testing.tasks import run_task

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media_root(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def shirt(make_product: Callable[..., Product]) -> Product:
    options = [{"size": size, "colour": colour} for colour in ("red", "blue") for size in ("S", "M")]
    variants = [
        {"sku": f"{each['colour']}-{each['size']}".upper(), "options": each, "price": "20", "stock": 5}
        for each in options
    ]
    return make_product("Shirt", variants=variants)


def upload(client: APIClient, product: Product, **fields: Any) -> dict[str, Any]:
    form = {"image": image_file(size=(90, 60)), **fields}
    reply = client.post(f"{LIST}{product.pk}/images/", form, format="multipart")
    assert reply.status_code == 201, reply.content
    return reply.json()


def shown(client: APIClient) -> dict[str, list[str]]:
    """Return the alternative texts of the variants' images."""
    found = client.get(f"{LIST}shirt/").json()["variants"]
    return {variant["sku"]: [image["alt"] for image in variant["images"]] for variant in found}


def test_cart_and_order_show_the_variant(
    as_staff: APIClient, as_customer: APIClient, shirt: Product, shipping: ShippingMethod
) -> None:
    red, blue = (upload(as_staff, shirt, alt=alt) for alt in ("Red", "Blue"))
    small, other = Variant.objects.get(sku="BLUE-S"), Variant.objects.get(sku="RED-S")
    reply = as_staff.patch(f"{API}/variants/{small.pk}/", {"images": [blue["id"], red["id"], blue["id"]]})
    assert [image["id"] for image in reply.json()["images"]] == [blue["id"], red["id"]]
    assert shown(as_customer) == {"RED-S": [], "RED-M": [], "BLUE-S": ["Blue", "Red"], "BLUE-M": []}
    assert as_customer.get(f"{LIST}shirt/").json()["variants"][2]["images"][0] == blue

    as_customer.post(f"{API}/cart/items/", {"variant": str(other.pk)})
    with count_commands() as commands:
        items = as_customer.post(f"{API}/cart/items/", {"variant": str(small.pk)}).json()["items"]
    assert len(commands.names) <= 3
    assert [item["image"] for item in items] == [red["thumbnail"], blue["thumbnail"]]
    assert {item["product"]["image"] for item in items} == {red["thumbnail"]}
    order = place_order(as_customer)
    assert [line["image"] for line in order["lines"]] == [red["thumbnail"], blue["thumbnail"]]
    assert violations() == []


def test_an_image_that_is_deleted_is_no_longer_assigned(
    as_staff: APIClient, anonymous: APIClient, shirt: Product, make_product: Callable[..., Product]
) -> None:
    red, blue = (upload(as_staff, shirt, alt=alt) for alt in ("Red", "Blue"))
    foreign = upload(as_staff, make_product("Hat"))
    url = f"{API}/variants/{Variant.objects.get(sku='BLUE-S').pk}/"
    assert as_staff.patch(url, {"images": [red["id"], blue["id"]]}).status_code == 200
    for wrong in (foreign["id"], "6650c1f2a4b3c2d1e0f9a8b7"):
        assert refusal(as_staff.patch(url, {"images": [wrong]}), 400) == ("does_not_exist", "images")
    assert as_staff.delete(f"{LIST}{shirt.pk}/images/{red['id']}/").status_code == 204
    assert shown(anonymous)["BLUE-S"] == ["Blue"]
    assert refusal(as_staff.patch(url, {"images": [red["id"]]}), 400) == ("does_not_exist", "images")
    assert as_staff.patch(url, {"images": []}).json()["images"] == []
    assert violations() == []


def test_the_admin_assigns_an_image_to_a_value_of_an_option(
    browser: Client, anonymous: APIClient, shirt: Product
) -> None:
    blue = str(Variant.objects.get(sku="BLUE-M").pk)
    save(
        browser,
        shirt,
        images__0__files=[picture(), picture(colour="red")],
        images__0__alt="Both",
        images__0__variants=["colour=red", blue],
    )
    assert shown(anonymous) == {
        **{sku: ["Both", "Both"] for sku in ("RED-S", "RED-M", "BLUE-M")},
        "BLUE-S": [],
    }
    # The page shows what it saved, so saving it again changes nothing.
    save(browser, shirt, name="Shirt", images__1__alt="Second")
    assert shown(anonymous)["RED-S"] == ["Both", "Second"]
    save(browser, shirt, images__0__variants=["size=m"], images__1__DELETE="on")
    assert shown(anonymous) == {"RED-S": [], "RED-M": ["Both"], "BLUE-S": [], "BLUE-M": ["Both"]}
    run_jobs()
    assert len(stored_files()) == 1
    assert violations() == []


def test_images_have_sizes_and_those_from_before_get_them(
    as_staff: APIClient, anonymous: APIClient, shirt: Product
) -> None:
    images = [upload(as_staff, shirt, alt=str(number)) for number in range(3)]
    assert [(image["width"], image["height"]) for image in images] == [(90, 60)] * 3
    wanted = anonymous.get(LIST).json()["results"][0]["item_images"]
    assert [each["alt"] for each in wanted] == ["0", "1"]
    assert {(each["width"], each["height"]) for each in wanted} == {(90, 60)}
    assert anonymous.get(f"{LIST}shirt/").json()["item_images"] == wanted

    stored = [{name: each[name] for name in ("id", "name", "alt")} for each in Product.objects.get().pictures]
    Product.objects.update(pictures=stored)
    ProductImage.objects.update(width=None, height=None)
    default_storage.delete(ProductImage.objects.get(alt="1").name)
    copy = duplicate_product(product=shirt)
    assert violations() == []
    assert anonymous.get(LIST).json()["results"][0]["item_images"][0]["width"] is None
    run_task("catalog.image_sizes")
    found = anonymous.get(f"{LIST}shirt/").json()["images"]
    assert [(each["width"], each["height"]) for each in found] == [(90, 60), (None, None), (90, 60)]
    copied = ProductImage.objects.filter(product=copy).order_by("position").values_list("width", "height")
    assert list(copied) == [(90, 60), (None, None), (90, 60)]
    assert violations() == []


def test_a_large_image_is_described_as_it_is_shown_in_a_list(
    as_staff: APIClient, anonymous: APIClient, shirt: Product
) -> None:
    upload(as_staff, shirt, image=image_file(size=(1600, 800)))
    (item,) = anonymous.get(LIST).json()["results"][0]["item_images"]
    assert (item["width"], item["height"]) == (640, 320)
