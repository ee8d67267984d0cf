"""`manage.py contract` finds what would break clients of the last release."""

from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from shop.dev import contract
from shop.dev.contract.comparison import breaking_changes
from shop.dev.testing.routes import published

ADD = "/api/v1/cart/items/"


def schema_of(description: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = description["components"]["schemas"][name]
    return found


def require(description: dict[str, Any], name: str, field: str) -> None:
    schema = schema_of(description, name)
    schema["properties"].setdefault(field, {"type": "string"})
    schema["required"] = sorted({*schema.get("required", ()), field})


BREAKING = {
    "POST /api/v1/cart/items/: removed": lambda each: each["paths"][ADD].pop("post"),
    "POST /api/v1/auth/login/: body.captcha is required now": lambda each: require(each, "LoginRequest", "captcha"),
    "POST /api/v1/auth/login/: body.code removed": lambda each: schema_of(each, "LoginRequest")["properties"].pop(
        "code"
    ),
    "GET /api/v1/cart/: reply 200.total removed": lambda each: schema_of(each, "Cart")["properties"].pop("total"),
    "GET /api/v1/cart/: reply 200.total may be absent now": lambda each: schema_of(each, "Cart")["required"].remove(
        "total"
    ),
    "GET /api/v1/cart/: reply 200.total may be null now": lambda each: schema_of(each, "Cart")["properties"][
        "total"
    ].update(type=["string", "null"]),
    "GET /api/v1/cart/: reply 200.items[].quantity may be string now": lambda each: schema_of(each, "CartItem")[
        "properties"
    ]["quantity"].update(type="string"),
    "POST /api/v1/orders/{number}/fulfil/: body.status does not take delivered any more": lambda each: schema_of(
        each, "FulfilStatusEnum"
    )["enum"].remove("delivered"),
    "GET /api/v1/products/: parameter query search removed": lambda each: remove_parameter(each, "search"),
    "POST /api/v1/cart/items/: no reply 201 any more": lambda each: each["paths"][ADD]["post"]["responses"].pop("201"),
}


def remove_parameter(description: dict[str, Any], name: str) -> None:
    operation = description["paths"]["/api/v1/products/"]["get"]
    operation["parameters"] = [each for each in operation["parameters"] if each.get("name") != name]


def test_each_breaking_change_is_found_and_nothing_else() -> None:
    released = contract.summary_of(published())
    assert breaking_changes(released, released) == []
    for expected, change in BREAKING.items():
        description = deepcopy(published())
        change(description)
        found = breaking_changes(released, contract.summary_of(description))
        assert expected in found
        # What it concerns: the operation, or the fields that several operations share.
        assert len({each.rpartition(": ")[2].partition(" ")[2] for each in found}) <= 2, found


def test_additions_do_not_break() -> None:
    description = deepcopy(published())
    description["paths"]["/api/v1/news/"] = {"get": {"responses": {"200": {"description": "News."}}}}
    schema_of(description, "LoginRequest")["properties"]["device"] = {"type": "string"}
    schema_of(description, "Cart")["properties"]["hint"] = {"type": "string"}
    assert breaking_changes(contract.summary_of(published()), contract.summary_of(description)) == []


def test_the_last_release_is_kept_unless_a_change_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    call_command("contract", stdout=(out := StringIO()))
    assert "nothing of the last release broke" in out.getvalue()
    monkeypatch.setattr(contract, "RELEASED", tmp_path / "released.json.gz")
    monkeypatch.setattr(contract, "ACCEPTED", tmp_path / "accepted.txt")
    contract.ACCEPTED.write_text("")
    description = deepcopy(published())
    schema_of(description, "Cart")["properties"]["gift"] = {"type": "string"}
    contract.write_released(description)
    with pytest.raises(CommandError, match=r"GET /api/v1/cart/: reply 200\.gift removed"):
        call_command("contract", stdout=StringIO())
    contract.ACCEPTED.write_text("# Never sent.\n*: reply *.gift removed\n")
    call_command("contract", stdout=StringIO())
    call_command("contract", release=True, stdout=StringIO())
    assert contract.read_released() == contract.summary_of(published())
