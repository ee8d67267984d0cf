"""The storage and the real SDK against a Cloudinary fake that checks signatures, outages included."""

import hashlib
import io
import time

import pytest
import requests
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from shop import media
from shop.api.error_responses import error_response
from shop.dev.testing.cloudinary import CloudinaryFake, Refused, parse_multipart
from shop.media.storage import CloudinaryStorage
from shop.media.urls import image_url, image_urls


@pytest.fixture
def cloud(settings):
    with CloudinaryFake(cloud_name="our-shop", api_key="123456", api_secret="s3cr&t") as fake:
        settings.CLOUD_NAME, settings.CLOUD_API_KEY, settings.CLOUD_API_SECRET = "our-shop", "123456", "s3cr&t"
        settings.CLOUD_API_BASE = fake.url
        settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "shop.media.storage.CloudinaryStorage"}}
        yield fake


@pytest.fixture
def impatient(settings):
    settings.CLOUD_TIMEOUT = 0.3


@pytest.fixture
def image() -> media.PreparedImage:
    output = io.BytesIO()
    Image.effect_noise((40, 30), 90).convert("RGB").save(output, "JPEG")
    return media.prepare_image(SimpleUploadedFile("holiday.png", output.getvalue()))


def signed(secret: str = "s3cr&t", **params: str) -> dict[str, str]:
    to_sign = "&".join(sorted(f"{key}={value}".replace("&", "%26") for key, value in params.items()))
    return params | {"api_key": "123456", "signature": hashlib.sha1((to_sign + secret).encode()).hexdigest()}


def unavailable(function, *args, **kwargs) -> tuple[media.MediaUnavailable, float]:
    """Return the `MediaUnavailable` that the call raised, and after how many seconds."""
    started = time.perf_counter()
    with pytest.raises(media.MediaUnavailable) as caught:
        function(*args, **kwargs)
    return caught.value, time.perf_counter() - started


class TestStoring:
    def test_an_image_arrives_byte_for_byte_under_the_id_that_the_server_chose(self, cloud, image):
        name = media.store_image(image, folder="products")
        assert name == f"shop/products/{image.name.removesuffix('.jpg')}"
        image.seek(0)
        assert {key: asset.content for key, asset in cloud.assets.items()} == {name: image.read()}
        assert isinstance(default_storage._wrapped, CloudinaryStorage)
        assert dict(cloud.calls) == {"upload": 1}
        assert cloud.refusals == []

    def test_an_existing_asset_is_never_replaced(self, cloud, image):
        name = media.store_image(image, folder="products")
        cloud.assets[name].content = b"the first"
        assert media.store_image(image, folder="products") == name
        assert cloud.assets[name].content == b"the first"

    def test_the_name_of_the_upload_goes_nowhere(self, cloud, image):
        media.store_image(image, folder="products")
        (asset,) = cloud.assets.values()
        assert "holiday" not in asset.public_id + asset.filename

    def test_a_prefix_separates_two_shops_of_one_account(self, cloud, image, settings):
        settings.CLOUDINARY_STORAGE = settings.CLOUDINARY_STORAGE | {"PREFIX": "staging/"}
        name = media.store_image(image, folder="products")
        assert name.startswith("staging/products/")
        assert list(cloud.assets) == [name]
        media.delete_image(name)
        assert cloud.assets == {}

    def test_deleting_removes_the_asset_and_only_that_one_and_twice_is_fine(self, cloud, image):
        doomed = media.store_image(image, folder="products")
        kept = media.store_image(image, folder="avatars")
        media.delete_image(doomed)
        media.delete_image(doomed)
        assert list(cloud.assets) == [kept]
        assert cloud.calls["destroy"] == 2

    def test_a_name_with_signs_that_separate_parameters_is_signed_right(self, cloud):
        media.delete_image("products/a&tags=b")
        assert cloud.calls["destroy"] == 1
        assert cloud.refusals == []

    def test_stored_images_are_listed_page_by_page(self, cloud, image):
        cloud.page_size = 1
        names = {media.store_image(image, folder=folder) for folder in ("products", "products/2", "avatars")}
        wanted = {name for name in names if name.startswith("shop/products/")}
        pages = list(media.image_pages("products"))
        assert {name for page in pages for name, _ in page.images} == wanted
        assert all(stored_at.tzinfo for page in pages for _, stored_at in page.images)
        assert list(media.image_pages("products", start=pages[0].next)) == pages[1:]


class TestUrls:
    def test_urls_are_built_without_asking_cloudinary(self, cloud):
        base = "https://res.cloudinary.com/our-shop/image/upload"
        assert image_urls("products/1f") == {
            "original": f"{base}/f_auto,q_auto/v1/products/1f",
            "thumbnail": f"{base}/c_lfill,f_auto,q_auto,w_320,h_320/v1/products/1f",
            "card": f"{base}/c_limit,f_auto,q_auto,w_640,h_640/v1/products/1f",
            "large": f"{base}/c_limit,f_auto,q_auto,w_1280,h_1280/v1/products/1f",
        }
        assert default_storage.url("products/1f") == image_url("products/1f")
        assert cloud.calls.total() == 0

    def test_urls_follow_the_settings(self, cloud, settings):
        settings.CLOUD_NAME = "another"
        assert image_url("products/1f").startswith("https://res.cloudinary.com/another/")


