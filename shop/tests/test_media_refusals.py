"""Images that are refused, and the cost of a refusal."""

import contextlib
import re
import struct
import threading
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from shop import media
from shop.dev.testing.images import flat_png, png_chunk, with_scans
from shop.dev.testing.pictures import encoded, picture, prepared, upload


class UnreadableUpload(SimpleUploadedFile):
    def read(self, *args):
        pytest.fail("read")


def refusal(data: bytes, name: str = "photo.jpg") -> str:
    with pytest.raises(media.InvalidImage) as caught:
        media.prepare_image(upload(data, name))
    assert re.fullmatch(r"[A-Z].*\.", caught.value.message)
    return caught.value.code


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
