"""Password resets by way of a mailed link."""

from typing import Any

from rest_framework.test import APIClient

from accounts.models import User
from conftest import client_of
from shop.dev.testing.mails import link_in, work
from shop.dev.testing.steps import API

RESET_URL, CONFIRM_URL = f"{API}/auth/password/reset/", f"{API}/auth/password/reset/confirm/"
NEW_PASSWORD = "another-horse-battery"


def ask(email: str, **headers: str) -> Any:
    return client_of().post(RESET_URL, {"email": email}, **headers)


def confirm(link: dict[str, str], password: str = NEW_PASSWORD, **changed: Any) -> Any:
    return client_of().post(CONFIRM_URL, {**link, "new_password": password, **changed})


def mailed_link(user: User) -> dict[str, str]:
    assert ask(user.email).status_code == 202
    (mail,) = work()
    assert mail.recipients() == [user.email]
    return link_in(mail, "reset-password")


def logs_in(user: User, password: str) -> bool:
    reply = client_of().post(f"{API}/auth/login/", {"email": user.email, "password": password})
    assert reply.status_code in (200, 401)
    return reply.status_code == 200


def works(access: str) -> bool:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client.get(f"{API}/users/me/").status_code == 200
