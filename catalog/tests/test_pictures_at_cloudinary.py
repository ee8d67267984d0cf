"""Product pictures at Cloudinary: the API, the SDK and a server that checks signatures."""

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product, ProductImage
from shop import jobs
from shop.dev.testing.admin import browser_of, filled_in, picture, url_of
from shop.dev.testing.cloudinary import CloudinaryFake
from shop.dev.testing.images import hostile_images
from shop.dev.testing.replies import refusal
from shop.dev.testing.tasks import run_task
from shop.jobs import timing
from shop.media import cleanup

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cloud(settings: Any) -> Iterator[CloudinaryFake]:
    with CloudinaryFake(cloud_name="our-shop", api_key="123456", api_secret="s3cr&t") as fake:
        settings.CLOUD_NAME, settings.CLOUD_API_KEY, settings.CLOUD_API_SECRET = "our-shop", "123456", "s3cr&t"
        settings.CLOUD_API_BASE = fake.url
        settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "shop.media.storage.CloudinaryStorage"}}
        yield fake


def upload(client: APIClient, product: Product, **fields: Any) -> Any:
    output = io.BytesIO()
    Image.effect_noise((60, 40), 90).convert("RGB").save(output, "JPEG")
    picture = SimpleUploadedFile("mug.jpg", output.getvalue())
    return client.post(f"/api/v1/products/{product.pk}/images/", {"image": picture, **fields}, format="multipart")


