"""Images that `prepare_image` accepts, its results, local files and URLs."""

import io
import re

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from shop import media
from shop.dev.testing.pictures import BLUE, GREEN, RED, encoded, near, picture, prepared, upload

GPS = 0x8825
ORIENTATION = 0x0112


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
