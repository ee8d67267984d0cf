"""The OpenAPI description generates clients that are pleasant to use."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from rest_framework.fields import Field
from rest_framework.test import APIClient

from shop.api.schema_errors import INVALID_INPUT
from shop.dev.testing.routes import operations, published, resolve, schema
from shop.urls import router

pytestmark = pytest.mark.django_db

MAX_BYTES = 450_000
# Operations that do something useful without a body.
NEED_NO_BODY = {
    "approveReturn",
    "cancelOrder",
    "cancelUnshippedUnits",
    "createFulfilment",
    "quoteOrderCorrection",
    "receiveReturn",
    "refundPayment",
}
TOKENS = {"X-Cart-Token": "cartToken", "X-Order-Token": "orderToken"}


def test_operations_are_named_where_their_view_is() -> None:
    for pattern in router.urls:
        view = pattern.callback.cls
        missing = {*pattern.callback.actions.values()} - {*getattr(view, "operation_ids", {})}
        assert not missing, f"{view.__name__}.operation_ids lacks {missing}"
    names = [each.description["operationId"] for each in operations()]
    assert len({*names}) == len(names)
    for name in names:
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]*)+|[a-z]+", name), name
        # As drf-spectacular would name them.
        assert not re.search(r"(Create|Retrieve|Destroy|PartialUpdate|Update|List)$", name), name


def test_rules_beyond_types_are_described(subtests: pytest.Subtests) -> None:
    schemas = published()["components"]["schemas"]
    by_name = {str(each): each.description for each in operations()}
    bulk = [by_name[f"POST /{each}/bulk/"] for each in ("products", "stock", "prices")]
    rules = [body["requestBody"]["content"]["application/json"]["schema"] for body in bulk]
    (kinds,) = [each["schema"] for each in by_name["GET /changes/"]["parameters"] if each["name"] == "kinds"]
    for described, valid, invalid in (
        *((rule, [{}], []) for rule in rules),
        *((rule, [{}] * 1000, [{}] * 1001) for rule in rules),
        (schemas["SEORequest"], {"title": "x"}, {"titel": "x"}),
        (schemas["EditedSEORequest"], {"title": "x"}, {"titel": "x"}),
        (schemas["StaffCategoryRequest"], {"name": "x", "seo": {"title": "x"}}, {"name": "x", "seo": {"titel": "x"}}),
        (schemas["EndpointRequest"]["properties"]["types"], ["order.*", "order.paid"], []),
        (schemas["EndpointRequest"]["properties"]["types"], ["stock.*"], ["order.eaten"]),
        (kinds, "order", "orders"),
        (kinds, " order,, stock ,", "order stock"),
    ):
        shape = {**described, "components": published()["components"]}
        items = {"items": {}} if described in rules else {}
        validator = Draft202012Validator({**shape, **items})
        with subtests.test(f"{valid!r:.40} {invalid!r:.40}"):
            assert validator.is_valid(valid)
            assert not validator.is_valid(invalid)


def test_refusals_of_query_parameters_are_described() -> None:
    refusable = [
        each for each in operations() if any(p.get("in") == "query" for p in each.description.get("parameters", ()))
    ]
    assert len(refusable) > 10
    assert not [str(each) for each in refusable if "400" not in each.description["responses"]]


def test_codes_of_fields_are_described() -> None:
    described = {*INVALID_INPUT, *re.findall("`([a-z_]+)`", str(published()["components"]["responses"]))}
    for field in subclasses_of(Field):
        if not field.__module__.startswith(("rest_framework", "drf_spectacular")):
            assert {*vars(field).get("default_error_messages", {})} <= described, field


def subclasses_of(field: type[Field]) -> Iterator[type[Field]]:
    for each in field.__subclasses__():
        yield each
        yield from subclasses_of(each)


def test_everything_has_a_description() -> None:
    missing = [*undescribed(published()["components"]), *undescribed(published()["paths"])]
    for operation in operations():
        text = operation.description
        if not text.get("summary") or not text.get("description"):
            missing.append(f"{operation}: a docstring of the action")
        missing += [
            f"{operation}: parameter {each['name']}"
            for each in text.get("parameters", [])
            if not each.get("description")
        ]
    assert not missing, f"Add help_text, `descriptions` of the serializer, or shop/api/glossary.py: {missing}"


def undescribed(part: Any, path: str = "") -> Iterator[str]:
    """Yield the properties without a description of their own or of the schema that they refer to."""
    if isinstance(part, list):
        for each in part:
            yield from undescribed(each, path)
    if not isinstance(part, dict):
        return
    for name, field in part.get("properties", {}).items() if isinstance(part.get("properties"), dict) else ():
        if "type" in field or "$ref" in field or "oneOf" in field or "anyOf" in field or "allOf" in field:
            own = field.get("description") or resolve(field, published()).get("description")
            if not own or not own.strip():
                yield f"{path}.{name}"
    for name, each in part.items():
        # A condition is not shown.
        if name not in ("example", "examples", "enum", "if"):
            yield from undescribed(each, f"{path}.{name}" if path else name)


def test_bodies_are_required_and_have_no_defaults() -> None:
    optional = set()
    for operation in operations():
        body = operation.description.get("requestBody")
        if body and not body.get("required"):
            optional.add(operation.description["operationId"])
    assert optional == NEED_NO_BODY
    for name, component in published()["components"]["schemas"].items():
        for field, described in component.get("properties", {}).items():
            assert "default" not in described, (name, field)


def test_alternatives_are_named() -> None:
    forms = {
        name: {each["$ref"].rpartition("/")[2] for each in component["oneOf"]}
        for name, component in published()["components"]["schemas"].items()
        if "oneOf" in component
    }
    assert forms["AddItemRequest"] == {"AddCartItemByProduct", "AddCartItemByVariant"}
    assert forms["PlaceOrderRequest"] == {"OrderToAddress", "OrderToSavedAddress", "OrderToPickUp"}
    for names in forms.values():
        assert names <= published()["components"]["schemas"].keys()


def test_tokens_are_security_schemes_of_the_operations_that_take_them() -> None:
    assert {*published()["components"]["securitySchemes"]} >= {"accessToken", *TOKENS.values()}
    for operation in operations():
        described = operation.description
        headers = {each["name"] for each in described.get("parameters", []) if each["in"] == "header"}
        schemes = {scheme for option in described["security"] for scheme in option}
        assert described["security"], str(operation)
        for header, scheme in TOKENS.items():
            # Registration and login take the cart along; it does not stand for an account there.
            if described["security"] != [{}]:
                assert (header in headers) == (scheme in schemes), str(operation)
        assert "Authorization" not in headers


def test_errors_have_the_codes_of_their_operation() -> None:
    place = next(each for each in operations() if each.description["operationId"] == "placeOrder")
    body = place.description["responses"]["409"]["content"]["application/json"]["schema"]
    codes = body["properties"]["errors"]["items"]["properties"]["code"]["enum"]
    assert {"out_of_stock", "total_changed", "cart_changed", "request_in_progress"} <= {*codes}
    for responses in published()["paths"].values():
        for operation in responses.values():
            for status, response in operation["responses"].items():
                assert status[0] in "23" or "$ref" in response, (operation["operationId"], status)


def test_the_description_as_served_is_small(anonymous: APIClient) -> None:
    content = anonymous.get("/api/schema/", {"format": "json"}).content
    assert len(content) <= MAX_BYTES
    assert b"\n" not in content


def test_stripe_s_operation_is_not_among_those_of_the_storefront() -> None:
    tags = {each.description["operationId"]: each.description["tags"] for each in operations()}
    assert [name for name, named in tags.items() if named == ["stripe"]] == ["receiveStripeEvent"]
    declared = {each["name"] for each in published()["tags"]}
    assert {tag for named in tags.values() for tag in named} <= declared
    assert [each["url"] for each in published()["servers"]] == ["/"]


def test_examples_are_valid() -> None:
    components = {"components": schema()["components"]}
    seen = set()
    for operation in operations():
        described = operation.description
        for part in (described.get("requestBody", {}), *described["responses"].values()):
            for media_type in part.get("content", {}).values():
                for name, example in media_type.get("examples", {}).items():
                    seen.add(described["operationId"])
                    validator = Draft202012Validator({**media_type["schema"], **components})
                    errors = [
                        f"{each.message[:200]} at {each.json_path}" for each in validator.iter_errors(example["value"])
                    ]
                    assert not errors, (str(operation), name, errors)
    assert seen
