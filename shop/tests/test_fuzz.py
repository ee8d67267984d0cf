"""The fuzzer: a short run, and whether it finds faults."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import AuthScenario, IgnoredAuth, RejectedPositiveData

from shop.dev.fuzz import checks, report
from shop.dev.fuzz.examining import Plan, examine
from shop.dev.fuzz.people import PEOPLE
from shop.dev.fuzz.results import Results
from shop.dev.testing.routes import operations, schema

COMMAND = [sys.executable, "manage.py", "fuzz"]


def environment(**others: str) -> dict[str, str]:
    # The tests hide packages that the fuzzer needs by PYTHONPATH.
    left_out = {"MONGO_URI", "PYTHONPATH"}
    return {name: value for name, value in os.environ.items() if name not in left_out} | others


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments]
    return subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )


def finds_nothing_in_all_operations(*arguments: str, people: Sequence[str]) -> None:
    done = fuzz("--short", "--seed", "1", "--only", *people, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout.partition("person ")[2].splitlines()
    rows = {row[0]: row for row in map(str.split, table[1 : 1 + len(people)])}
    assert {person: int(row[1]) for person, row in rows.items()} == dict.fromkeys(people, len(operations()))
    # The superuser really gets something done, not only refusals.
    assert int(rows["superuser"][2]) > len(operations()) / 2


@pytest.mark.large
def test_a_short_run_tests_all_operations_as_all_users_and_finds_nothing() -> None:
    finds_nothing_in_all_operations("--cases", "2", people=PEOPLE)


@pytest.mark.large
def test_a_run_that_is_stopped_leaves_nothing_running(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--only", "customer", "--short", "--cases", "1000"],
        cwd=settings.BASE_DIR,
        env=environment(TMPDIR=str(tmp_path)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        started = time.monotonic()
        while not list(tmp_path.glob("shop-fuzz-*/web.log")) and time.monotonic() < started + 60:
            time.sleep(0.1)
        # The data is created by now, and requests follow soon.
        time.sleep(2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 130
    finally:
        process.kill()
        process.wait(10)
    assert not list(tmp_path.glob("shop-fuzz-*"))
    still = subprocess.run(["ps", "-A", "-o", "ppid=,args="], capture_output=True, text=True, check=True).stdout
    assert not [line for line in still.splitlines() if line.split()[0] == str(process.pid)]


def test_an_unknown_user_is_refused_with_a_message() -> None:
    with pytest.raises(CommandError, match="There is no user pirate; there are "):
        call_command("fuzz", only=["pirate"])


# --- A control that must fail -----------------------------------------------------------------------------------------


@pytest.fixture
def shop_that_answers() -> Iterator[Callable[..., str]]:
    """A server that describes itself as a part of the shop and answers everything alike; call it for its address."""
    servers = []
    described = {
        **schema(),
        "paths": {path: each for path, each in schema()["paths"].items() if "addresses" in path},
    }

    def serve(status: int, body: Any) -> str:
        class Naive(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = self.path == "/schema.json"
                content = json.dumps(described if asked else body).encode()
                self.send_response(200 if asked else status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Do not log."""

        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            setattr(Naive, f"do_{method}", Naive.answer)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Naive)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/schema.json"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


class Caller:
    """A user with a token."""

    def get(self, case: Any, context: Any) -> str:
        return "token"

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


ADDRESS = {"name": "Ada", "line1": "1 Road", "city": "Berlin", "postal_code": "10115", "country": "DE"}


def case_of(operation: str, body: Any) -> Any:
    """A request as schemathesis hands it to a check."""
    method, path = operation.split()
    described = schema()
    return SimpleNamespace(
        operation=SimpleNamespace(
            label=operation,
            definition=SimpleNamespace(raw=described["paths"][f"/api/v1{path}"][method.lower()]),
            schema=SimpleNamespace(raw_schema=described),
        ),
        body=body,
        media_type="application/json",
        query={},
        headers={},
        meta=SimpleNamespace(phase=SimpleNamespace(data=SimpleNamespace(parameter=None, mutations=[]))),
    )


