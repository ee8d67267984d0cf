"""Signed tokens with unusual claims, and malformed tokens, are answered with 401 or 400, never with 500."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tests.test_forged_tokens import claims_of, me, refresh, signed
from accounts.tokens import issue_tokens
from shop.dev.testing.replies import refusal
from shop.dev.testing.steps import dump_database

pytestmark = pytest.mark.django_db

LATER = int(time.time()) + 24 * 3600
TIMES: list[Any] = [
    None,
    True,
    "",
    "never",
    str(LATER),
    -1,
    -(10**18),
    10**12,
    10**18,
    10**30,
    10**400,
    1e300,
    float("inf"),
    float("-inf"),
    float("nan"),
    [LATER],
    {"$gt": 0},
]
TEXTS: list[Any] = [None, True, 5, -1, 10**400, 1.5, "", "\0", "\ud800", "x" * 100_000, [], {}, {"$gt": ""}, [[[]]]]
VERSIONS: list[Any] = [None, True, "0", 1.5, -1, 2**63, 10**400, float("nan"), [], {"$gte": 0}]
ACCESS = {"exp": TIMES, "sub": TEXTS, "iss": TEXTS, "aud": TEXTS, "version": VERSIONS}
REFRESH = {"exp": TIMES, "family": TEXTS, "jti": TEXTS, "iss": TEXTS, "aud": TEXTS, "token_type": TEXTS}


def part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def signed_bytes(payload: bytes, header: bytes = b'{"alg":"HS256","typ":"JWT"}') -> str:
    """Return a token whose parts are exactly these bytes, signed with the shop's key."""
    signing = f"{part(header)}.{part(payload)}"
    algorithm = jwt.get_algorithm_by_name("HS256")
    digest = algorithm.sign(signing.encode(), algorithm.prepare_key(settings.JWT_SECRET_KEY))
    return f"{signing}.{part(digest)}"


def signed_claims(claims: dict[str, Any]) -> str:
    return signed_bytes(json.dumps(claims).encode())


@pytest.mark.parametrize("claim", list(ACCESS))
def test_an_access_token_with_an_odd_claim_is_401(customer: User, claim: str, subtests: pytest.Subtests) -> None:
    claims = claims_of(issue_tokens(customer)["access"])
    assert me(signed_claims(claims)).status_code == 200
    for value in ACCESS[claim]:
        with subtests.test(f"{str(value)[:40]!a}"):
            token = signed_claims({**claims, claim: value})
            for _ in range(2):
                # The second time the claims are cached.
                refusal(me(token), 401)


@pytest.mark.parametrize("claim", list(REFRESH))
def test_a_refresh_token_with_an_odd_claim_is_401_and_changes_nothing(
    customer: User, claim: str, subtests: pytest.Subtests
) -> None:
    claims = claims_of(issue_tokens(customer)["refresh"])
    # Reuse of a token's id revokes its family, whatever the claim's type.
    before = dump_database() if claim != "jti" else None
    for value in REFRESH[claim]:
        token = signed_claims({**claims, claim: value})
        for path in ("refresh", "logout"):
            with subtests.test(f"{path} {str(value)[:40]!a}"):
                client = APIClient()
                client.force_authenticate(customer if path == "logout" else None)
                reply = client.post(f"/api/v1/auth/{path}/", {"refresh": token}, format="json")
                # A token of more than 4096 characters is refused by its length.
                assert reply.status_code in (400, 401) or (claim == "jti" and path == "logout")
    if before is not None:
        after = dump_database()
        after.pop("shop_ratewindow", None), before.pop("shop_ratewindow", None)
        assert after == before


def test_a_time_in_an_odd_but_valid_form_keeps_its_meaning(customer: User) -> None:
    claims = claims_of(issue_tokens(customer)["access"])
    assert me(signed_claims({**claims, "exp": LATER + 0.5})).status_code == 200
    refusal(me(signed_claims({**claims, "exp": time.time() - 5.5})), 401)


