import itertools
import time
from typing import Any

from schemathesis.auths import AuthProvider
from schemathesis.generation.case import Case
from schemathesis.wfc.escalation import EscalatingAuthProvider

from accounts.api_keys import services as api_keys
from accounts.api_keys.admin import scopes_of
from accounts.models import User
from accounts.tokens import issue_tokens

PEOPLE = ("anonymous", "customer", "superuser", "integration")
_STAFF = {"superuser", "integration"}
PASSWORD = "a-password-for-fuzzing"  # noqa: S105
# Less than an access token's lifetime.
_TOKEN_SECONDS = 300.0
# These end a login or an account, so each call gets a new user.
ENDINGS = {"DELETE /api/v1/users/me/", "POST /api/v1/auth/logout-all/", "POST /api/v1/auth/password/change/"}
_numbers = itertools.count(1)


def new_user(person: str, name: str = "somebody") -> User:
    powers = {"is_staff": True, "is_superuser": True} if person in _STAFF else {}
    return User.objects.create_user(f"{name}{next(_numbers)}@fuzz.test", PASSWORD, name="Fuzz Test", **powers)


class Bearer:
    """Authenticate; as a new user if the call ends a login."""

    def __init__(self, person: str, user: User) -> None:
        self._person, self._user = person, user
        self._token, self._good_until = "", 0.0

    def get(self, case: Case, context: Any) -> str:
        if context.operation.label in ENDINGS:
            return issue_tokens(new_user(self._person))["access"]
        if time.monotonic() > self._good_until:
            self._token = issue_tokens(self._user)["access"]
            self._good_until = time.monotonic() + _TOKEN_SECONDS
        return self._token

    def set(self, case: Case, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


class Key:
    """Authenticate by an API key with all scopes."""

    def __init__(self, owner: User) -> None:
        scopes = [scope for scope, _ in scopes_of(owner)]
        self._secret = api_keys.create(name="Fuzz test", scopes=scopes, owner=owner).secret

    def get(self, case: Case, context: Any) -> str:
        return self._secret

    def set(self, case: Case, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Api-Key {data}"


def login_of(person: str, user: User) -> AuthProvider | None:
    """A second customer repeats the reads of the first."""
    if person == "anonymous":
        return None
    if person == "superuser":
        return Bearer(person, user)
    if person == "integration":
        return Key(user)
    peers = {"owner": Bearer(person, user), "stranger": Bearer(person, new_user(person, "stranger"))}
    return EscalatingAuthProvider([*peers.values()], [*peers], peers=tuple(peers), pinned="owner")
