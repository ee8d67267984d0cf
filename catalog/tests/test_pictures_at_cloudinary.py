"""Product pictures at Cloudinary: the API, the SDK and a server that checks signatures."""

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from catalog import services
from catalog.models import Product, ProductImage
from shop import image_jobs, jobs
from shop.testing.cloudinary import CloudinaryFake

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cloud(settings: Any) -> Iterator[CloudinaryFake]:
    with CloudinaryFake(cloud_name="our-shop", api_key="123456", api_secret="s3cr&t") as fake:
        settings.CLOUD_NAME, settings.CLOUD_API_KEY, settings.CLOUD_API_SECRET = "our-shop", "123456", "s3cr&t"
        settings.CLOUD_API_BASE = fake.url
        settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "shop.storage.CloudinaryStorage"}}
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
    assert shown["images"][0]["thumbnail"] != shown["images"][0]["url"]
    assert listed["image"].startswith("https://res.cloudinary.com/our-shop/")
    assert len(cloud.calls) == calls, "reading the catalogue never calls Cloudinary"


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


def test_cloudinary_away_is_a_503_and_leaves_nothing(
    cloud: CloudinaryFake, as_staff: APIClient, make_product: Callable[..., Product]
) -> None:
    cloud.failing_status = 500
    reply = upload(as_staff, make_product())
    assert reply.status_code == 503
    assert int(reply["Retry-After"]) > 0
    assert not ProductImage.objects.exists()


def test_an_image_that_no_product_has_is_found_and_deleted_once_it_is_old(
    cloud: CloudinaryFake, as_staff: APIClient, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product()
    kept = upload(as_staff, product).json()["id"]
    orphan = upload(as_staff, product).json()["id"]
    ProductImage.objects.filter(pk=orphan).delete()
    assert services.delete_orphan_images() == 0
    monkeypatch.setattr(image_jobs, "ORPHAN_AGE", timedelta(seconds=-60))
    assert services.delete_orphan_images() == 1
    assert len(cloud.assets) == 1
    assert ProductImage.objects.filter(pk=kept).exists()
