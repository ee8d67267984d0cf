"""One shape for every error, wherever it comes from."""

import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from pymongo.errors import PyMongoError
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts import views as accounts_views
from accounts.models import User
from catalog.models import Product
from conftest import PASSWORD, client_of
from shop.api.errors import DatabaseUnavailable
from shop.db.deadline import limited_database_time
from shop.db.transactions import hot_keys, queue_for, transactional
from shop.dev.testing.admin import browser_of
from shop.dev.testing.failures import failing
from shop.dev.testing.images import image_file
from shop.dev.testing.replies import refusal
from shop.http.circuit import circuit
from shop.http.limits import QUEUED_AT
from shop.jobs import PeriodicTask

pytestmark = pytest.mark.django_db

ME = "/api/v1/users/me/"
AVATAR = f"{ME}avatar/"


# --- Nothing here -----------------------------------------------------------------------------------------------------


NOWHERE = [
    "/api/v1/nothing/",
    "/api/v1/nothing",
    "/api/v1/",
    "/api/",
    "/api",
    "/api/v2/products/",
    "/",
    "/nothing",
    "/api/v1/products//",
    "/api/v1//products/",
    "/api/v1/users/",
    "/api/v1/auth/",
    "/api/v1/users/me/addresses/1/2/",
    "/api/v1/%00",
    "/api/v1/%F0%9F",
    "/.env",
    "/static/../.env",
]


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_an_address_that_no_route_knows_is_404_for_every_method(
    as_staff: APIClient, method: str, subtests: pytest.Subtests
) -> None:
    for path in NOWHERE:
        with subtests.test(path=path):
            assert refusal(getattr(as_staff, method)(path, {}), 404) == ("not_found", None)


def test_a_form_post_to_an_unknown_url_is_404_without_a_csrf_error() -> None:
    client = Client(enforce_csrf_checks=True)
    assert refusal(client.post("/api/v1/nothing/", {}, content_type="application/json"), 404) == ("not_found", None)


def test_the_api_needs_no_csrf_token(customer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    body = {"email": customer.email, "password": PASSWORD}
    assert client.post("/api/v1/auth/login/", body, content_type="application/json").status_code == 200


# --- Accept headers ---------------------------------------------------------------------------------------------------


def test_a_client_that_does_not_accept_json_gets_406_in_json(as_customer: APIClient, subtests: pytest.Subtests) -> None:
    for accept in ("text/html", "application/xml", "image/png", "text/*", "nonsense"):
        with subtests.test(accept):
            assert refusal(as_customer.get(ME, headers={"Accept": accept}), 406) == ("not_acceptable", None)


def test_a_client_that_takes_json_gets_it(as_customer: APIClient, subtests: pytest.Subtests) -> None:
    for accept in ("*/*", "application/json", "application/*", "text/html,*/*;q=0.1", "application/json; indent=4"):
        with subtests.test(accept):
            assert as_customer.get(ME, headers={"Accept": accept}).status_code == 200


# --- Too much ---------------------------------------------------------------------------------------------------------


def test_a_body_over_the_limit_is_413_and_one_below_is_read(as_customer: APIClient) -> None:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    frame = len('{"name": "Countess", "x": ""}')
    fits = b'{"name": "Countess", "x": "' + b"x" * (limit - frame) + b'"}'
    assert len(fits) == limit
    for body in (fits + b" ", fits * 5):
        reply = as_customer.generic("PATCH", ME, body, content_type="application/json")
        assert refusal(reply, 413) == ("payload_too_large", None)
    assert User.objects.get().name == "Ada"
    assert as_customer.generic("PATCH", ME, fits, content_type="application/json").json()["name"] == "Countess"


def test_a_multipart_body_over_the_limit_is_413(as_customer: APIClient) -> None:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + settings.MAX_IMAGE_BYTES
    body = {"image": SimpleUploadedFile("x.png", b"x" * limit)}
    assert refusal(as_customer.put(AVATAR, body, format="multipart"), 413) == ("payload_too_large", None)


def test_several_pictures_at_once_are_only_read_from_staff_who_are_logged_in(staff: User) -> None:
    body = b"--x--".ljust(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + settings.MAX_IMAGE_BYTES + 1)
    form = {"content_type": "multipart/form-data; boundary=x"}
    stranger = Client()
    stranger.get("/admin/login/")
    assert stranger.generic("POST", "/admin/login/", body, **form).status_code == 413
    # Read, and found to be no form.
    assert browser_of(staff).generic("POST", "/admin/catalog/product/add/", body, **form).status_code == 400


def test_a_multipart_field_over_the_limit_is_413(as_customer: APIClient) -> None:
    body = {"text": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1), "image": image_file()}
    assert refusal(as_customer.put(AVATAR, body, format="multipart"), 413) == ("payload_too_large", None)
    assert User.objects.get().avatar == ""


