import copy
import functools
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import schemathesis
from schemathesis.checks import CheckContext
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case
from schemathesis.openapi.checks import AuthScenario, IgnoredAuth, RejectedPositiveData

from shop.api.schema_errors import OTHERS
from shop.db import identifiers
from shop.dev.testing.environment import ENVIRONMENT

# The API's promise.
PROMISED_SECONDS = 10
# Traces, files, libraries, addresses, keys.
INTERNALS = (
    b"Traceback (most recent",
    b"site-packages",
    b"pymongo",
    b"mongodb://",
    b"DoesNotExist",
    b"sk_test_",
    ENVIRONMENT["STRIPE_WEBHOOK_SECRET"].encode(),
)
# Tokens of guests that requests send.
known_tokens: set[str] = set()


@schemathesis.check
def reveals_no_internals(ctx: CheckContext, response: Response, case: Case) -> None:
    # An answer may echo the request.
    sent = f"{response.request.url} {response.request.body!r}".encode()
    for piece in INTERNALS:
        if piece in response.content and piece not in sent:
            raise AssertionError(f"the answer contains {piece.decode()!r}")


@schemathesis.check
def status_is_described(ctx: CheckContext, response: Response, case: Case) -> None:
    # Some cases use another method, such as OPTIONS.
    if response.request.method != case.operation.method.upper():
        return
    # The default response would allow any status.
    described = {*case.operation.definition.raw["responses"], *map(str, OTHERS)}
    if str(response.status_code) not in described:
        raise AssertionError(f"the status {response.status_code} is not described")


FACT = "a fact of the shop (an address is taken, a cart is empty, a signature is not Stripe's) that no schema can state"
JUDGED = "values that are checked beyond their format (passwords, images, reserved names)"
STRICT = "JSON that the parser refuses anywhere in a body: NUL, lone surrogates, numbers beyond 64 bits, much nesting"
BETWEEN = "a rule between parameters"
READ_AS = (
    'REST framework reads a number as text, `1` as true, `"5"` as 5, `""` as null where there may be one, and trims; '
    "invisible characters are removed"
)
TRIMMED, VALID = f"{READ_AS}; what is left is not valid", f"{READ_AS}; what it reads is valid"
UNKNOWN = "unknown fields and parameters are ignored"
GUESTS = "a wrong token of a guest is answered like an empty cart or a missing order, which reveals nothing"
ROWS = "a bulk call is answered with a refusal of each invalid row"
KNOWN = "the token of a guest is that of a cart or an order"
EMPTY = "a parameter without a value (`page=`) counts as one that was not sent"

# Accepted refusals of requests that the schema allows. Any other `client_error` is a FACT.
_OF_CODES = {
    "does_not_exist": FACT,
    "parse_error": STRICT,
    **dict.fromkeys(("invalid_image", "image_too_large", "image_too_many_pixels", "unsupported_image_format"), JUDGED),
    **dict.fromkeys(("password_too_common", "password_entirely_numeric", "password_too_similar"), JUDGED),
    "reserved_slug": JUDGED,
    "invalid_url": JUDGED,
    # For a product with several variants.
    "ambiguous": BETWEEN,
    # Of promotions, whose values depend on their kind.
    **dict.fromkeys(("missing", "order", "step"), BETWEEN),
    # Of places and prices of shipping.
    **dict.fromkeys(("range", "item_invalid"), JUDGED),
    "unknown": FACT,
    # Times.
    "out_of_range": JUDGED,
    # Already the account's address.
    "unchanged": FACT,
}
_OF_CODES_AND_ATTRS = {
    ("empty", "image"): JUDGED,
    ("invalid", "phone"): JUDGED,
    ("invalid", "barcode"): JUDGED,
    ("invalid", "email"): JUDGED,
    ("invalid", "tags"): JUDGED,
    # Only invisible characters.
    ("blank", "sku"): TRIMMED,
    ("max_value", "value"): BETWEEN,
    ("invalid", "is_pickup"): BETWEEN,
    **{("invalid", name): JUDGED for name in ("country", "state", "pickup_country", "pickup_state")},
    **{("invalid", name): JUDGED for name in ("countries", "states", "postal_codes")},
    ("invalid", "shipping_address.phone"): JUDGED,
    # For a product without variants.
    ("required", "price"): BETWEEN,
    # Of guests.
    ("required", "email"): BETWEEN,
    ("sku_taken", "variants"): BETWEEN,
    ("search_required", "ordering"): BETWEEN,
    # Fields that addresses of a country need, and its format of tax ids.
    **{
        (code, f"{address}{name}"): BETWEEN
        for address in ("", "shipping_address.", "billing_address.")
        for code, name in (
            ("required", "city"),
            ("required", "state"),
            ("required", "postal_code"),
            ("invalid_tax_id", "tax_id"),
        )
    },
}
# Parameters that accept any value.
_OF_PARAMETERS = {"attributes": UNKNOWN}
NARROWED = {
    "positive_data_acceptance": (FACT, JUDGED, STRICT, BETWEEN, TRIMMED),
    "negative_data_rejection": (VALID, UNKNOWN, EMPTY, ROWS),
    "ignored_auth": (GUESTS, KNOWN),
}


