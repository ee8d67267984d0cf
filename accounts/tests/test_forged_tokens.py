"""Tokens with a wrong signature, key, algorithm or purpose."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.tokens import issue_tokens
from shop.dev.testing.replies import refusal

pytestmark = pytest.mark.django_db

NOBODY = "6650c1f2a4b3c2d1e0f9a8b7"

ME = "/api/v1/users/me/"
LATER = time.time() + 300


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def signed(claims: dict[str, Any], *, key: str = "", algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key or settings.JWT_SECRET_KEY, algorithm=algorithm)


def unsigned(claims: dict[str, Any], algorithm: str) -> str:
    parts = ({"alg": algorithm, "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def me(access: str):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client.get(ME)


def refresh(token: str):
    return APIClient().post("/api/v1/auth/refresh/", {"refresh": token})


def assert_refused(reply: Any, code: str = "token_not_valid") -> None:
    assert refusal(reply, 401) == (code, None)
    assert reply["WWW-Authenticate"] == 'Bearer realm="api"'


def test_the_claims_that_these_tests_change_are_good_unchanged(customer: User) -> None:
    pair = issue_tokens(customer)
    assert me(signed(claims_of(pair["access"]))).status_code == 200
    assert refresh(signed(claims_of(pair["refresh"]))).status_code == 200


NOT_OURS: list[dict[str, Any]] = [
    {"aud": "another-api"},
    {"aud": None},
    {"iss": "another-shop"},
    {"iss": None},
    {"exp": 1_700_000_000},
    {"exp": None},
    {"token_type": "sliding"},
    {"jti": None},
]


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_signed_token_with_a_claim_that_is_not_ours_is_refused(
    customer: User, kind: str, subtests: pytest.Subtests
) -> None:
    for change in NOT_OURS:
        with subtests.test(**change):
            claims = {**claims_of(issue_tokens(customer)[kind]), **change}
            token = signed({name: value for name, value in claims.items() if value is not None})
            assert_refused(me(token) if kind == "access" else refresh(token))


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_a_token_with_another_signature_is_refused(customer: User, kind: str) -> None:
    claims = claims_of(issue_tokens(customer)[kind])
    use = me if kind == "access" else refresh
    assert_refused(use(signed(claims, key="k" * 64)))
    assert_refused(use(signed(claims, key=settings.SECRET_KEY)))
    assert_refused(use(signed(claims, key=settings.JWT_SECRET_KEY * 2, algorithm="HS512")))
    assert_refused(use(unsigned(claims, "none")))
    assert_refused(use(unsigned(claims, "None")))
    assert_refused(use(unsigned(claims, "HS256")))


def test_a_refresh_token_is_no_access_token(customer: User) -> None:
    assert_refused(me(issue_tokens(customer)["refresh"]))


def test_an_access_token_cannot_be_refreshed(customer: User) -> None:
    assert_refused(refresh(issue_tokens(customer)["access"]))


def test_a_token_without_user_is_refused(customer: User, subtests: pytest.Subtests) -> None:
    for subject in ("", "1", "abc", NOBODY, "0" * 24, "$id", "7f9c24e8-3b12-4fef-91e0-56a2d5a4f1aa"):
        with subtests.test(subject=subject):
            assert_refused(
                me(signed({**claims_of(issue_tokens(customer)["access"]), "sub": subject})), "user_not_found"
            )


def test_a_token_with_another_version_than_its_users_is_refused(customer: User, subtests: pytest.Subtests) -> None:
    for version in (None, -1, 1, "0", "", [], {"$gte": 0}):
        with subtests.test(version=version):
            assert_refused(me(signed({**claims_of(issue_tokens(customer)["access"]), "version": version})))


def test_a_refresh_token_of_no_family_is_refused(customer: User, subtests: pytest.Subtests) -> None:
    for family in (None, "", "abc", "0" * 24, 5, {"$ne": None}):
        with subtests.test(family=family):
            assert_refused(refresh(signed({**claims_of(issue_tokens(customer)["refresh"]), "family": family})))


def test_the_tokens_of_a_deleted_user_are_refused(customer: User) -> None:
    pair = issue_tokens(customer)
    customer.delete()
    assert_refused(me(pair["access"]), "user_not_found")
    assert_refused(refresh(pair["refresh"]))


def test_the_tokens_of_a_deactivated_user_are_refused(customer: User) -> None:
    pair = issue_tokens(customer)
    User.objects.update(is_active=False)
    assert_refused(me(pair["access"]), "user_not_found")
    assert_refused(refresh(pair["refresh"]))


def test_a_header_that_carries_no_token_is_refused(anonymous: APIClient, db: None, subtests: pytest.Subtests) -> None:
    refusals = {
        "not_authenticated": ("Token abc", "Basic YTpi", "\xff\xfe", " "),
        "bad_authorization_header": ("Bearer", "Bearer a b"),
        "token_not_valid": ("bearer abc",),
    }
    for code, header in [(code, header) for code, headers in refusals.items() for header in headers]:
        with subtests.test(header):
            anonymous.credentials(HTTP_AUTHORIZATION=header)
            reply = anonymous.get(ME)
            assert refusal(reply, 401) == (code, None)
            assert reply["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_token_that_was_accepted_is_refused_once_it_has_run_out(customer: User) -> None:
    claims = claims_of(issue_tokens(customer)["access"])
    token = signed({**claims, "exp": int(time.time()) + 2})
    assert me(token).status_code == 200
    time.sleep(2.1)
    assert_refused(me(token))
