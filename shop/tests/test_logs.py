"""Logs: one line per request with its id, JSON in production, no personal data."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from rest_framework.test import APIClient

from accounts import views as accounts_views
from accounts.models import User
from catalog.models import Product
from conftest import PASSWORD, client_of
from shop import jobs, logs
from shop.dev.stripe_simulator import StripeSimulator
from shop.dev.testing.admin import browser_of
from shop.dev.testing.steps import place_order
from shop.dev.testing.stripe_steps import open_payment
from shop.jobs import Job

pytestmark = pytest.mark.django_db

ME = "/api/v1/users/me/"


class Log:
    """The log lines of a test, as in production."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def requests(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == "request"]


@pytest.fixture
def log() -> Iterator[Log]:
    written = Log()
    handler = logging.StreamHandler(written.stream)
    handler.setFormatter(logs.formatter(readable=False))
    root, shop = logging.getLogger(), [logging.getLogger(name) for name in ("shop", "accounts", "orders", "payments")]
    root.addHandler(handler)
    for each in shop:
        each.setLevel("INFO")
    yield written
    root.removeHandler(handler)
    for each in shop:
        each.setLevel("WARNING")


# --- One line a request -----------------------------------------------------------------------------------------------


def test_a_request_is_one_line_with_method_route_user_and_duration(
    log: Log, as_customer: APIClient, customer: User
) -> None:
    assert as_customer.get(f"{ME}?token=abc").status_code == 200
    (line,) = log.lines
    assert line.pop("at").endswith("Z")
    assert 0 < line.pop("ms") < 10_000
    assert len(line.pop("request_id")) == 32
    assert line == {
        "level": "info",
        "logger": "shop.http.request_log",
        "event": "request",
        "method": "GET",
        "route": "profile",
        "status": 200,
        "user": str(customer.pk),
    }


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/api/v1/products/a-secret-slug/", "product-detail", 404),
        ("POST", "/api/v1/auth/login/", "auth-login", 400),
        ("GET", "/admin/accounts/user/6650c1f2a4b3c2d1e0f9a8b7/change/", "admin:accounts_user_change", 302),
        ("GET", "/ada@example.com", "nowhere", 404),
        ("GET", "/livez", "livez", 200),
        ("GET", "/static/shop/favicon.svg", "none", 200),
        ("BREW", "/api/v1/products/", "product-list", 405),
    ],
)
def test_a_line_names_the_route_and_not_the_path(log: Log, method: str, path: str, route: str, status: int) -> None:
    client_of().generic(method, path)
    (line,) = log.requests()
    assert (line["route"], line["status"]) == (route, status)
    assert line["method"] == (method if method != "BREW" else "other")
    assert "user" not in line
    for part in ("secret", "6650c1f2a4b3c2d1e0f9a8b7", "ada@"):
        assert part not in log.text


def test_a_line_knows_who_logged_in_and_who_of_the_staff_is_in_the_admin(log: Log, customer: User, staff: User) -> None:
    client_of().post("/api/v1/auth/login/", {"email": customer.email, "password": PASSWORD})
    browser_of(staff).get("/admin/")
    client_of().get("/api/v1/products/")
    assert [line.get("user") for line in log.requests()] == [str(customer.pk), str(staff.pk), None]


# --- The request's id -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["12345678", "0f3a-b.c_D9", "x" * 64])
def test_an_id_that_is_well_formed_is_taken_over(log: Log, anonymous: APIClient, given: str) -> None:
    for path in ("/api/v1/products/", "/nothing", "/api/v1/users/me/"):
        assert anonymous.get(path, headers={"X-Request-ID": given})["X-Request-ID"] == given
    assert {line["request_id"] for line in log.lines} == {given}


@pytest.mark.parametrize(
    "given",
    ["", "short", "x" * 65, "ada@example.com", "two words", 'a"b,"c":1', "line\nbreak", "ümläut-ümläut", "-" * 9],
)
def test_any_other_is_replaced(log: Log, anonymous: APIClient, given: str) -> None:
    made = [anonymous.get("/livez", headers={"X-Request-ID": given})["X-Request-ID"] for _ in range(2)]
    assert len(set(made)) == 2
    assert all(len(each) == 32 and each.isalnum() for each in made)
    assert [line["request_id"] for line in log.lines] == made