class TestAnUnreachableService:
    def test_a_slow_one_is_given_up_in_time(self, cloud, image, impatient):
        cloud.delay = 5
        error, seconds = unavailable(media.store_image, image, folder="products")
        assert 0.25 < seconds < 4
        assert error.name.startswith("shop/products/")

    def test_one_that_drips_its_answer_is_given_up_in_time(self, cloud, image, impatient):
        cloud.drip = 0.05
        _, seconds = unavailable(media.store_image, image, folder="products")
        assert seconds < 4

    def test_a_slow_deletion_is_given_up_in_time(self, cloud, image, impatient):
        name = media.store_image(image, folder="products")
        cloud.delay = 5
        _, seconds = unavailable(media.delete_image, name)
        assert seconds < 4

    @pytest.mark.parametrize("status", [400, 401, 403, 420, 429, 500, 502, 503])
    def test_every_error_is_unavailable_and_nothing_is_stored(self, cloud, image, status):
        cloud.failing_status = status
        unavailable(media.store_image, image, folder="products")
        unavailable(media.delete_image, "products/1f")
        unavailable(list, media.image_pages("products"))
        assert cloud.assets == {}

    def test_the_api_answers_it_with_503_and_when_to_come_back(self):
        answer = error_response(media.MediaUnavailable(name="products/1f"))
        assert (answer.status_code, answer["Retry-After"]) == (503, "2")
        assert b"media_unavailable" in answer.content
        assert b"products/1f" not in answer.content

    def test_refused_connections_are_unavailable(self, cloud, image):
        cloud.refuse_connections()
        _, seconds = unavailable(media.store_image, image, folder="products")
        assert seconds < 4
        unavailable(media.delete_image, "products/1f")

    def test_an_upload_whose_answer_got_lost_is_repeated_and_stored_once(self, cloud, image):
        cloud.lost_answers = 1
        name = media.store_image(image, folder="products")
        assert list(cloud.assets) == [name]
        assert cloud.calls["upload"] == 2

    def test_an_upload_whose_answers_all_got_lost_can_be_cleaned_up(self, cloud, image):
        cloud.lost_answers = 2
        error, _ = unavailable(media.store_image, image, folder="products")
        assert list(cloud.assets) == [error.name]
        media.delete_image(error.name)
        assert cloud.assets == {}

    def test_a_deletion_whose_answer_got_lost_succeeds(self, cloud, image):
        name = media.store_image(image, folder="products")
        cloud.lost_answers = 1
        media.delete_image(name)
        assert cloud.assets == {}

    def test_it_serves_again_once_it_is_back(self, cloud, image):
        cloud.failing_status = 500
        unavailable(media.store_image, image, folder="products")
        cloud.failing_status = None
        assert media.store_image(image, folder="products") in cloud.assets

    def test_a_wrong_secret_is_unavailable(self, cloud, image, settings):
        settings.CLOUD_API_SECRET = "wrong"
        unavailable(media.store_image, image, folder="products")
        assert "Invalid Signature" in cloud.refusals[0]
        assert cloud.assets == {}


class TestTheFake:
    """The fake refuses what Cloudinary refuses."""

    def post(self, cloud, action="upload", account="our-shop", file=b"", **params):
        files = {key: (None, value) for key, value in params.items()} | ({"file": ("f.jpg", file)} if file else {})
        return requests.post(f"{cloud.url}/v1_1/{account}/image/{action}", files=files, timeout=5)

    def test_a_signature_over_other_parameters_is_refused(self, cloud, image):
        params = signed(public_id="a", timestamp=str(int(time.time())))
        assert self.post(cloud, file=image.read(), **params | {"public_id": "b"}).status_code == 401
        assert self.post(cloud, file=b"x", **params | {"tags": "smuggled"}).status_code == 401
        assert cloud.assets == {}

    def test_a_signature_with_another_secret_is_refused(self, cloud):
        answer = self.post(cloud, "destroy", **signed("other", public_id="a", timestamp=str(int(time.time()))))
        assert answer.status_code == 401
        assert "Invalid Signature" in answer.json()["error"]["message"]

    def test_a_stale_request_is_refused(self, cloud):
        answer = self.post(cloud, "destroy", **signed(public_id="a", timestamp=str(int(time.time()) - 3700)))
        assert answer.status_code == 400
        assert "Stale request" in answer.json()["error"]["message"]

    def test_another_key_account_or_path_is_refused(self, cloud):
        params = signed(public_id="a", timestamp=str(int(time.time())))
        assert self.post(cloud, "destroy", **params | {"api_key": "999"}).status_code == 401
        assert self.post(cloud, "destroy", account="theirs", **params).status_code == 401
        assert self.post(cloud, "explode", **params).status_code == 404

    def test_a_missing_file_or_one_that_is_no_image_is_refused(self, cloud):
        params = signed(public_id="a", timestamp=str(int(time.time())))
        assert self.post(cloud, **params).json()["error"]["message"] == "Missing required parameter - file"
        assert self.post(cloud, file=b"<svg/>", **params).json()["error"]["message"] == "Invalid image file"

    def test_the_admin_api_wants_the_password(self, cloud):
        url = f"{cloud.url}/v1_1/our-shop/resources/image/upload"
        assert requests.get(url, auth=("123456", "wrong"), timeout=5).status_code == 401
        assert requests.get(url, auth=("123456", "s3cr&t"), timeout=5).status_code == 200

    def test_files_with_line_ends_and_dashes_survive_the_multipart_parser(self):
        content = b"\r\n--not-the-boundary\r\n\r\n\n--\r\n"
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a b.jpg"\r\n\r\n'
        body = head + content + b'\r\n--x\r\ncontent-disposition: form-data; name="tags[]"\r\n\r\n\xc3\xa9\r\n--x--\r\n'
        fields, files = parse_multipart("multipart/form-data; boundary=x", body)
        assert (fields, files) == ({"tags": ["é"]}, {"file": ("a b.jpg", content)})
        with pytest.raises(Refused):
            parse_multipart("multipart/form-data; boundary=x", body[:-20])