def excuse(failure: Failure, case: Case, response: Response) -> str:
    """Return why a failed check is accepted, or ""."""
    if isinstance(failure, RejectedPositiveData) and response.status_code in (400, 410, 422):
        reasons = {*_reasons(response)}
        if reasons and "" not in reasons:
            return min(reasons)
        is_valid = [_is_valid_as_read(case, normalize) for normalize in (identifiers.label, identifiers.code)]
        return TRIMMED if False in is_valid else ""
    if isinstance(failure, AcceptedNegativeData):
        if case.operation.label.endswith("/bulk/") and response.json()["failed"]:
            return ROWS
        reasons = {_reason_of_parameter(case, name) for name in _parameters_it_is_about(case)}
        if reasons and "" not in reasons:
            return min(reasons)
        return VALID if _is_valid_as_read(case) else ""
    if isinstance(failure, IgnoredAuth) and failure.scenario == AuthScenario.GENERATED_AUTH:
        return KNOWN if known_tokens & {case.headers.get(name) for name in ("X-Cart-Token", "X-Order-Token")} else ""
    if isinstance(failure, IgnoredAuth) and failure.scenario == AuthScenario.INVALID_AUTH:
        # The response is that to the valid request.
        is_refused = re.search("got `40[04] ", failure.message)
        return GUESTS if is_refused and _admits_guests(case) else ""
    return ""


def _admits_guests(case: Case) -> bool:
    schemes = [scheme for option in case.operation.definition.raw.get("security", []) for scheme in option]
    return not {"cartToken", "orderToken"}.isdisjoint(schemes)


def _reasons(response: Response) -> Iterator[str]:
    """Yield a reason for each error, or ""."""
    try:
        body = response.json()
        for error in body["errors"]:
            code, attr = error["code"], error["attr"]
            by_kind = FACT if body["type"] == "client_error" else ""
            yield _OF_CODES_AND_ATTRS.get((code, attr)) or _OF_CODES.get(code) or by_kind
    except (ValueError, TypeError, KeyError):
        # Another check covers the shape of errors.
        yield ""


def _parameters_it_is_about(case: Case) -> set[str | None]:
    """Return parameters with invalid values; None: another part of the request."""
    data = case.meta.phase.data
    return {data.parameter, *(mutation.parameter for mutation in data.mutations)}


def _reason_of_parameter(case: Case, name: str | None) -> str:
    """Return why any value is accepted, or ""."""
    query = case.query or {}
    if name in query and _adds_nothing(query[name]):
        return EMPTY
    return _OF_PARAMETERS.get(name) or (VALID if _is_valid_item(case, name, query.get(name)) else "")


def _is_valid_item(case: Case, name: str | None, value: Any) -> bool:
    """Return whether the parameter is a list that has this single value."""
    parameters = case.operation.definition.raw.get("parameters", ())
    described = [each["schema"] for each in parameters if name and each.get("name") == name]
    return any("items" in each and jsonschema.Draft202012Validator(each).is_valid([value]) for each in described)


def _adds_nothing(value: Any) -> bool:
    """Return whether the value leaves the query string empty or blank."""
    if isinstance(value, dict):
        value = list(value.values())
    return all(map(_adds_nothing, value)) if isinstance(value, list) else value is None or not str(value).strip()


def _is_valid_as_read(case: Case, normalize: Callable[[str], str] = identifiers.label) -> bool | None:
    """Validate the body as REST framework reads it; None without a body."""
    content = case.operation.definition.raw.get("requestBody", {}).get("content", {})
    if case.media_type not in content:
        return None
    components = case.operation.schema.raw_schema["components"]
    described = content[case.media_type]["schema"]
    named = components["schemas"].get(described.get("$ref", "").rpartition("/")[2], {})
    forms = [each for each in named.get("oneOf", ()) if "$ref" in each] or [described]
    return any(_is_valid_form(case.body, {**form, "components": components}, normalize) for form in forms)


def _is_valid_form(sent: Any, described: dict[str, Any], normalize: Callable[[str], str]) -> bool:
    validator = jsonschema.Draft202012Validator(described)
    body = _trimmed(copy.deepcopy(sent), normalize)
    try:
        for error in [cause for found in validator.iter_errors(body) for cause in _causes(found)]:
            *way, last = error.absolute_path
            holder = functools.reduce(operator.getitem, way, body)
            if error.validator == "enum":
                # Codes of countries are read in any case.
                holder[last] = holder[last].upper()
                continue
            holder[last] = _read(holder[last], error.validator_value if error.validator == "type" else "string")
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return validator.is_valid(body)


def _causes(error: jsonschema.ValidationError) -> Iterator[jsonschema.ValidationError]:
    """Yield the innermost errors; being not null is none."""
    if not error.context:
        yield error
    for each in error.context:
        if each.validator_value != "null":
            yield from _causes(each)


def _trimmed(value: Any, normalize: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {name: _trimmed(each, normalize) for name, each in value.items()}
    if isinstance(value, list):
        return [_trimmed(each, normalize) for each in value]
    if isinstance(value, str):
        return normalize(value) if identifiers.key(value) else ""
    return value


def _read(value: Any, kind: str | list[str]) -> Any:
    """Convert as REST framework does. Raises ``ValueError`` or ``KeyError``."""
    if value is None or isinstance(value, dict | list):
        raise ValueError(value)
    if isinstance(kind, list):
        kind = next(each for each in kind if each != "null")
    if value == "":
        # A field that may not be blank is not nullable either.
        if kind == "string":
            raise ValueError(value)
        return None
    if kind == "boolean":
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]
    return int(str(value)) if kind == "integer" else str(value)


def every_check() -> Iterator[str]:
    yield from sorted({*schemathesis.checks.CHECKS.get_all_names(), "max_response_time"})
