"""The pictures of a product."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from catalog.models import Product, ProductImage
from catalog.tests.conftest import LIST
from shop.dev.testing.images import hostile_images, image_file
from shop.dev.testing.replies import refusal, refusals
from shop.dev.testing.steps import dump_database, run_concurrently
from shop.jobs import Job, run_due

pytestmark = pytest.mark.django_db

NOBODY = "6650c1f2a4b3c2d1e0f9a8b7"

HOSTILE = hostile_images()


@pytest.fixture(autouse=True)
def media_root(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product("Mug")


@pytest.fixture
def three(as_staff: APIClient, mug: Product) -> list[dict[str, Any]]:
    return [upload(as_staff, mug, alt=alt).json() for alt in ("a", "b", "c")]


def upload(client: APIClient, product: Product, **fields: Any):
    return client.post(f"{LIST}{product.pk}/images/", {"image": image_file(), **fields}, format="multipart")


def shown(client: APIClient) -> list[tuple[str, int]]:
    return [(image["alt"], image["position"]) for image in client.get(f"{LIST}mug/").json()["images"]]


def test_an_upload_is_stored_and_shown_in_list_and_detail(
    as_staff: APIClient, anonymous: APIClient, mug: Product
) -> None:
    reply = upload(as_staff, mug, alt="A blue mug")
    assert reply.status_code == 201
    image = ProductImage.objects.get()
    assert default_storage.exists(image.name)
    assert list(reply.json()) == ["id", "url", "thumbnail", "sizes", "alt", "width", "height", "position"]
    assert (reply.json()["id"], reply.json()["alt"], reply.json()["position"]) == (str(image.pk), "A blue mug", 0)
    assert reply.json()["url"].startswith("http://testserver/")
    detail = anonymous.get(f"{LIST}mug/").json()
    assert detail["images"] == [reply.json()]
    assert detail["image"] == anonymous.get(LIST).json()["results"][0]["image"]
    assert detail["image"].startswith("http://testserver/")


def test_a_picture_comes_in_sizes_for_every_screen(
    as_staff: APIClient, anonymous: APIClient, mug: Product, settings: Any
) -> None:
    upload(as_staff, mug, image=image_file(size=(2000, 1000), kind="JPEG"))
    (image,) = anonymous.get(f"{LIST}mug/").json()["images"]
    found = {}
    for name, url in image["sizes"].items():
        path = url.removeprefix("http://testserver/media/")
        found[name] = Image.open(Path(settings.MEDIA_ROOT, path)).size
    assert found == {"original": (2000, 1000), "thumbnail": (320, 320), "card": (640, 320), "large": (1280, 640)}
    assert (image["url"], image["thumbnail"]) == (image["sizes"]["original"], image["sizes"]["thumbnail"])


def test_pictures_come_one_behind_the_other(anonymous: APIClient, three: list[dict[str, Any]]) -> None:
    assert [image["position"] for image in three] == [0, 1, 2]
    assert shown(anonymous) == [("a", 0), ("b", 1), ("c", 2)]


@pytest.mark.parametrize(
    ("moved", "position", "order", "lands_at"),
    [(2, 0, "cab", 0), (0, 1, "bac", 1), (0, 2, "bca", 2), (0, 1000, "bca", 2), (1, 1, "abc", 1)],
)
def test_an_image_moves_to_its_new_position_and_the_others_shift(
    as_staff: APIClient,
    anonymous: APIClient,
    mug: Product,
    three: list[dict[str, Any]],
    moved: int,
    position: int,
    order: str,
    lands_at: int,
) -> None:
    url = f"{LIST}{mug.pk}/images/{three[moved]['id']}/"
    reply = as_staff.patch(url, {"position": position})
    assert (reply.status_code, reply.json()) == (200, {**three[moved], "position": lands_at})
    assert shown(anonymous) == [(alt, place) for place, alt in enumerate(order)]
    first = next(image for image in three if image["alt"] == order[0])
    assert Product.objects.get().pictures[0]["id"] == first["id"]


def test_concurrent_moves_leave_no_two_pictures_at_one_place(
    as_staff: APIClient, mug: Product, three: list[dict[str, Any]]
) -> None:
    urls = [f"{LIST}{mug.pk}/images/{image['id']}/" for image in three]
    for places in ([2, 0, 1], [1, 2, 0], [0, 0, 0], [2, 2, 2]):
        moves = [partial(as_staff.patch, url, {"position": place}) for url, place in zip(urls, places, strict=True)]
        assert [reply.status_code for reply in run_concurrently(*moves)] == [200] * 3
        assert sorted(ProductImage.objects.values_list("position", flat=True)) == [0, 1, 2]


def test_what_a_screen_reader_says_can_be_changed(
    as_staff: APIClient, anonymous: APIClient, mug: Product, three: list[dict[str, Any]]
) -> None:
    reply = as_staff.patch(f"{LIST}{mug.pk}/images/{three[1]['id']}/", {"alt": "new"})
    assert reply.json() == {**three[1], "alt": "new"}
    assert shown(anonymous) == [("a", 0), ("new", 1), ("c", 2)]


def test_a_deleted_picture_is_gone_and_its_file_too(
    as_staff: APIClient, anonymous: APIClient, mug: Product, three: list[dict[str, Any]]
) -> None:
    name = ProductImage.objects.get(pk=three[0]["id"]).name
    reply = as_staff.delete(f"{LIST}{mug.pk}/images/{three[0]['id']}/")
    run_due()
    assert (reply.status_code, reply.content) == (204, b"")
    assert shown(anonymous) == [("b", 0), ("c", 1)]
    assert not default_storage.exists(name)
    assert all(default_storage.exists(other) for other in ProductImage.objects.values_list("name", flat=True))
    assert Job.objects.count() == 0


def test_positions_in_replies_are_those_of_the_detail_after_a_deletion(
    as_staff: APIClient, anonymous: APIClient, mug: Product, three: list[dict[str, Any]]
) -> None:
    as_staff.delete(f"{LIST}{mug.pk}/images/{three[0]['id']}/")
    added = upload(as_staff, mug, alt="d").json()
    changed = as_staff.patch(f"{LIST}{mug.pk}/images/{three[2]['id']}/", {"alt": "c"}).json()
    images = anonymous.get(f"{LIST}mug/").json()["images"]
    assert added == images[2]
    assert changed == images[1]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_upload_is_refused_and_leaves_nothing(
    as_staff: APIClient, mug: Product, kind: str, tmp_path: Path
) -> None:
    before = dump_database()
    data, code = HOSTILE[kind]
    reply = upload(as_staff, mug, image=SimpleUploadedFile("x.jpg", data, "image/jpeg"))
    assert refusal(reply, 400) == (code, "image")
    assert dump_database() == before
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"alt": "a" * 201}, "alt"),
        ({"position": -1}, "position"),
        ({"position": "first"}, "position"),
        ({"position": 1001}, "position"),
    ],
)
def test_a_change_of_a_picture_that_cannot_be_changes_nothing(
    as_staff: APIClient, mug: Product, change: dict[str, Any], attr: str
) -> None:
    image = upload(as_staff, mug).json()
    before = dump_database()
    found = refusals(as_staff.patch(f"{LIST}{mug.pk}/images/{image['id']}/", change), 400)
    assert {each for _, each in found} == {attr}
    assert dump_database() == before


def test_a_picture_of_another_product_is_404(
    as_staff: APIClient, mug: Product, make_product: Callable[..., Product]
) -> None:
    image = upload(as_staff, mug).json()
    other = make_product()
    before = dump_database()
    for product, pk in ((other.pk, image["id"]), (mug.pk, ObjectId()), (ObjectId(), image["id"]), (mug.pk, "abc")):
        for method in ("patch", "delete"):
            reply = getattr(as_staff, method)(f"{LIST}{product}/images/{pk}/", {"alt": "x"})
            assert refusal(reply, 404) == ("not_found", None)
    assert dump_database() == before


@pytest.mark.parametrize("product", [NOBODY, "abc", "mug"])
def test_a_picture_of_no_product_is_404_and_leaves_no_file(
    as_staff: APIClient, mug: Product, product: str, tmp_path: Path
) -> None:
    reply = as_staff.post(f"{LIST}{product}/images/", {"image": image_file()}, format="multipart")
    assert refusal(reply, 404) == ("not_found", None)
    assert not list(tmp_path.rglob("*.*"))


def test_a_picture_comes_as_multipart_and_its_changes_as_json(as_staff: APIClient, mug: Product) -> None:
    assert refusal(as_staff.post(f"{LIST}{mug.pk}/images/", {"image": "x"}), 415)[0] == "unsupported_media_type"
    image = upload(as_staff, mug).json()
    url = f"{LIST}{mug.pk}/images/{image['id']}/"
    assert refusal(as_staff.patch(url, {"alt": "x"}, format="multipart"), 415)[0] == "unsupported_media_type"