def test_too_many_fields_or_files_are_400(as_customer: APIClient) -> None:
    fields = {f"f{n}": "x" for n in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)}
    for body in (fields, {f"f{n}": image_file(size=(1, 1)) for n in range(100)}):
        body["image"] = image_file()
        refusal(as_customer.put(AVATAR, body, format="multipart"), 400)
    assert User.objects.get().avatar == ""


def test_too_many_parameters_are_400(anonymous: APIClient) -> None:
    too_many = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1
    refusal(anonymous.get("/api/v1/products/?" + "&".join(f"a{n}=1" for n in range(too_many))), 400)


def test_a_nonsensical_length_is_no_500(as_customer: APIClient, subtests: pytest.Subtests) -> None:
    for length in ("abc", "-1", "", "1e3", "9" * 30):
        with subtests.test(length):
            assert as_customer.patch(ME, {"name": "Ada"}, CONTENT_LENGTH=length).status_code in (200, 400, 413)


# --- Our own faults ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_exception_is_500_and_reveals_nothing(
    as_customer: APIClient, monkeypatch: pytest.MonkeyPatch, debug: bool, settings: Any
) -> None:
    settings.DEBUG = debug

    def explode(*_: Any) -> None:
        raise RuntimeError("mongodb://root:hunter2@db failed")

    monkeypatch.setattr(accounts_views.ProfileViewSet, "retrieve", explode)
    reply = as_customer.get(ME)
    assert refusal(reply, 500) == ("error", None)
    for secret in ("hunter2", "RuntimeError", "Traceback", "views.py"):
        assert secret not in reply.content.decode()


# --- The database away ------------------------------------------------------------------------------------------------


@pytest.fixture
def short_patience(settings: Any) -> Iterator[None]:
    settings.REQUEST_DATABASE_SECONDS = 0.4
    circuit.close()
    yield
    circuit.close()


@pytest.mark.parametrize(
    ("command", "model", "method", "path"),
    [
        ("aggregate", Product, "get", "/api/v1/products/"),
        ("find", User, "get", ME),
        ("find", User, "post", "/api/v1/auth/login/"),
    ],
)
def test_a_database_that_hangs_up_is_503_with_a_time_to_come_back(
    as_customer: APIClient, short_patience: None, command: str, model: type[Model], method: str, path: str
) -> None:
    with failing(command, model, times=None, closeConnection=True):
        reply = getattr(as_customer, method)(path, {"email": "ada@example.com", "password": "x"})
    assert refusal(reply, 503) == ("database_unavailable", None)
    assert int(reply["Retry-After"]) > 0
    assert "127.0.0.1" not in reply.content.decode()
    assert as_customer.get(ME).status_code == 200


@pytest.mark.parametrize("code", [112, 262, 290, 50])
def test_a_write_that_fails_in_passing_is_503_and_not_500(
    as_customer: APIClient, short_patience: None, code: int
) -> None:
    with failing("update", User, times=None, errorCode=code):
        reply = as_customer.patch(ME, {"name": "Countess"})
    # A transaction retries conflicts: either its attempts or its time is used up first.
    codes = {"database_unavailable", *(["too_much_contention"] if code in (112, 262) else [])}
    assert refusal(reply, 503) in {(each, None) for each in codes}
    assert int(reply["Retry-After"]) > 0
    assert User.objects.get().name == "Ada"


def test_a_dropped_connection_is_not_even_noticed_by_a_reader(as_customer: APIClient) -> None:
    with failing("aggregate", User, closeConnection=True):
        assert as_customer.get(ME).status_code == 200