def response_of(status: int, body: Any = None) -> Any:
    return SimpleNamespace(status_code=status, json=lambda: body)


def found_at(address: str) -> Results:
    results = Results("customer")
    examine(address, results=results, plan=Plan(1, 1, thorough=False), login=Caller())
    return results


def test_a_shop_that_lets_everything_pass_is_found_out(shop_that_answers: Callable[..., str]) -> None:
    results = found_at(shop_that_answers(200, {"error": "Traceback (most recent call last): pymongo"}))
    assert {finding.check for finding in results.findings} >= {
        "ignored_auth",
        "negative_data_rejection",
        "response_schema_conformance",
        "status_is_described",
        "reveals_no_internals",
    }
    # A finding shows what was asked and answered.
    assert any("curl" in finding.request and "→ 200" in finding.message for finding in results.findings)


def test_a_shop_that_breaks_down_is_found_out(shop_that_answers: Callable[..., str]) -> None:
    results = found_at(shop_that_answers(502, "Bad gateway"))
    assert {finding.check for finding in results.findings} >= {"not_a_server_error", "status_is_described"}
    assert results.never_succeeded == list(results.answers)


def refusal(kind: str, code: str) -> dict[str, Any]:
    return {"type": kind, "errors": [{"code": code, "detail": "No.", "attr": None}]}


def test_a_refusal_of_what_the_description_allows_is_only_excused_for_a_reason(
    shop_that_answers: Callable[..., str],
) -> None:
    results = found_at(shop_that_answers(400, refusal("validation_error", "max_length")))
    assert "positive_data_acceptance" in {finding.check for finding in results.findings}

    results = found_at(shop_that_answers(400, refusal("client_error", "empty_cart")))
    assert "positive_data_acceptance" not in {finding.check for finding in results.findings}
    assert results.excused[checks.FACT] > 0


@pytest.mark.parametrize(
    ("operation", "body", "reason"),
    [
        ("POST /users/me/addresses/", {**ADDRESS, "is_default": 0}, checks.VALID),
        ("POST /users/me/addresses/", {**ADDRESS, "is_default": "x"}, ""),
        ("POST /orders/quote/", {"shipping_address": {**ADDRESS, "city": 7}}, checks.VALID),
        ("POST /orders/quote/", {"shipping_address": {**ADDRESS, "city": ["x"]}}, ""),
        ("POST /orders/quote/", {"shipping_address": 7}, ""),
    ],
)
def test_what_is_accepted_against_the_description_must_be_valid_as_it_is_read(
    operation: str, body: dict[str, Any], reason: str
) -> None:
    accepted = AcceptedNegativeData(operation=operation, message="", status_code=201, expected_statuses=["400"])
    assert checks.excuse(accepted, case_of(operation, body), response_of(201)) == reason


def test_only_a_bulk_call_with_a_refused_row_is_accepted_against_the_description() -> None:
    name = "POST /stock/bulk/"
    accepted = AcceptedNegativeData(operation=name, message="", status_code=200, expected_statuses=["400"])
    case = case_of(name, [{"sku": "A", "delta": []}])
    assert checks.excuse(accepted, case, response_of(200, {"failed": 1})) == checks.ROWS
    assert checks.excuse(accepted, case, response_of(200, {"failed": 0})) == ""


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("page", "\x85", checks.EMPTY),
        ("page", "x", ""),
        ("brand", "Kiln Row", checks.VALID),
        ("brand", "x" * 101, ""),
        (None, "x", ""),
    ],
)
def test_a_parameter_that_is_accepted_against_the_description_must_be_blank_or_a_list_of_one(
    name: str | None, value: str, reason: str
) -> None:
    accepted = AcceptedNegativeData(operation="GET /products/", message="", status_code=200, expected_statuses=["400"])
    case = case_of("GET /products/", None)
    case.query = {name: value}
    case.meta.phase.data.parameter = name
    assert checks.excuse(accepted, case, response_of(200)) == reason


