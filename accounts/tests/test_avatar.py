"""The profile picture."""

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import User
from shop.dev.testing.images import hostile_images, image_file
from shop.dev.testing.replies import refusal
from shop.jobs import Job, run_due

pytestmark = pytest.mark.django_db

URL = "/api/v1/users/me/avatar/"
HOSTILE = hostile_images()


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path


def test_an_upload_is_stored_and_shown_at_an_absolute_address(as_customer: APIClient) -> None:
    reply = as_customer.put(URL, {"image": image_file()}, format="multipart")
    assert reply.status_code == 200
    name = User.objects.get().avatar
    assert name.startswith("avatars/")
    assert default_storage.exists(name)
    assert reply.json()["avatar"].startswith("http://testserver/")
    assert "picture" not in reply.json()["avatar"]
    assert as_customer.get("/api/v1/users/me/").json() == reply.json()
    assert Job.objects.count() == 0


def test_another_upload_takes_the_place_of_the_first_whose_file_goes(as_customer: APIClient) -> None:
    as_customer.put(URL, {"image": image_file("red")}, format="multipart")
    old = User.objects.get().avatar
    as_customer.put(URL, {"image": image_file("blue", kind="JPEG")}, format="multipart")
    new = User.objects.get().avatar

    run_due()

    assert new != old
    assert not default_storage.exists(old)
    assert default_storage.exists(new)
    assert Job.objects.count() == 0


def test_a_removed_picture_is_gone_with_its_file(as_customer: APIClient) -> None:
    as_customer.put(URL, {"image": image_file()}, format="multipart")
    old = User.objects.get().avatar
    reply = as_customer.delete(URL)
    run_due()
    assert (reply.status_code, reply.json()["avatar"]) == (200, None)
    assert User.objects.get().avatar == ""
    assert not default_storage.exists(old)


def test_removing_no_picture_changes_nothing(as_customer: APIClient) -> None:
    assert as_customer.delete(URL).json()["avatar"] is None
    assert Job.objects.count() == 0


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_upload_is_refused_and_the_old_picture_stays(as_customer: APIClient, kind: str, tmp_path) -> None:
    as_customer.put(URL, {"image": image_file()}, format="multipart")
    before, files = User.objects.get().avatar, sorted(tmp_path.rglob("*"))
    data, code = HOSTILE[kind]

    reply = as_customer.put(URL, {"image": SimpleUploadedFile("x.png", data, "image/png")}, format="multipart")

    assert refusal(reply, 400) == (code, "image")
    assert User.objects.get().avatar == before
    assert sorted(tmp_path.rglob("*")) == files
    assert Job.objects.count() == 0


def test_a_picture_over_the_limit_is_refused(as_customer: APIClient, settings) -> None:
    settings.MAX_IMAGE_BYTES = 100
    reply = as_customer.put(URL, {"image": image_file(size=(300, 300))}, format="multipart")
    assert refusal(reply, 400) == ("image_too_large", "image")


@pytest.mark.parametrize("body", [{}, {"image": "a text"}, {"picture": "x"}])
def test_an_upload_without_a_file_is_refused(as_customer: APIClient, body: dict) -> None:
    reply = as_customer.put(URL, body, format="multipart")
    assert refusal(reply, 400)[1] == "image"


def test_an_upload_that_is_not_multipart_is_415(as_customer: APIClient) -> None:
    assert refusal(as_customer.put(URL, {"image": "x"}), 415) == ("unsupported_media_type", None)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=abc", b"--nonsense"),
        ("multipart/form-data; boundary=abc", b""),
        ("multipart/form-data; boundary=\xff", b"x"),
    ],
)
def test_broken_multipart_is_400(as_customer: APIClient, content_type: str, body: bytes) -> None:
    refusal(as_customer.generic("PUT", URL, body, content_type=content_type), 400)