DEEP = b"[" * 100_000 + b"]" * 100_000


def with_header(header: bytes) -> str:
    return f"{part(header)}.{part(b'{}')}.{part(b'x')}"


TOKENS: dict[str, str] = {
    "a deep header": with_header(DEEP),
    "a deep header that is short": with_header(b"[" * 1500 + b"]" * 1500),
    "a deep header of an object": with_header(b'{"alg":' + DEEP + b"}"),
    "a list for an algorithm": with_header(b'{"alg":["HS256"]}'),
    "an object for an algorithm": with_header(b'{"alg":{}}'),
    "a number for a key id": with_header(b'{"alg":"HS256","kid":5}'),
    "a header of 5000 digits": with_header(b"9" * 5000),
    "a header that is no UTF-8": with_header(b'{"alg":"\xff"}'),
    "empty parts": "..",
    "many parts": "." * 10_000,
    "no base64": "%%%.%%%.%%%",
}


@pytest.mark.parametrize("name", list(TOKENS))
def test_what_is_no_token_is_401(customer: User, name: str) -> None:
    refusal(me(TOKENS[name]), 401)
    assert refresh(TOKENS[name]).status_code in (400, 401)


PAYLOADS: dict[str, bytes] = {
    "a list": b"[]",
    "a number": b"5",
    "null": b"null",
    "a deep list": DEEP,
    "a deep claim": b'{"sub":' + DEEP + b"}",
    "5000 digits": b'{"exp":' + b"9" * 5000 + b"}",
    "no JSON": b"exp=5",
    "no UTF-8": b'{"sub":"\xff"}',
    "nothing": b"",
}


def test_a_signed_payload_that_is_no_object_is_401(customer: User, subtests: pytest.Subtests) -> None:
    for name, payload in PAYLOADS.items():
        with subtests.test(name):
            refusal(me(signed_bytes(payload)), 401)
            assert refresh(signed_bytes(payload)).status_code in (400, 401)


CRITICAL = [b'{"alg":"HS256","crit":["b64"],"b64":false}', b'{"alg":"HS256","b64":"no"}', b'{"alg":"HS256","crit":5}']


def test_header_parameters_that_are_not_ours_never_fail(customer: User, subtests: pytest.Subtests) -> None:
    claims = json.dumps(claims_of(issue_tokens(customer)["access"])).encode()
    for header in CRITICAL:
        with subtests.test(header.decode()):
            assert me(signed_bytes(claims, header)).status_code in (200, 401)


LINK_TOKENS = ["", ".", "a.b", "\u0000", "\ud800", "x" * 100_000, "." * 1000, "é.é", "1" * 5000 + ".x", "=.=", " "]
UIDS: list[Any] = ["", "x", "0" * 24, "0" * 25, "$id", "\u0000", 5, None, True, [], {}, {"$gt": ""}, 10**18]


@pytest.mark.parametrize("path", ["password/reset/confirm", "email/verify/confirm"])
def test_a_link_with_an_odd_token_is_400_and_changes_nothing(
    customer: User, path: str, subtests: pytest.Subtests
) -> None:
    def post(uid: Any, token: Any) -> Any:
        body = {"uid": uid, "token": token, "new_password": "a-Long-and-new-1-password"}
        return APIClient().post(f"/api/v1/auth/{path}/", json.dumps(body), content_type="application/json")

    users = list(User.objects.values())
    for token in [*LINK_TOKENS, 5, None, True, [], {}, {"$gt": ""}]:
        with subtests.test(f"token {str(token)[:40]!a}"):
            assert post(str(customer.pk), token).status_code == 400
    for uid in UIDS:
        with subtests.test(f"uid {str(uid)[:40]!a}"):
            assert post(uid, "a.b").status_code == 400
    assert list(User.objects.values()) == users


def test_the_signature_is_looked_at_before_anything_else(customer: User) -> None:
    claims = {**claims_of(issue_tokens(customer)["access"]), "exp": 10**400}
    refusal(me(signed(claims, key="k" * 64)), 401)
