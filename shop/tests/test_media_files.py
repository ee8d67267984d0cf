"""Local files, URLs and fields of images."""

import re
from pathlib import Path

import pytest
from django import forms
from django.test import RequestFactory
from django.utils.datastructures import MultiValueDict
from PIL import Image
from rest_framework import serializers

from shop import media
from shop.admin.uploads import ImagesFormField
from shop.dev.testing.images import stored_images
from shop.dev.testing.pictures import encoded, picture, upload
from shop.http.addresses import base_url
from shop.media.fields import UploadedImageField
from shop.media.urls import derived_name, image_url, image_urls


class TestLocalStorage:
    @pytest.fixture(autouse=True)
    def local(self, settings, tmp_path):
        settings.MEDIA_ROOT = tmp_path
        settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
        self.root: Path = tmp_path

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())

    def store(self, size=(900, 600), kind="JPEG") -> str:
        return media.store_image(media.prepare_image(upload(encoded(picture(size=size), kind))), folder="products")

    def test_every_size_is_a_file_behind_its_url(self):
        name = self.store()
        assert re.fullmatch(r"products/[0-9a-f]{32}\.jpg", name)
        found = {}
        for size, url in image_urls(name).items():
            found[size] = Image.open(self.root / url.removeprefix("/media/")).size
        assert found == {"original": (900, 600), "thumbnail": (320, 320), "card": (640, 427), "large": (900, 600)}
        assert len(self.files()) == 4

    def test_a_small_image_is_not_enlarged(self):
        name = self.store(size=(100, 50))
        assert Image.open(self.root / derived_name(name, "thumbnail")).size == (50, 50)
        assert Image.open(self.root / derived_name(name, "card")).size == (100, 50)

    def test_deleting_removes_every_size_and_only_that_image_and_twice_is_fine(self):
        kept = self.store()
        before = self.files()
        doomed = self.store()
        media.delete_image(doomed)
        media.delete_image(doomed)
        assert self.files() == before
        assert kept in before

    def test_a_disk_that_fails_is_unavailable_and_names_what_to_clean_up(self, monkeypatch):
        image = media.prepare_image(upload(encoded(picture())))
        monkeypatch.setattr(
            "django.core.files.storage.filesystem.os.open", lambda *args: (_ for _ in ()).throw(OSError(28, "full"))
        )
        with pytest.raises(media.MediaUnavailable) as caught:
            media.store_image(image, folder="products")
        assert caught.value.name == f"products/{image.name}"

    def test_an_upload_cannot_be_stored_unprepared(self):
        with pytest.raises(TypeError):
            media.store_image(upload(encoded(picture())), folder="products")
        assert self.files() == []

    def test_the_stored_images_are_listed_without_their_sizes(self):
        names = {self.store(), self.store(kind="PNG")}
        assert stored_images("products") == names
        assert list(media.image_pages("nothing")) == [([], "")]

    def test_the_stored_images_are_listed_in_pages_that_can_be_continued(self, monkeypatch):
        monkeypatch.setattr(media, "PAGE_SIZE", 2)
        names = sorted(self.store() for _ in range(5))
        pages = list(media.image_pages("products"))
        assert [[name for name, _ in page.images] for page in pages] == [names[:2], names[2:4], names[4:]]
        assert list(media.image_pages("products", start=pages[0].next)) == pages[1:]
        assert pages[-1].next == ""


class TestUrls:
    @pytest.fixture(autouse=True)
    def local(self, settings):
        settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}

    def test_local_urls_are_absolute_by_the_request(self):
        base = base_url(RequestFactory().get("/api/v1/products/", secure=True))
        assert image_url("products/1f.jpg", base_url=base) == "https://testserver/media/products/1f.jpg"
        thumbnail = image_url("products/1f.jpg", size="thumbnail", base_url=base)
        assert thumbnail == "https://testserver/media/products/1f.thumbnail.webp"

    def test_without_a_base_url_local_urls_are_paths(self):
        assert image_url("products/1f.jpg") == "/media/products/1f.jpg"

    def test_no_image_has_no_url(self):
        assert image_url("") is None
        assert image_url(None) is None

    def test_an_unknown_size_is_a_mistake(self):
        with pytest.raises(KeyError, match="gigantic"):
            image_url("products/1f.jpg", size="gigantic")

    def test_a_name_can_not_break_out_of_the_url(self):
        assert image_url('a"><b>?x#y.jpg', size="original") == "/media/a%22%3E%3Cb%3E%3Fx%23y.jpg"


class TestFields:
    class ImageSerializer(serializers.Serializer):
        image = UploadedImageField()

    class ImageForm(forms.Form):
        image = ImagesFormField(folder="products")

    def test_the_serializer_field_yields_a_prepared_image(self):
        serializer = self.ImageSerializer(data={"image": upload(encoded(picture(size=(100, 50))))})
        assert serializer.is_valid(), serializer.errors
        image = serializer.validated_data["image"]
        assert isinstance(image, media.PreparedImage)
        assert Image.open(image).size == (100, 50)

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            (upload(b"<svg/>", "a.svg"), "unsupported_image_format"),
            (upload(b"\xff\xd8\xff rubbish"), "invalid_image"),
            (upload(b""), "invalid_image"),
            ("a string", "invalid"),
            (None, "null"),
        ],
    )
    def test_the_serializer_field_passes_the_codes_on(self, value, code):
        serializer = self.ImageSerializer(data={"image": value})
        assert not serializer.is_valid()
        assert [error.code for error in serializer.errors["image"]] == [code]

    def test_a_missing_image_is_required(self):
        serializer = self.ImageSerializer(data={})
        assert not serializer.is_valid()
        assert [error.code for error in serializer.errors["image"]] == ["required"]

    def test_the_form_field_yields_prepared_images(self):
        form = self.ImageForm(files=MultiValueDict({"image": [upload(encoded(picture()))]}))
        assert form.is_valid(), form.errors
        assert [type(image.prepared) for image in form.cleaned_data["image"]] == [media.PreparedImage]

    def test_the_form_field_passes_the_codes_on(self):
        form = self.ImageForm(files=MultiValueDict({"image": [upload(b"GIF89a", "a.gif")]}))
        assert [error.code for error in form.errors.as_data()["image"]] == ["unsupported_image_format"]
