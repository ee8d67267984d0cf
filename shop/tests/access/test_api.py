"""The API matches its table: every route, method and user."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from shop.dev.testing.routes import operations
from shop.dev.testing.steps import dump_database
from shop.tests.access.routes import named, routes
from shop.tests.access.tables import API, AROUND, GUESTS, PEOPLE, Row

pytestmark = pytest.mark.django_db

PREFIX = "api/v1/"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE")
REFUSALS = {"401", "403", "404"}
# Well-formed ids that do not exist.
NOTHING = {"order": "AAAAA-AAAAA", "category": "nothing"}

API_ROUTES = {route.path.removeprefix(PREFIX): route.methods for route in routes() if route.path.startswith(PREFIX)}


def send(client: APIClient, method: str, address: str) -> Any:
    """Send an empty body: what is allowed is at the latest refused for its contents."""
    # The line is looked up after the body is validated.
    body = b'{"quantity": 1}' if "/cart/items/" in address else b"{}"
    return client.generic(method, address, body, content_type="application/json")


def address_of(route: str, things: dict[str, str]) -> str:
    return "/api/v1/" + re.sub(r"{(\w+)}", lambda match: things[match[1]], route)


def outcome(reply: Any) -> str:
    """Return a response in the terms of the table."""
    return str(reply.status_code) if reply.status_code in (401, 403, 404, 405) or reply.status_code >= 500 else "yes"


def everything_of(reply: Any) -> tuple[int, bytes, dict[str, str]]:
    """Return all that a client sees, except for the request id."""
    return reply.status_code, reply.content, {**reply.headers, "X-Request-ID": ""}


def cells(*, refused: bool) -> list[tuple[Row, str]]:
    """Return the table's cells, of route and user, that refuse or that allow."""
    return [(row, person) for row in API for person in PEOPLE if (row.cells[person] in REFUSALS) == refused]


def difference(client: APIClient, things: dict[str, str], row: Row, person: str) -> str:
    """Return how a response differs from the table, or HEAD from GET; "" if it does not."""
    address, asked = address_of(row.route, things), f"{row.method} {row.route} as {person}"
    reply = send(client, row.method, address)
    if outcome(reply) != row.cells[person]:
        return f"{asked}: {reply.status_code} instead of {row.cells[person]}, {reply.content[:200]}"
    if row.method == "GET":
        head = send(client, "HEAD", address)
        if (head.status_code, head["Content-Type"]) != (reply.status_code, reply["Content-Type"]):
            return f"{asked}: HEAD is {head.status_code} and GET {reply.status_code}"
    return ""


def test_every_route_is_in_the_table_and_every_row_is_a_route() -> None:
    described = {(row.method, row.route.replace("{hidden}", "{product}").partition("?")[0]) for row in API}
    assert {(method, path) for path, methods in API_ROUTES.items() for method in methods} == described
    others = {route.path for route in routes() if not route.path.startswith(("api/v1/", "admin/"))}
    assert others == set(AROUND)


def test_the_description_says_who_may_as_the_table_does() -> None:
    cells_of: dict[tuple[str, str], list[str]] = {}
    for row in API:
        # That of `nobody` comes first; rows with a query add theirs.
        cells_of.setdefault((row.method, row.route.partition("?")[0]), []).extend(row.cells.values())
    for operation in operations():
        route = named(operation.path.removeprefix(f"/{PREFIX}").replace("{id}", "{pk}"))
        cells = cells_of[operation.method, route]
        assert operation.is_public == (cells[0] != "401"), str(operation)
        assert (403 in operation.statuses) == ("403" in cells), str(operation)


def test_what_the_table_refuses_is_refused_and_changes_nothing(
    clients: dict[str, APIClient], things: dict[str, str]
) -> None:
    before = dump_database()
    wrong = [difference(clients[person], things, row, person) for row, person in cells(refused=True)]
    assert [each for each in wrong if each] == []
    assert dump_database() == before


def test_what_the_table_allows_passes(
    clients: dict[str, APIClient], things: dict[str, str], put_back: Callable[[], None]
) -> None:
    wrong = []
    for row, person in cells(refused=False):
        wrong.append(difference(clients[person], things, row, person))
        if row.method != "GET":
            put_back()
    assert [each for each in wrong if each] == []


def test_another_user_s_objects_are_byte_for_byte_like_missing_ones(
    clients: dict[str, APIClient], things: dict[str, str]
) -> None:
    nothing = {name: NOTHING.get(name, "0" * 24) for name in things}
    compared = 0
    for row, person in cells(refused=True):
        if row.cells[person] == "404":
            found, missing = (
                send(clients[person], row.method, address_of(row.route, names)) for names in (things, nothing)
            )
            assert everything_of(found) == everything_of(missing), f"{row.method} {row.route} as {person}"
            compared += 1
    assert compared > 20


@pytest.mark.parametrize(
    ("path", "field", "name"),
    [("orders/", "address_id", "address"), ("orders/quote/", "address_id", "address"), ("payments/", "order", "order")],
)
def test_another_user_s_objects_are_missing_in_a_body_too(
    clients: dict[str, APIClient], things: dict[str, str], path: str, field: str, name: str
) -> None:
    for person in ("other", "editor", "desk", "reader", "boss"):
        found, missing = (
            clients[person].post(f"/{PREFIX}{path}", {field: value})
            for value in (things[name], NOTHING.get(name, "0" * 24))
        )
        assert found.status_code == 404, person
        assert everything_of(found) == everything_of(missing), person


def test_a_method_that_a_route_does_not_have_is_405_for_all_users(
    clients: dict[str, APIClient], things: dict[str, str]
) -> None:
    before = dump_database()
    wrong = []
    for path, methods in API_ROUTES.items():
        for method in set(METHODS) - methods:
            for person in PEOPLE:
                reply = send(clients[person], method, address_of(path, things))
                allowed = {each.strip() for each in reply.get("Allow", "").split(",")} - {"HEAD", "OPTIONS"}
                # If a route requires an account, authentication comes first.
                asked = person in GUESTS and reply.status_code == 401
                if not asked and (reply.status_code, allowed) != (405, methods):
                    wrong.append(f"{method} {path} as {person}: {reply.status_code}, Allow: {reply.get('Allow')}")
    assert wrong == []
    assert dump_database() == before


def test_options_shows_all_users_the_methods_and_no_more(clients: dict[str, APIClient], things: dict[str, str]) -> None:
    wrong = []
    for path, methods in API_ROUTES.items():
        replies = {person: clients[person].options(address_of(path, things)) for person in PEOPLE}
        for person, reply in replies.items():
            allowed = {each.strip() for each in reply["Allow"].split(",")} - {"HEAD", "OPTIONS"}
            right = 401 if person in GUESTS and reply.status_code == 401 else 200
            if (reply.status_code, allowed) != (right, methods):
                wrong.append(f"OPTIONS {path} as {person}: {reply.status_code}, Allow: {reply['Allow']}")
        if len({reply.content for person, reply in replies.items() if person not in GUESTS}) > 1:
            wrong.append(f"OPTIONS {path} differs by who asks")
    assert wrong == []


def test_outside_the_api_all_users_get_the_same_answer(clients: dict[str, APIClient]) -> None:
    for path, status in AROUND.items():
        address = "/" + {"": "nowhere", "(?:api/v1/?)?": "", "media/{path}": "media/nothing.webp"}.get(path, path)
        for person in PEOPLE:
            assert clients[person].get(address).status_code == status, f"{address} as {person}"
