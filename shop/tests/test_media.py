"""Images that `prepare_image` accepts, its results, local files and URLs."""

import contextlib
import io
import re
import struct
import threading
import zlib
from pathlib import Path

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory
from django.utils.datastructures import MultiValueDict
from PIL import Image, ImageCms, PngImagePlugin
from rest_framework import serializers

from shop import media
from shop.admin.uploads import ImagesFormField
from shop.dev.testing.images import flat_png, png_chunk, stored_images, with_scans
from shop.http.addresses import base_url
from shop.media.fields import UploadedImageField
from shop.media.urls import derived_name, image_url, image_urls

RED, GREEN, BLUE = (220, 20, 30), (20, 200, 40), (20, 30, 220)
GPS = 0x8825
ORIENTATION = 0x0112


def picture(mode="RGB", size=(60, 40), colour=RED) -> Image.Image:
    return Image.new(mode, size, colour)


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    output = io.BytesIO()
    image.save(output, kind, **options)
    return output.getvalue()


def upload(data: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type="image/jpeg")


class UnreadableUpload(SimpleUploadedFile):
    def read(self, *args):
        pytest.fail("read")


def prepared(data: bytes) -> Image.Image:
    result = media.prepare_image(upload(data))
    image = Image.open(io.BytesIO(result.read()))
    image.load()
    return image


def refusal(data: bytes, name: str = "photo.jpg") -> str:
    with pytest.raises(media.InvalidImage) as caught:
        media.prepare_image(upload(data, name))
    assert re.fullmatch(r"[A-Z].*\.", caught.value.message)
    return caught.value.code


def near(colour, expected, tolerance=12) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(colour, expected, strict=True))


