"""Staff upload, order and remove pictures on a product's page."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Product, ProductImage, Variant
from catalog.tests.product_page import run_jobs, save, stored_files
from shop.db import transactions
from shop.dev.testing.admin import browser_of, errors_of, messages_of, picture
from shop.jobs import Job
from shop.media import MediaUnavailable


@pytest.fixture(autouse=True)
def own_pictures(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def test_a_picture_is_described_moved_replaced_and_removed(browser: Client, shirt: Product) -> None:
    save(browser, shirt, images__0__files=[picture(), picture(colour="red")])
    first, second = ProductImage.objects.order_by("position")

    save(browser, shirt, images__0__alt="Front", images__0__position="5")
    assert [each["id"] for each in Product.objects.get().pictures] == [str(second.pk), str(first.pk)]
    assert Product.objects.get().pictures[1]["alt"] == "Front"

    save(browser, shirt, images__0__files=[picture(colour="blue")])
    replaced = ProductImage.objects.get(pk=second.pk)
    assert replaced.name != second.name

    save(browser, shirt, images__0__DELETE="on")
    run_jobs()
    assert [each["id"] for each in Product.objects.get().pictures] == [str(first.pk)]
    assert stored_files() == {first.name}


def test_pictures_are_put_in_another_order_by_dragging(browser: Client, shirt: Product) -> None:
    save(browser, shirt, images__0__files=[picture(), picture(colour="red")])
    first, second = ProductImage.objects.order_by("position")

    # Sorting numbers every row, including the empty extra row.
    page = save(browser, shirt, images__0__position="1", images__1__position="0", images__2__position="2")

    assert "was changed successfully" in messages_of(page)[0]
    assert [each["id"] for each in Product.objects.get().pictures] == [str(second.pk), str(first.pk)]
    assert ProductImage.objects.count() == 2


def test_variants_are_put_in_another_order_by_dragging(browser: Client, shirt: Product) -> None:
    save(browser, shirt, variants__0__position="1", variants__1__position="0")
    assert list(Variant.objects.values_list("sku", flat=True)) == ["SHIRT-M", "SHIRT-S"]


def test_a_file_that_is_no_image_is_an_error_at_its_field_and_nothing_is_stored(
    browser: Client, shirt: Product
) -> None:
    bad = picture()
    bad.file.seek(0)
    bad.file.write(b"no picture")
    page = save(browser, shirt, name="Better shirt", images__0__files=[picture(), bad])
    assert set(errors_of(page)) == {"images-0-files"}
    assert Product.objects.get().name == "Shirt"
    assert stored_files() == set()


def test_images_are_not_stored_if_something_else_on_the_page_is_wrong(browser: Client, shirt: Product) -> None:
    page = save(browser, shirt, name="", images__0__files=[picture()])
    assert set(errors_of(page)) == {"name"}
    assert stored_files() == set()
    assert not Job.objects.exists()


def test_pictures_are_stored_outside_the_transaction(
    browser: Client, shirt: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shop.admin import uploads as admin_uploads

    store, inside = admin_uploads.store_image, []

    def watched(*args: Any, **kwargs: Any) -> str:
        inside.append(transactions.in_transaction())
        return store(*args, **kwargs)

    monkeypatch.setattr(admin_uploads, "store_image", watched)
    # The uploading threads use other connections, so this request's is checked before they start.
    monkeypatch.setattr(admin_uploads.Uploads, "store", lambda self: [upload.store() for upload in self])
    save(browser, shirt, images__0__files=[picture()])
    assert inside == [False]


def test_an_unavailable_image_service_is_an_error_at_the_image(
    browser: Client, shirt: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shop.admin import uploads as admin_uploads

    def away(*_: Any, **__: Any) -> str:
        raise MediaUnavailable

    monkeypatch.setattr(admin_uploads, "store_image", away)
    page = save(browser, shirt, name="Better shirt", images__0__files=[picture()])
    assert errors_of(page) == {"images-0-files": [str(MediaUnavailable.default_detail)]}
    assert Product.objects.get().name == "Shirt"