def test_a_job_carries_the_id_of_the_request_that_called_for_it(
    log: Log, as_customer: APIClient, make_product: Callable[..., Product], simulator: StripeSimulator, shipping: Any
) -> None:
    number = place_order(as_customer, make_product(price="10.00"))["number"]
    open_payment(as_customer, number)
    headers = {"X-Request-ID": "cancelled-by-me"}
    assert as_customer.post(f"/api/v1/orders/{number}/cancel/", {}, headers=headers).status_code == 200
    calls = [line for line in log.lines if line["event"] == "stripe_called"]
    assert [(line["call"], line["request_id"] == "cancelled-by-me") for line in calls] == [
        ("create_customer", False),
        ("create_intent", False),
        ("create_customer_session", False),
        ("cancel_intent", True),
    ]


def test_the_worker_s_lines_carry_it_too(log: Log) -> None:
    Job.objects.create(kind="catalog.count_sales", payload={"quantities": {"nonsense": 1}}, request_id="asked-for-this")
    Job.objects.create(kind="catalog.count_sales", payload={"quantities": {}})
    assert jobs.run_due() == 2
    failed, done = (line for line in log.lines if "job" in line)
    assert (failed["request_id"], failed["job"], failed["attempt"]) == ("asked-for-this", "catalog.count_sales", 1)
    assert failed["event"] == "job_failed"
    assert (done["event"], done["attempt"], len(done["request_id"])) == ("job_done", 1, 32)


# --- What is never logged ---------------------------------------------------------------------------------------------

logger = structlog.get_logger("shop.tests")


def test_only_known_fields_are_written(log: Log) -> None:
    logger.info("something", status=200, password="hunter2-hunter2", email="ada@example.com", body={"a": 1})
    (line,) = log.lines
    assert line["withheld"] == ["password", "email", "body"]
    assert line["status"] == 200
    assert "hunter2" not in log.text
    assert "ada" not in log.text


SHAPES = [
    "ada@example.com",
    "mongodb://shop:hunter2-hunter2@db.example.com/shop",
    "Bearer abc.def.ghi",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI2NjUwIn0.c2lnbmF0dXJl",
    "pi_3Abc_secret_9Xyz",
    "sk_live_51Habc",
    "rk_test_51Habc",
    "whsec_abcDEF",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_credentials_and_addresses_are_redacted_everywhere(log: Log, shape: str) -> None:
    logger.warning(f"about {shape} here", code=shape, error=f"'{shape}'")
    assert log.text.count("[withheld]") >= 3
    for secret in ("ada@", "hunter2", "abc.def", "c2lnbmF0dXJl", "9Xyz", "51Habc", "abcDEF"):
        assert secret not in log.text
    assert log.lines[0]["event"].startswith("about ")


def test_a_library_s_line_is_written_without_what_it_filled_in(log: Log) -> None:
    library = logging.getLogger("library")
    library.warning("Retrying %s after %s", "/v1/customers/12-Main-Street", OSError("12 Main Street"))
    library.error("Invalid address: 12 Main Street")
    library.info("not even that")
    first, second = log.lines
    assert first["event"] == "Retrying %s after %s"
    assert second["event"].startswith("logged at shop/tests/test_logs.py:")
    assert "Main" not in log.text


def test_an_exception_is_logged_by_type_location_and_code(
    log: Log, as_customer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: Any) -> None:
        try:
            {"12 Main Street": 1}["hunter2-hunter2"]
        except KeyError as error:
            raise ValueError("12 Main Street") from error

    monkeypatch.setattr(accounts_views.ProfileViewSet, "retrieve", explode)
    assert as_customer.get(ME).status_code == 500
    told, line = log.lines
    assert (told["level"], told["event"]) == ("error", "unhandled_exception")
    assert told["request_id"] == line["request_id"]
    latest, cause = told["exception"]
    assert (latest["error"], cause["error"]) == ("ValueError", "KeyError")
    assert latest["at"][-1].startswith("shop/tests/test_logs.py:")
    assert latest["at"][-1].endswith(" explode")
    assert "rest_framework/views.py" in latest["at"][0]
    for part in ("Main", "hunter2"):
        assert part not in log.text


def test_an_error_of_the_code_itself_is_quoted(log: Log) -> None:
    try:
        None.price  # noqa: B018
    except AttributeError:
        logger.exception("this is ours")
    assert log.lines[0]["exception"][0]["error"] == "AttributeError: 'NoneType' object has no attribute 'price'"


def test_development_reads_sentences(log: Log) -> None:
    console = logs.formatter(readable=True)
    record = logging.LogRecord("library", logging.WARNING, __file__, 1, "Retrying %s", ("now",), None)
    assert "Retrying now" in console.format(record)