class TestRefusals:
    def test_a_png_of_900_megapixels_is_refused_without_decoding_it(self, monkeypatch):
        bomb = flat_png(30_000, 30_000)
        assert len(bomb) < 200_000
        monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
        assert refusal(bomb) == "image_too_many_pixels"

    @pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
    def test_a_png_of_169_megapixels_that_pillow_only_warns_about_is_refused(self):
        assert refusal(flat_png(13_000, 13_000)) == "image_too_many_pixels"

    def test_a_webp_that_claims_the_largest_canvas_is_refused(self):
        def uint24(value):
            return struct.pack("<I", value)[:3]

        body = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + uint24(16_382) + uint24(16_382)
        body += b"ANIM" + struct.pack("<IIH", 6, 0, 0)
        frame = encoded(picture(size=(16, 16)), "WEBP")[12:]
        body += b"ANMF" + struct.pack("<I", 16 + len(frame)) + bytes(6) + uint24(15) * 2 + uint24(10) + b"\0" + frame
        data = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
        assert refusal(data) == "image_too_many_pixels"

    def test_a_ribbon_within_the_pixel_limit_is_refused(self):
        assert refusal(flat_png(39_000_000, 1)) == "image_too_many_pixels"

    def test_the_pixel_limit_is_a_setting(self, settings):
        settings.MAX_IMAGE_PIXELS = 60 * 40
        assert prepared(encoded(picture())).size == (60, 40)
        settings.MAX_IMAGE_PIXELS = 60 * 40 - 1
        assert refusal(encoded(picture())) == "image_too_many_pixels"

    def test_a_file_of_20_megabytes_is_refused_without_reading_it(self):
        big = UnreadableUpload("photo.jpg", b"\xff\xd8\xff" + bytes(20 * 1024 * 1024))
        with pytest.raises(media.InvalidImage) as caught:
            media.prepare_image(big)
        assert caught.value.code == "image_too_large"

    def test_the_byte_limit_is_a_setting_and_exact(self, settings):
        data = encoded(picture())
        settings.MAX_IMAGE_BYTES = len(data)
        assert prepared(data).size == (60, 40)
        settings.MAX_IMAGE_BYTES = len(data) - 1
        assert refusal(data) == "image_too_large"

    def test_a_false_size_does_not_lift_the_byte_limit(self, settings):
        settings.MAX_IMAGE_BYTES = 100
        liar = upload(encoded(picture()))
        liar.size = 5
        with pytest.raises(media.InvalidImage) as caught:
            media.prepare_image(liar)
        assert caught.value.code == "image_too_large"

    @pytest.mark.parametrize(
        ("data", "name"),
        [
            (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "logo.svg"),
            (b'<?xml version="1.0"?><svg onload="alert(1)"/>', "logo.png"),
            (b"GIF89a/*\x00*/=1;alert(document.domain)//", "fun.gif"),
            (encoded(picture(), "GIF"), "fun.jpg"),
            (encoded(picture(), "BMP"), "a.png"),
            (encoded(picture(), "TIFF"), "a.jpg"),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "a.jpg"),
            (b"<html>\xff\xd8\xff</html>", "a.jpg"),
            (b"\x00", "a.png"),
        ],
        ids=["svg", "svg-named-png", "gif-script", "gif", "bmp", "tiff", "eps", "html", "one-byte"],
    )
    def test_other_formats_are_refused_whatever_their_name(self, data, name):
        assert refusal(data, name) == "unsupported_image_format"

    def test_an_empty_file_is_refused(self):
        assert refusal(b"") == "invalid_image"

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_a_truncated_image_is_refused(self, kind):
        data = encoded(Image.effect_noise((120, 90), 80).convert("RGB"), kind)
        assert refusal(data[: len(data) // 2]) == "invalid_image"

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_a_mutilated_image_is_either_an_image_or_refused_and_nothing_else(self, kind):
        data = encoded(Image.effect_noise((48, 48), 80).convert("RGB"), kind)
        for position in range(12, len(data), max(1, len(data) // 40)):
            for value in (0x00, 0xFF):
                hostile = data[:position] + bytes([value]) * 3 + data[position + 3 :]
                with contextlib.suppress(media.InvalidImage):
                    media.prepare_image(upload(hostile))

    @pytest.mark.parametrize(
        "error", [struct.error, SyntaxError, MemoryError, ZeroDivisionError, EOFError, RecursionError]
    )
    def test_whatever_a_decoder_raises_is_a_refusal(self, monkeypatch, error):
        def explode(*args, **kwargs):
            raise error("hostile")

        monkeypatch.setattr(Image, "open", explode)
        assert refusal(encoded(picture())) == "invalid_image"

    @pytest.mark.parametrize("error", [Image.DecompressionBombError, Image.DecompressionBombWarning])
    def test_pillows_own_bomb_alarm_is_a_refusal(self, monkeypatch, error):
        def explode(*args, **kwargs):
            raise error("bomb")

        monkeypatch.setattr(Image, "open", explode)
        assert refusal(encoded(picture())) == "image_too_many_pixels"

    def test_a_text_chunk_that_inflates_to_70_megabytes_is_refused(self):
        packer = zlib.compressobj(9)
        text = b"".join(packer.compress(bytes(1 << 20)) for _ in range(70)) + packer.flush()
        data = encoded(picture(), "PNG")
        assert refusal(data[:33] + png_chunk(b"zTXt", b"a\0\0" + text) + data[33:]) == "invalid_image"

    def test_a_jpeg_that_is_to_be_gone_over_for_an_hour_is_refused_without_decoding_it(self, settings, monkeypatch):
        bomb = with_scans(encoded(picture("L", (6000, 6000), 128), progressive=True), 100_000)
        assert len(bomb) < settings.MAX_IMAGE_BYTES
        monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
        assert refusal(bomb) == "invalid_image"

    @pytest.mark.parametrize("between", [b"", b"\xff\xff", b"\xff\xd0", b"\xff\x00", b"\x00", b"\xff\xfe\x00\x02"])
    def test_scans_are_counted_as_the_decoder_does(self, between):
        data = encoded(picture(), progressive=True)
        few = media.MAX_SCANS - media._scans(data)
        assert prepared(with_scans(data, few, between=between)).size == (60, 40)
        assert refusal(with_scans(data, few + 1, between=between)) == "invalid_image"

    def test_what_looks_like_scans_in_a_preview_or_behind_the_picture_is_none(self):
        preview = b"\xff\xfe\x03\xea" + b"\xff\xda" * 500
        data = encoded(picture(), progressive=True)
        assert prepared(data[:2] + preview + data[2:] + b"\xff\xda" * 500).size == (60, 40)

    def test_one_image_is_decoded_at_a_time(self, monkeypatch):
        monkeypatch.setattr(media, "DECODER_WAIT_SECONDS", 0.05)
        held = threading.BoundedSemaphore(1)
        held.acquire()
        monkeypatch.setattr(media, "_decoder", held)
        with pytest.raises(media.MediaUnavailable):
            media.prepare_image(upload(encoded(picture())))

    def test_a_refused_image_leaves_the_decoder_free(self, monkeypatch):
        monkeypatch.setattr(media, "DECODER_WAIT_SECONDS", 0.05)
        refusal(encoded(picture())[:200])
        assert prepared(encoded(picture())).size == (60, 40)


class TestWhatIsKept:
    def test_a_jpeg_stays_a_progressive_jpeg(self):
        image = prepared(encoded(picture()))
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (60, 40))
        assert image.info["progressive"]
        assert near(image.getpixel((5, 5)), RED)

    def test_the_name_is_random_and_its_ending_follows_the_content(self):
        first = media.prepare_image(upload(encoded(picture()), "../../etc/passwd.php"))
        second = media.prepare_image(upload(encoded(picture()), "../../etc/passwd.php"))
        assert re.fullmatch(r"[0-9a-f]{32}\.jpg", first.name)
        assert first.name != second.name
        png_named_jpg = media.prepare_image(upload(encoded(picture(), "PNG"), "photo.jpg"))
        assert png_named_jpg.name.endswith(".webp")

    def test_an_image_is_scaled_down_to_the_longest_side_and_never_up(self):
        assert prepared(encoded(picture(size=(30, 20)))).size == (30, 20)
        assert prepared(encoded(picture(size=(3000, 300)))).size == (2400, 240)

    def test_position_comments_profiles_and_what_follows_the_image_are_gone(self):
        exif = Image.Exif()
        exif[GPS] = {1: "N", 2: (52.0, 31.0, 12.5)}
        exif[0x010F] = "SecretCamera"
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        data = encoded(
            picture(), exif=exif, comment=b"<script>comment", icc_profile=profile, xmp=b"<x:xmpmeta>home</x:xmpmeta>"
        )
        data += b"PK\x03\x04<?php system($_GET[0]); ?>"
        assert Image.open(io.BytesIO(data)).getexif().get_ifd(GPS)
        result = media.prepare_image(upload(data)).read()
        for trace in (b"Secret", b"Exif", b"<script", b"ICC_PROFILE", b"xmpmeta", b"PK\x03\x04", b"<?php"):
            assert trace in data
            assert trace not in result
        image = Image.open(io.BytesIO(result))
        assert not image.getexif()
        assert not {"comment", "icc_profile", "xmp", "exif"} & set(image.info)

    def test_text_chunks_of_a_png_are_gone(self):
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Author", "SecretPerson")
        texts.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>home</x:xmpmeta>")
        data = encoded(picture(), "PNG", pnginfo=texts)
        result = media.prepare_image(upload(data)).read()
        for trace in (b"SecretPerson", b"xmpmeta"):
            assert trace in data
            assert trace not in result

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_comments_and_xmp_are_gone_without_a_profile_to_convert(self, kind):
        exif = Image.Exif()
        exif[0x010F] = "SecretCamera"
        options = {"comment": b"SecretComment"} if kind == "JPEG" else {}
        if kind != "PNG":
            options["xmp"] = b"<x:xmpmeta>SecretHome</x:xmpmeta>"
        data = encoded(picture(), kind, exif=exif, **options)
        assert data.count(b"Secret") == 1 + len(options)
        assert b"Secret" not in media.prepare_image(upload(data)).read()

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation_is_applied(self, kind, orientation):
        upright = picture(size=(64, 32))
        upright.paste(GREEN, (0, 0, 32, 16))
        upright.paste(BLUE, (32, 0, 64, 16))
        turned = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        stored = upright if turned is None else upright.transpose(Image.Transpose(turned))
        image = prepared(encoded(stored, kind, exif=exif, quality=95)).convert("RGB")
        assert image.size == (64, 32)
        assert near(image.getpixel((12, 6)), GREEN, 40)
        assert near(image.getpixel((52, 6)), BLUE, 40)
        assert near(image.getpixel((12, 26)), RED, 40)

    @pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
    def test_broken_exif_costs_nothing_but_itself(self, monkeypatch):
        data = encoded(picture(), exif=b"Exif\0\0II*\0" + b"\xff" * 44)
        assert prepared(data).size == (60, 40)
        monkeypatch.setattr(Image.Image, "getexif", lambda image: {ORIENTATION: []})
        assert prepared(encoded(picture())).size == (60, 40)

    def test_a_cmyk_jpeg_becomes_rgb(self):
        image = prepared(encoded(picture("CMYK", colour=(0, 255, 255, 0))))
        assert (image.format, image.mode) == ("JPEG", "RGB")
        assert near(image.getpixel((5, 5)), (255, 0, 0), 60)

    def test_a_16_bit_grey_png_is_scaled_to_8_bits_not_clipped(self):
        image = prepared(encoded(picture("I;16", colour=128 * 256), "PNG")).convert("L")
        assert abs(image.getpixel((5, 5)) - 128) <= 3

    def test_a_palette_png_keeps_its_transparency(self):
        palette = picture("P", colour=0)
        palette.putpalette([*RED, *GREEN])
        palette.paste(1, (0, 0, 30, 40))
        image = prepared(encoded(palette, "PNG", transparency=0))
        assert (image.format, image.mode) == ("WEBP", "RGBA")
        assert image.getpixel((50, 20))[3] == 0
        assert image.getpixel((10, 20))[3] == 255
        assert near(image.getpixel((10, 20))[:3], GREEN, 30)

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
    @pytest.mark.parametrize("kind", ["PNG", "WEBP"])
    def test_every_mode_becomes_webp_with_alpha_only_if_it_is_visible(self, mode, kind):
        if kind == "WEBP" and mode in ("1", "P"):
            pytest.skip("WebP has no such mode")
        assert prepared(encoded(picture("RGB").convert(mode), kind)).mode == "RGB"

    def test_of_an_animation_the_first_frame_is_kept(self):
        frames = [picture(colour=colour) for colour in (GREEN, RED, BLUE)]
        for kind in ("PNG", "WEBP"):
            data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
            image = prepared(data)
            assert getattr(image, "n_frames", 1) == 1
            assert near(image.convert("RGB").getpixel((5, 5)), GREEN, 30)

    def test_colours_of_another_profile_are_converted_to_srgb(self):
        # A profile whose red primary is sRGB's blue and the other way round.
        profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
        red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
        profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
        for kind in ("JPEG", "PNG"):
            image = prepared(encoded(picture(colour=RED), kind, icc_profile=bytes(profile)))
            assert near(image.getpixel((5, 5)), RED[::-1], 30)

    def test_an_unusable_profile_is_ignored(self):
        image = prepared(encoded(picture(), icc_profile=b"\xff" * 4000))
        assert near(image.getpixel((5, 5)), RED)


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