def test_only_time_inside_the_driver_counts(anonymous: APIClient, short_patience: None, settings: Any) -> None:
    # Such a hash takes longer than the database may.
    settings.BCRYPT_ROUNDS = 14
    body = {"email": "slow@example.com", "password": "correct-horse-battery", "name": "Slow"}
    assert anonymous.post("/api/v1/auth/register/", body).status_code == 201


def test_a_request_without_time_left_is_no_outage_to_others(as_customer: APIClient, short_patience: None) -> None:
    with failing("aggregate", Product, blockConnection=True, blockTimeMS=900), capture_logs() as lines:
        assert refusal(as_customer.get("/api/v1/products/"), 503) == ("database_unavailable", None)
    # Not even until the next ping.
    assert "database_circuit_opened" not in [line["event"] for line in lines]
    assert as_customer.get("/api/v1/products/").status_code == 200


def test_further_batches_of_a_cursor_use_up_the_time_of_a_request(db: None) -> None:
    now = timezone.now()
    PeriodicTask.objects.bulk_create(PeriodicTask(name=f"row {number}", due_at=now) for number in range(250))
    slow = failing("getMore", PeriodicTask, times=None, blockConnection=True, blockTimeMS=900)
    with limited_database_time(0.4), slow, pytest.raises(PyMongoError):
        list(PeriodicTask.objects.all())
    with failing("getMore", PeriodicTask, blockConnection=True, blockTimeMS=900):
        assert len(PeriodicTask.objects.all()) == 250


def test_each_driver_call_of_a_request_uses_up_its_time(as_staff: APIClient, settings: Any) -> None:
    settings.REQUEST_DATABASE_SECONDS = 1.0
    # None of them takes that long, all together do.
    with failing("aggregate", times=None, blockConnection=True, blockTimeMS=400):
        reply = as_staff.get("/api/v1/orders/?status=completed&page=1")
        assert reply.status_code == 200
        assert refusal(as_staff.get("/api/v1/products/facets/?min_price=1&in_stock=true"), 503)


def test_a_request_that_waited_for_a_thread_has_less_time_for_the_database(as_customer: APIClient) -> None:
    slow = failing("aggregate", Product, times=None, blockConnection=True, blockTimeMS=1200)
    with slow:
        assert as_customer.get("/api/v1/products/").status_code == 200
        queued_at = time.monotonic() - settings.SERVER_QUEUE_SECONDS
        reply = as_customer.get("/api/v1/products/", **{QUEUED_AT: queued_at})
    assert refusal(reply, 503) == ("database_unavailable", None)


@pytest.mark.parametrize("is_refused", [False, True])
def test_who_waited_for_a_hot_document_does_not_try_a_database_known_to_be_away(
    customer: User, is_refused: bool
) -> None:
    @transactional("accounts.test")
    def rename() -> None:
        queue_for(["a hot document"])
        User.objects.filter(pk=customer.pk).update(name="Countess")

    def release() -> None:
        refused.append(is_refused)
        hot_keys.release({"a hot document"})

    refused: list[bool] = []
    assert hot_keys.try_acquire({"a hot document"})
    releasing = threading.Timer(1.1, release)
    releasing.start()
    # Waiting takes none of the database time.
    expected = pytest.raises(DatabaseUnavailable) if is_refused else nullcontext()
    with limited_database_time(1.0, is_refused=lambda: any(refused)), expected:
        rename()
    releasing.join()
    assert User.objects.get().name == ("Ada" if is_refused else "Countess")
    assert hot_keys.try_acquire({"a hot document"})
    hot_keys.release({"a hot document"})


# --- Before any view --------------------------------------------------------------------------------------------------


def test_a_foreign_host_is_400(settings: Any) -> None:
    settings.DEBUG = False
    reply = client_of().get("/api/v1/products/", headers={"Host": "evil.example"})
    refusal(reply, 400)
    assert "evil" not in reply.content.decode()


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_health_checks_accept_only_get_and_head(anonymous: APIClient, path: str, method: str) -> None:
    assert anonymous.get(path).status_code == 200
    assert getattr(anonymous, method)(path, {}).status_code == 405
