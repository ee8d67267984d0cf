"""Images without a row are deleted, however many there are."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import Product, ProductImage
from shop import jobs, media
from shop.dev.testing.commands import count_commands
from shop.dev.testing.images import image_file, stored_images
from shop.dev.testing.plans import keys_and_documents
from shop.dev.testing.steps import API
from shop.dev.testing.tasks import run_task
from shop.jobs import Job, PeriodicTask, timing
from shop.media import cleanup

pytestmark = pytest.mark.django_db

PRODUCTS = "catalog.orphan_images"
AVATARS = "accounts.orphan_images"


@pytest.fixture(autouse=True)
def small_pages(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(media, "PAGE_SIZE", 2)
    monkeypatch.setattr(timing, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(cleanup, "ORPHAN_AGE", timedelta(seconds=-60))


@pytest.fixture
def pictures(as_staff: APIClient, make_product: Callable[..., Product]) -> list[str]:
    """Names of five pictures in their order, of which the first, third and last are orphans."""
    product = make_product()
    for _ in range(5):
        as_staff.post(f"{API}/products/{product.pk}/images/", {"image": image_file()}, format="multipart")
    names = sorted(ProductImage.objects.values_list("name", flat=True))
    ProductImage.objects.filter(name__in=names[::2]).delete()
    return names


def run_jobs() -> None:
    while jobs.run_due():
        pass


def test_orphans_are_deleted_in_slices_and_nothing_else(pictures: list[str]) -> None:
    assert run_task(PRODUCTS) == 3
    assert Job.objects.count() == 3
    run_jobs()
    assert stored_images("products") == set(pictures[1::2])
    assert PeriodicTask.objects.get().cursor is None
    assert PeriodicTask.objects.get().due_at > timezone.now() + timedelta(hours=23)
    assert run_task(PRODUCTS) == 1
    assert not Job.objects.exists()


def test_recent_images_are_left_alone(pictures: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "ORPHAN_AGE", timedelta(hours=1))
    run_task(PRODUCTS)
    assert not Job.objects.exists()


def test_another_worker_continues_after_the_last_page(pictures: list[str]) -> None:
    run_task(PRODUCTS, slices=1)
    assert [job.payload["name"] for job in Job.objects.all()] == pictures[:1]
    Job.objects.all().delete()
    run_task(PRODUCTS)
    assert sorted(job.payload["name"] for job in Job.objects.all()) == [pictures[2], pictures[4]]


def test_a_search_begun_long_ago_starts_over(pictures: list[str]) -> None:
    run_task(PRODUCTS, slices=1)
    task = PeriodicTask.objects.get()
    begun_at = (timezone.now() - timedelta(days=2)).isoformat()
    PeriodicTask.objects.update(cursor={**task.cursor, "begun_at": begun_at})
    assert run_task(PRODUCTS) == 3
    # The first one waits already.
    assert Job.objects.count() == 3


def test_an_avatar_is_kept_until_no_account_has_it(as_customer: APIClient, customer: User) -> None:
    for _ in range(2):
        as_customer.put(f"{API}/users/me/avatar/", {"image": image_file()}, format="multipart")
    # The first one would be deleted by the job of the change.
    Job.objects.all().delete()
    run_task(AVATARS)
    run_jobs()
    customer.refresh_from_db()
    assert stored_images("avatars") == {customer.avatar}


@pytest.mark.parametrize("task", [PRODUCTS, AVATARS])
def test_rows_are_looked_up_by_index(
    pictures: list[str], customer: User, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"avatars/{number}.webp" for number in range(20)]
    User.objects.bulk_create(User(email=f"{name}@example.com", avatar=name) for name in names)
    product = Product.objects.get()
    ProductImage.objects.bulk_create(ProductImage(product=product, name=name) for name in names)
    page = media.ImagePage([(name, timezone.now()) for name in (names[3], names[8], "avatars/none.webp")], "")
    monkeypatch.setattr(media, "image_pages", lambda folder, start: iter([page]))
    with count_commands() as commands:
        run_task(task)
    (look_up,) = (command for command in commands if command.collection in ("accounts_user", "catalog_productimage"))
    keys, documents = keys_and_documents(look_up)
    assert (keys <= 6, documents) == (True, 2)
    assert [job.payload["name"] for job in Job.objects.all()] == ["avatars/none.webp"]