@pytest.mark.parametrize(
    ("operation", "body", "code", "reason"),
    [
        ("PATCH /variants/{id}/", {"options": {"size": "\x8b"}}, "invalid_value", checks.TRIMMED),
        ("PATCH /variants/{id}/", {"options": {"size": "\u200d"}}, "invalid_value", checks.TRIMMED),
        ("PATCH /variants/{id}/", {"options": {"size": "M"}}, "invalid_value", ""),
        ("PATCH /variants/{id}/", {"sku": "\x01", "options": None}, "blank", checks.TRIMMED),
        ("PATCH /variants/{id}/", {"sku": "A", "options": None}, "blank", ""),
        ("POST /orders/lookup/", {"number": "½" * 6, "email": "ada@example.com"}, "max_length", checks.TRIMMED),
        ("POST /orders/lookup/", {"number": "1" * 6, "email": "ada@example.com"}, "max_length", ""),
        ("POST /auth/email/change/", {"email": "ada@example.com", "password": "x"}, "unchanged", checks.FACT),
    ],
)
def test_what_is_refused_though_the_description_allows_it_must_have_a_reason(
    operation: str, body: dict[str, Any], code: str, reason: str
) -> None:
    refused = RejectedPositiveData(operation=operation, message="", status_code=400, allowed_statuses=["2xx"])
    response = response_of(400, refusal("validation_error", code))
    assert checks.excuse(refused, case_of(operation, body), response) == reason


@pytest.mark.parametrize(
    ("operation", "scenario", "status", "reason"),
    [
        ("GET /orders/{number}/", AuthScenario.INVALID_AUTH, "404 Not Found", checks.GUESTS),
        ("POST /orders/", AuthScenario.INVALID_AUTH, "400 Bad Request", checks.GUESTS),
        ("POST /orders/", AuthScenario.INVALID_AUTH, "201 Created", ""),
        ("POST /orders/", AuthScenario.NO_AUTH, "400 Bad Request", ""),
        ("POST /orders/", AuthScenario.GENERATED_AUTH, "201 Created", ""),
        ("GET /orders/", AuthScenario.INVALID_AUTH, "404 Not Found", ""),
    ],
)
def test_only_a_wrong_token_of_a_guest_may_be_refused_by_another_status(
    operation: str, scenario: AuthScenario, status: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored = IgnoredAuth(operation=operation, message=f"Expected 401 or 403, got `{status}`", scenario=scenario)
    case = case_of(operation, None)
    assert checks.excuse(ignored, case, response_of(200)) == reason
    case.headers = {"X-Cart-Token": "guest"}
    monkeypatch.setattr(checks, "known_tokens", {"guest"})
    known = checks.KNOWN if scenario == AuthScenario.GENERATED_AUTH else reason
    assert checks.excuse(ignored, case, response_of(200)) == known


# --- The page ---------------------------------------------------------------------------------------------------------


def test_only_the_text_between_the_marks_is_written(tmp_path: Path) -> None:
    page = tmp_path / "security.md"
    page.write_text(f"# By hand\n\n{report.BEGIN}\nold\n{report.END}\n\nBy hand, too\n")
    results = Results("customer", excused=Counter({checks.FACT: 2}))
    results.find("ignored_auth", "GET /orders/", "open")
    report.write(page, report.markdown([results], seed=7, mongod="6.0", seconds=90))
    text = page.read_text()
    assert text.startswith("# By hand\n\n<!-- fuzz: begin")
    assert text.endswith("<!-- fuzz: end -->\n\nBy hand, too\n")
    assert "old" not in text
    assert "seed 7" in text
    assert "| ignored_auth | - | 0 | 1 |" in text
    assert f"{checks.FACT} (2 times)" in text


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "security.md"
    page.write_text("# By hand\n")
    with pytest.raises(ValueError, match="lacks the marks"):
        report.write(page, ["new"])
    assert page.read_text() == "# By hand\n"