def test_a_picture_is_uploaded_signed_and_shown_by_secure_addresses(
    cloud: CloudinaryFake, as_staff: APIClient, anonymous: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product()
    reply = upload(as_staff, product, alt="A mug")
    assert reply.status_code == 201, reply.content
    assert reply.json()["url"].startswith("https://res.cloudinary.com/our-shop/image/upload/")
    assert len(cloud.assets) == 1
    calls = len(cloud.calls)

    shown = anonymous.get(f"/api/v1/products/{product.pk}/").json()
    listed = anonymous.get("/api/v1/products/").json()["results"][0]

    assert [(image["id"], image["alt"]) for image in shown["images"]] == [(reply.json()["id"], "A mug")]
    sizes = shown["images"][0]["sizes"]
    assert list(sizes) == ["original", "thumbnail", "card", "large"]
    assert len(set(sizes.values())) == 4
    assert "/c_limit,f_auto,q_auto,w_1280,h_1280/" in sizes["large"]
    assert listed["image"].startswith("https://res.cloudinary.com/our-shop/")
    assert len(cloud.calls) == calls, "reading the catalog never calls Cloudinary"


TOO_LARGE = {
    "10 MB and a byte": (b"\xff\xd8\xff" + bytes(10 * 1024 * 1024 - 2), 400, "image_too_large"),
    "20 MB": (b"\xff\xd8\xff" + bytes(20 * 1024 * 1024), 413, "payload_too_large"),
}
REFUSED = {kind: (data, 400, code) for kind, (data, code) in hostile_images().items()} | TOO_LARGE


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", REFUSED)
def test_nothing_of_a_hostile_upload_leaves_the_shop_whatever_it_is_called(
    cloud: CloudinaryFake, as_staff: APIClient, make_product: Callable[..., Product], kind: str
) -> None:
    data, status, code = REFUSED[kind]
    url = f"/api/v1/products/{make_product().pk}/images/"
    for name in ("mug.jpg", "mug.svg"):
        reply = as_staff.post(url, {"image": SimpleUploadedFile(name, data, "image/jpeg")}, format="multipart")
        assert refusal(reply, status)[0] == code
    assert not cloud.calls
    assert not ProductImage.objects.exists()
    assert not jobs.Job.objects.exists()


def test_a_deleted_picture_is_destroyed_at_cloudinary_by_a_job_even_after_an_outage(
    cloud: CloudinaryFake, as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product()
    picture = upload(as_staff, product).json()["id"]
    cloud.failing_status = 500
    assert as_staff.delete(f"/api/v1/products/{product.pk}/images/{picture}/").status_code == 204
    jobs.run_due()
    assert len(cloud.assets) == 1
    cloud.failing_status = None
    jobs.Job.objects.update(run_at=jobs.timezone.now())
    jobs.run_due()
    assert not cloud.assets
    assert not jobs.Job.objects.exists()


def run_all_jobs() -> None:
    jobs.Job.objects.update(run_at=jobs.timezone.now())
    jobs.run_due()


def test_a_replaced_picture_is_destroyed_by_a_job_once_cloudinary_is_back(
    cloud: CloudinaryFake, as_staff: APIClient, staff: User, make_product: Callable[..., Product]
) -> None:
    product = make_product()
    upload(as_staff, product)
    (old,) = cloud.assets
    browser, url = browser_of(staff), url_of("catalog.product", "change", product.pk)
    page = browser.post(url, filled_in(browser.get(url)) | {"images-0-files": [picture()]}, follow=True)
    assert not page.context.get("errors")
    assert set(cloud.assets) == {old, ProductImage.objects.get().name}

    cloud.failing_status = 500
    run_all_jobs()
    assert old in cloud.assets
    cloud.failing_status = None
    run_all_jobs()
    assert list(cloud.assets) == [ProductImage.objects.get().name]
    assert not jobs.Job.objects.exists()


def test_what_a_deleted_product_and_a_leaving_person_had_goes_though_cloudinary_is_away(
    cloud: CloudinaryFake, as_staff: APIClient, as_customer: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product()
    for _ in range(2):
        upload(as_staff, product)
    for _ in range(2):
        assert as_customer.put("/api/v1/users/me/avatar/", {"image": picture()}, format="multipart").status_code == 200
    assert len(cloud.assets) == 4

    cloud.failing_status = 500
    assert as_staff.delete(f"/api/v1/products/{product.pk}/").status_code == 204
    assert as_customer.delete("/api/v1/users/me/").status_code == 204
    run_all_jobs()
    assert len(cloud.assets) == 4
    cloud.failing_status = None
    run_all_jobs()
    assert not cloud.assets
    assert not jobs.Job.objects.exists()


def test_a_picture_that_could_not_take_another_s_place_leaves_that_one(
    cloud: CloudinaryFake, as_customer: APIClient, customer: User
) -> None:
    as_customer.put("/api/v1/users/me/avatar/", {"image": picture()}, format="multipart")
    before = User.objects.get(pk=customer.pk).avatar
    cloud.failing_status = 500
    assert as_customer.put("/api/v1/users/me/avatar/", {"image": picture()}, format="multipart").status_code == 503
    cloud.failing_status = None
    run_all_jobs()
    assert User.objects.get(pk=customer.pk).avatar == before
    assert list(cloud.assets) == [before]


def test_cloudinary_away_is_a_503_and_leaves_nothing(
    cloud: CloudinaryFake, as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    cloud.failing_status = 500
    reply = upload(as_staff, make_product())
    assert reply.status_code == 503
    assert int(reply["Retry-After"]) > 0
    assert not ProductImage.objects.exists()


def test_the_sizes_of_older_images_come_from_cloudinary(
    cloud: CloudinaryFake, as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    product = make_product()
    for _ in range(2):
        upload(as_staff, product)
    ProductImage.objects.update(width=None, height=None)
    cloud.assets.popitem()
    listed = cloud.calls["resources"]
    run_task("catalog.image_sizes")
    assert cloud.calls["resources"] - listed == 1
    assert sorted(ProductImage.objects.values_list("width", "height"), key=str) == [(60, 40), (None, None)]


def test_an_image_that_no_product_has_is_found_and_deleted_once_it_is_old(
    cloud: CloudinaryFake, as_staff: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product()
    kept, *orphans = (upload(as_staff, product).json()["id"] for _ in range(4))
    ProductImage.objects.filter(pk__in=orphans).delete()
    cloud.page_size = 1
    run_task("catalog.orphan_images")
    jobs.run_due()
    assert len(cloud.assets) == 4
    monkeypatch.setattr(cleanup, "ORPHAN_AGE", timedelta(seconds=-60))
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0.0)
    listed = cloud.calls["resources"]
    assert run_task("catalog.orphan_images") == 4
    while jobs.run_due():
        pass
    assert len(cloud.assets) == 1
    assert ProductImage.objects.filter(pk=kept).exists()
    assert cloud.calls["resources"] - listed == 4
